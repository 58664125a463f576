// Records that are stored but have no shape on the public wire.
// Plain values; descriptions in records.cc.
#pragma once

#include "schema/acl.h"
#include "schema/describe.h"
#include "schema/eval.h"

namespace drover::state {

// The last launch of a periodic job.
struct periodic_launch {
  std::string id;
  std::string namespace_;
  timestamp launch;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(periodic_launch);
};

// What was scaled, newest first, per group of one job.
struct job_scaling_events {
  std::string namespace_;
  std::string job_id;
  std::map<std::string, std::vector<schema::scaling_event>> scaling_events;
  uint64_t modify_index = 0;
  DROVER_RECORD(job_scaling_events);
};

struct cluster_metadata {
  std::string cluster_id;
  int64_t create_time = 0;
  uint64_t create_index = 0;
  // What is added to Raft's index to give the index of the state: above 0 once a snapshot with higher indexes was restored (fsm/machine.h).
  uint64_t index_offset = 0;
  DROVER_RECORD(cluster_metadata);
};

// A variable as it rests: its items are sealed with a root key before they enter the log.
struct sealed_variable {
  std::string namespace_;
  std::string path;
  bytes data;
  std::string key_id;
  std::optional<schema::variable_lock> lock;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  int64_t create_time = 0;
  int64_t modify_time = 0;
  DROVER_RECORD(sealed_variable);
};

// A root key: what is public about it, and the key itself wrapped by one or more providers.
struct wrapped_key {
  std::string provider;
  std::string provider_id;
  bytes wrapped_data_key;
  bytes wrapped_rsa_key;
  bytes key_encryption_key;
  DROVER_RECORD(wrapped_key);
};
struct root_key : schema::root_key_meta {
  std::vector<state::wrapped_key> wrapped_keys;
  DROVER_RECORD(root_key);
};

}  // namespace drover::state
