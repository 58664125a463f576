// The job language as data: for each kind of block, what it may hold and which member of which record that sets.
// read_body.h walks it. Tables are constant and live for the whole process.
#pragma once

#include <span>
#include <string_view>

#include "base/value.h"
#include "hcl/fwd.h"
#include "schema/describe.h"

namespace drover::jobspec {

// `name = value`. By default the value goes to the member of that name (or `member`), converted to the member's type.
struct attribute_rule {
  std::string_view name;
  std::string_view member = {};
  // Instead: what the attribute does with `record`. Returns what is wrong with the value, or nothing.
  std::string (*set)(void* record, const value& v) = nullptr;
};

enum class label_use : uint8_t { none, needed };

struct body_rules;

// `name "label" { }`. Where it goes follows from the member's type: a record or an optional one may be given once; a
// list gets an element; a map of records an entry named by the label; a map of values takes the body's attributes as
// they are, and `name = { }` as well.
struct block_rule {
  std::string_view name;
  std::string_view member = {};
  // Of the record inside. Null for maps of values.
  const body_rules& (*rules)() = nullptr;
  label_use label = label_use::none;
  // The member of the inner record that the label sets; empty for maps of records, whose key it is.
  std::string_view label_member = {};
  // Instead: where in `record` the inner record goes once it is read.
  void (*put)(void* record, const void* inner) = nullptr;
};

struct body_rules {
  schema::type_getter type;
  std::span<const attribute_rule> attributes;
  std::span<const block_rule> blocks;
  // What follows once everything is read; `body` tells what was given.
  void (*finish)(void* record, const hcl::decoder& body) = nullptr;
};

const body_rules& job_rules();
const body_rules& group_rules();
const body_rules& task_rules();
const body_rules& service_rules();
const body_rules& constraint_rules();
const body_rules& affinity_rules();
const body_rules& network_rules();
const body_rules& resources_rules();
const body_rules& logs_rules();
const body_rules& volume_mount_rules();
const body_rules& identity_rules();
const body_rules& vault_rules();
const body_rules& consul_rules();
const body_rules& secret_rules();
const body_rules& restart_rules();
const body_rules& update_rules();
const body_rules& migrate_rules();
const body_rules& reschedule_rules();
const body_rules& spread_rules();
const body_rules& scaling_rules();

}  // namespace drover::jobspec
