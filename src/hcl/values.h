// What the language does with dynamic values: conversions between primitive types, ordered iteration, size. Pure
// functions.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/value.h"
#include "hcl/number.h"

namespace drover::hcl {

// Text of a string, number or bool; nothing for anything else.
std::optional<std::string> to_text(const value& v);
// A number, or a string that is one.
std::optional<value> to_number(const value& v);
// A bool, or the string "true" or "false".
std::optional<bool> to_boolean(const value& v);

// The members by name: the order in which the language goes through an object.
std::vector<const value::object::entry*> sorted_entries(const value::object& o);
// An order of all values: null, bools, numbers, strings, lists, objects.
int compare(const value& a, const value& b);
// Equal values once, in order: how a set is kept.
value::list to_set(value::list elements);

// Memory a value takes, roughly. Stops counting somewhat above `most`.
size_t weight(const value& v, size_t most = SIZE_MAX);
// Depth of nesting: a primitive has 1. Stops at `most`.
int depth(const value& v, int most);

// "text ${attr.x}": a name that is known only when the task runs was kept as it was written.
bool holds_runtime_reference(const value& v);

// Collects members of unique name in linear time; a later one of the same name replaces the earlier.
class object_builder {
 public:
  // False if there was one of that name.
  bool set(std::string name, value v);
  value* find(std::string_view name);
  size_t size() const { return entries_.size(); }
  value::object take();

 private:
  static constexpr size_t indexed_from = 16;
  std::vector<value::object::entry> entries_;
  std::unordered_map<std::string, size_t> index_;  // used from indexed_from on
};

}  // namespace drover::hcl
