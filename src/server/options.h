// How a server runs; filled by the agent from its configuration. Values in force for the server's life unless said otherwise.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "schema/eval.h"

namespace drover::server {

struct gc_thresholds {
  duration interval = minutes(5);
  duration eval = hours(1);
  duration batch_eval = hours(24);
  duration job = hours(4);
  duration deployment = hours(1);
  duration node = hours(24);
};

// What a new cluster's scheduler does unless its operator says otherwise.
inline schema::scheduler_configuration default_scheduler_configuration() {
  schema::scheduler_configuration config;
  config.scheduler_algorithm = "binpack";
  config.preemption_config.system_scheduler_enabled = true;
  return config;
}

struct server_options {
  std::string data_dir;  // <data_dir>/raft and <data_dir>/node-id live here
  std::string name;
  std::string region = "global";
  std::string datacenter = "dc1";
  // host:port that others use.
  std::string rpc_address = "127.0.0.1:4647";
  std::string serf_address = "127.0.0.1:4648";
  std::string http_address = "127.0.0.1:4646";
  int scheduler_workers = 1;
  std::vector<std::string> enabled_schedulers = {"service", "batch", "system", "sysbatch"};

  duration min_heartbeat_ttl = seconds(10);
  double max_heartbeats_per_second = 50;
  duration heartbeat_grace = seconds(10);
  duration failover_heartbeat_ttl = seconds(300);
  duration eval_nack_timeout = seconds(60);
  int eval_delivery_limit = 3;
  duration eval_failed_follow_up_min = minutes(1);
  duration eval_failed_follow_up_max = minutes(10);
  gc_thresholds gc;
  int64_t job_max_priority = 100;
  int64_t job_default_priority = 50;
  int64_t job_max_count = 50'000;
  int64_t job_tracked_versions = 6;
  int64_t job_max_source_size = 1'000'000;
  // What a new cluster's scheduler configuration starts with.
  schema::scheduler_configuration default_scheduler_config = default_scheduler_configuration();
  uint32_t raft_snapshot_threshold = 8192;
  uint32_t raft_trailing_logs = 2048;
};

}  // namespace drover::server
