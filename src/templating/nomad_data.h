// What nomadVar, nomadVarList, nomadService and nomadServices give to a template, with the fields and methods that templates expect. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "templating/datum.h"

namespace drover::templating {

struct variable_facts {
  std::string namespace_, path;
  uint64_t create_index = 0, modify_index = 0;
  int64_t create_time = 0, modify_time = 0;  // nanoseconds since 1970
  std::map<std::string, std::string> items{};
};
// A map of the items with Keys, Values, Tuples, ItemsMap, Metadata and Parent; an item has Key, Value, Metadata and Parent.
datum variable_datum(const variable_facts& facts);
// One of nomadVarList: everything but the items.
datum variable_stub_datum(const variable_facts& facts);

struct service_facts {
  std::string id, name, node_id, address, datacenter, job_id, alloc_id;
  int64_t port = 0;
  std::vector<std::string> tags{};
};
datum service_datum(const service_facts& facts);
datum service_stub_datum(std::string name, std::vector<std::string> tags);

}  // namespace drover::templating
