// Allocations, task states and events, placement metrics.
// Plain values; wire names and kinds are in the .cc beside this file. Fields and types follow the public wire (docs/parity.md).
#pragma once

#include "schema/describe.h"
#include "schema/fwd.h"
#include "schema/resources.h"
#include "schema/shared_text.h"
#include "schema/sparse.h"

namespace drover::schema {

struct alloc_deployment_status {
  std::optional<bool> healthy;
  timestamp timestamp;
  bool canary = false;
  uint64_t modify_index = 0;
  DROVER_RECORD(alloc_deployment_status);
};

struct node_score_meta {
  std::string node_id;
  std::map<std::string, double> scores;
  double norm_score = 0;
  DROVER_RECORD(node_score_meta);
};

struct alloc_metric {
  int64_t nodes_evaluated = 0;
  int64_t nodes_filtered = 0;
  int64_t nodes_in_pool = 0;
  std::string node_pool;
  std::map<std::string, int64_t> nodes_available;
  std::map<std::string, int64_t> class_filtered;
  std::map<std::string, int64_t> constraint_filtered;
  int64_t nodes_exhausted = 0;
  std::map<std::string, int64_t> class_exhausted;
  std::map<std::string, int64_t> dimension_exhausted;
  std::vector<std::string> quota_exhausted;
  std::map<std::string, schema::resources> resources_exhausted;
  std::map<std::string, double> scores;
  std::vector<schema::node_score_meta> score_meta_data;
  duration allocation_time;
  int64_t coalesced_failures = 0;
  DROVER_RECORD(alloc_metric);
};

struct alloc_network_status {
  std::string interface_name;
  std::string address;
  std::string address_ipv6;
  std::optional<schema::dns_config> dns;
  DROVER_RECORD(alloc_network_status);
};

struct alloc_state {
  std::string field;
  std::string value;
  timestamp time;
  DROVER_RECORD(alloc_state);
};

struct desired_transition {
  std::optional<bool> migrate;
  std::optional<bool> reschedule;
  std::optional<bool> force_reschedule;
  std::optional<bool> no_shutdown_delay;
  std::optional<bool> migrate_disable_placement;
  DROVER_RECORD(desired_transition);
};

struct reschedule_event {
  int64_t reschedule_time = 0;
  std::string prev_alloc_id;
  std::string prev_node_id;
  duration delay;
  DROVER_RECORD(reschedule_event);
};

struct reschedule_tracker {
  std::vector<schema::reschedule_event> events;
  std::string last_reschedule;
  DROVER_RECORD(reschedule_tracker);
};

struct task_event {
  std::string type;
  int64_t time = 0;
  std::string message;
  std::string display_message;
  std::map<std::string, std::string> details;
  bool fails_task = false;
  std::string restart_reason;
  std::string setup_error;
  std::string driver_error;
  int64_t exit_code = 0;
  int64_t signal = 0;
  duration kill_timeout;
  std::string kill_error;
  std::string kill_reason;
  int64_t start_delay = 0;
  std::string download_error;
  std::string validation_error;
  int64_t disk_limit = 0;
  std::string failed_sibling;
  std::string vault_error;
  std::string task_signal_reason;
  std::string task_signal;
  std::string driver_message;
  std::string generic_source;
  int64_t disk_size = 0;
  DROVER_RECORD(task_event);
};

struct task_state {
  std::string state;
  bool failed = false;
  uint64_t restarts = 0;
  timestamp last_restart;
  timestamp started_at;
  timestamp finished_at;
  std::vector<ref<schema::task_event>> events;
  std::string paused;
  DROVER_RECORD(task_state);
};

// A server may hold a million of these: what few of them have is behind a pointer.
struct allocation {
  std::string id;
  schema::shared_text namespace_;
  schema::shared_text eval_id;
  std::string name;
  schema::shared_text node_id;
  schema::shared_text node_name;
  schema::shared_text job_id;
  ref<schema::job> job;
  schema::shared_text task_group;
  boxed<schema::resources> resources;
  boxed<schema::resources> shared_resources;
  sparse<std::map<std::string, schema::resources>> task_resources;
  ref<schema::allocated_resources> allocated_resources;
  ref<schema::alloc_metric> metrics;
  schema::shared_text desired_status;
  schema::shared_text desired_description;
  schema::desired_transition desired_transition;
  schema::shared_text client_status;
  schema::shared_text client_description;
  sparse<std::map<std::string, schema::task_state>> task_states;
  sparse<std::vector<schema::alloc_state>> alloc_states;
  schema::shared_text previous_allocation;
  schema::shared_text next_allocation;
  schema::shared_text deployment_id;
  boxed<schema::alloc_deployment_status> deployment_status;
  ref<schema::reschedule_tracker> reschedule_tracker;
  ref<schema::alloc_network_status> network_status;
  schema::shared_text followup_eval_id;
  sparse<std::vector<std::string>> preempted_allocations;
  schema::shared_text preempted_by_allocation;
  sparse<std::map<std::string, std::string>> signed_identities;
  schema::shared_text signing_key_id;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  uint64_t alloc_modify_index = 0;
  int64_t create_time = 0;
  int64_t modify_time = 0;
  DROVER_RECORD(allocation);
};

struct alloc_list_stub {
  std::string id;
  std::string eval_id;
  std::string name;
  std::string namespace_;
  std::string node_id;
  std::string node_name;
  std::string job_id;
  std::string job_type;
  uint64_t job_version = 0;
  std::string task_group;
  ref<schema::allocated_resources> allocated_resources;
  std::string desired_status;
  std::string desired_description;
  schema::desired_transition desired_transition;
  std::string client_status;
  std::string client_description;
  std::map<std::string, schema::task_state> task_states;
  std::optional<schema::alloc_deployment_status> deployment_status;
  std::string followup_eval_id;
  std::string next_allocation;
  ref<schema::reschedule_tracker> reschedule_tracker;
  std::vector<std::string> preempted_allocations;
  std::string preempted_by_allocation;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  int64_t create_time = 0;
  int64_t modify_time = 0;
  DROVER_RECORD(alloc_list_stub);
};

}  // namespace drover::schema
