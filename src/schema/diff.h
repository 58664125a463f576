// The difference between two versions of a job, as `job plan` shows it.
// Plain values; wire names and kinds are in the .cc beside this file. Fields and types follow the public wire (docs/parity.md).
#pragma once

#include "schema/describe.h"
#include "schema/fwd.h"

namespace drover::schema {

struct field_diff {
  std::string type;
  std::string name;
  std::string old;
  std::string new_;
  std::vector<std::string> annotations;
  DROVER_RECORD(field_diff);
};

struct object_diff {
  std::string type;
  std::string name;
  std::vector<schema::field_diff> fields;
  std::vector<schema::object_diff> objects;
  DROVER_RECORD(object_diff);
};

struct task_diff {
  std::string type;
  std::string name;
  std::vector<schema::field_diff> fields;
  std::vector<schema::object_diff> objects;
  std::vector<std::string> annotations;
  DROVER_RECORD(task_diff);
};

struct task_group_diff {
  std::string type;
  std::string name;
  std::vector<schema::field_diff> fields;
  std::vector<schema::object_diff> objects;
  std::vector<schema::task_diff> tasks;
  std::map<std::string, uint64_t> updates;
  DROVER_RECORD(task_group_diff);
};

struct job_diff {
  std::string type;
  std::string id;
  std::vector<schema::field_diff> fields;
  std::vector<schema::object_diff> objects;
  std::vector<schema::task_group_diff> task_groups;
  DROVER_RECORD(job_diff);
};

}  // namespace drover::schema
