// How a server runs; filled by the agent from its configuration. Values in force for the server's life unless said otherwise.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "gossip/timing.h"
#include "net/stream.h"
#include "net/tls.h"
#include "schema/eval.h"
#include "schema/operator_rpc.h"

namespace drover::rpc {
class method_table;
class connection_pool;
}  // namespace drover::rpc

namespace drover::server {

struct gc_thresholds {
  duration interval = minutes(5);
  duration eval = hours(1);
  duration batch_eval = hours(24);
  duration job = hours(4);
  duration deployment = hours(1);
  duration node = hours(24);
  duration acl_token = hours(1);  // of expired ones, since they were made
  bool global_acl_tokens = true;  // false: another region removes them
};

// Root keys and what is signed with them.
struct keyring_options {
  duration gc_interval = minutes(10);
  duration gc_threshold = hours(1);
  duration rotation_threshold = hours(720);
  // "iss" of every identity, and where discovery documents are; empty: neither.
  std::string oidc_issuer{};
};

// Who may register a node that is new here: "none" anybody, "warn" anybody and a line in the log, "strict" only with a token of
// `node introduction create`.
struct client_introduction_options {
  std::string enforcement = "warn";
  duration default_identity_ttl = minutes(5);
  duration max_identity_ttl = minutes(30);
};

// What a new cluster's scheduler does unless its operator says otherwise.
inline schema::scheduler_configuration default_scheduler_configuration() {
  schema::scheduler_configuration config;
  config.scheduler_algorithm = "binpack";
  config.preemption_config.system_scheduler_enabled = true;
  return config;
}

// What a new cluster's autopilot does unless its operator says otherwise.
inline schema::autopilot_config default_autopilot_configuration() {
  schema::autopilot_config config;
  config.cleanup_dead_servers = true;
  config.last_contact_threshold = milliseconds(200);
  config.max_trailing_logs = 250;
  config.server_stabilization_time = seconds(10);
  return config;
}

// How this server takes part in the gossip pool.
struct gossip_options {
  std::string bind_address = "0.0.0.0";  // literal IP
  uint16_t bind_port = 4648;             // 0: a free one
  std::string advertise_address;         // empty: as gossip::options has it
  uint16_t advertise_port = 0;
  std::string encrypt;  // base64 key of a new keyring; empty and no keyring file: no encryption
  gossip::timing timing{};
};

// How servers prove to each other who they are, with TLS. Functions are asked for each connection, so that reloaded certificates count.
struct server_tls {
  // For Raft connections to others of the region; null or a null answer: plain.
  std::function<std::shared_ptr<const net::tls_context>()> raft_client;
  // Whether the other side of a Raft connection is a server of this region; null: not looked at.
  std::function<result<>(const net::byte_stream&)> check_raft_peer;
  // Whether the names of a caller's certificate are those of a server (calls that only servers may make); null: not looked at.
  std::function<bool(std::span<const std::string> names)> is_server;
};

struct server_acl_options {
  bool enabled = false;
  duration token_min_expiration = minutes(1);
  duration token_max_expiration = hours(24);
  // With which servers of other regions fetch policies, roles and global tokens from the authoritative region; empty: they do not.
  std::string replication_token;
  std::string authoritative_region;  // empty: this one
  // Values of jobs that are named as secrets are shown only to who may write the job or has read-job-secrets.
  bool redact_job_values = true;
};

// How much a fuzzy search looks at and answers with; each context by itself.
struct search_options {
  bool fuzzy_enabled = true;
  size_t limit_query = 20;  // finds kept before the best are taken: fifty times this
  size_t limit_results = 100;
  size_t min_term_length = 2;
};

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
  keyring_options keyring;
  client_introduction_options client_introduction;
  int64_t job_max_priority = 100;
  int64_t job_default_priority = 50;
  int64_t job_max_count = 50'000;
  int64_t job_tracked_versions = 6;
  int64_t job_max_source_size = 1'000'000;
  // What a new cluster's scheduler configuration starts with.
  schema::scheduler_configuration default_scheduler_config = default_scheduler_configuration();
  uint32_t raft_snapshot_threshold = 8192;
  uint32_t raft_trailing_logs = 2048;
  // Scales Raft's timeouts: 1 to 10.
  int raft_multiplier = 1;
  schema::autopilot_config default_autopilot_config = default_autopilot_configuration();

  // The way to other servers; null: this server is alone. Must outlive the server.
  rpc::connection_pool* pool = nullptr;
  // Nothing: no gossip, so no other servers.
  std::optional<gossip_options> gossip;
  server_tls tls;
  server_acl_options acl;
  search_options search;
  // What this agent answers whatever else it is ("Agent.Monitor"). Null: nothing. Must outlive the server.
  const rpc::method_table* own_methods = nullptr;
  // How many servers form the first cluster together. 1: this one alone, at once. 0: wait to be added to a cluster. Without meaning once
  // there is a log.
  int bootstrap_expect = 1;
  std::vector<std::string> start_join;  // tried once
  std::vector<std::string> retry_join;  // until one answers
  int retry_max = 0;                    // 0: without end
  duration retry_interval = seconds(30);
  bool rejoin_after_leave = false;
  // Called when the server cannot do what it was told to (retry_max was reached): the process should end.
  std::function<void(error)> on_fatal;
};

}  // namespace drover::server
