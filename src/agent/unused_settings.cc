// Keys that are read for the sake of existing files and have no effect: who sets one is told.
#include <algorithm>

#include "agent/config.h"
#include "base/value.h"
#include "codec/json.h"

namespace drover::agent {
namespace {

// Why a group of keys has none; each key below the block, as it is written in a file.
struct without_effect {
  std::string_view block;
  std::vector<std::string_view> keys;
  std::string_view why;
};

const std::vector<without_effect>& table() {
  static const std::vector<without_effect> all{
      {"server", {"non_voting_server", "redundancy_zone", "upgrade_version", "license_path", "non_production"}, "Nomad has it in its paid edition"},
      {"server", {"data_dir", "log_file"}, "the agent's own data_dir and log_file hold"},
      {"server", {"plan_rejection_tracker"}, "a plan is checked by what it was made with, so none is rejected again and again"},
      {"server", {"plan_apply_pipeline", "deploy_query_rate_limit", "start_timeout"}, "the program sees to that itself"},
      {"server", {"raft_logstore", "raft_boltdb", "raft_snapshot_interval"}, "the log is our own: it is cut by size and number of entries"},
      {"server",
       {"csi_volume_claim_gc_interval", "csi_volume_claim_gc_threshold", "csi_plugin_gc_threshold"},
       "claims are given back and plugins go as soon as nobody uses them"},
      {"client", {"alloc_mounts_dir", "cpu_disable_dmidecode", "disk_free_mb", "log_file"}, "what this machine has is read from its kernel"},
      {"client", {"users", "fingerprint"}, "the program sees to that itself"},
      {"telemetry", {"in_memory_collection_interval", "in_memory_retention_period"}, "metrics are counted when they are asked for"},
      {"telemetry", {"disable_quota_utilization_metrics", "disable_rpc_rate_metrics_labels", "disable_allocation_hook_metrics"}, "there are no such metrics"},
      {"telemetry", {"circonus_api_token", "circonus_submission_url", "circonus_api_url"}, "metrics go to statsd, statsite, datadog and /v1/metrics only"},
      {"ui", {"content_security_policy", "consul", "vault", "label"}, "there is no such page yet"},
  };
  return all;
}

value block_of(const value& config, std::string_view block) {
  const auto* found = config.find(block == "ui" ? "UI" : schema::wire_name(std::string(block)));
  return found == nullptr ? value() : *found;
}

// The keys of a row that differ from what they are when nobody sets them.
std::string set_keys(const without_effect& row, const value& given, const value& unset) {
  std::string out;
  for (auto key : row.keys) {
    const auto wire = schema::wire_name(std::string(key));
    const auto *have = given.find(wire), *usual = unset.find(wire);
    if (have == nullptr || (usual != nullptr && *have == *usual)) continue;
    out += fmt::format("{}{}.{}", out.empty() ? "" : ", ", row.block, key);
  }
  return out;
}

value shown(const agent_config& config) {
  auto out = codec::value_from_json(codec::to_json(config));
  return out ? *std::move(out) : value(value::object());
}

void note_table(const agent_config& config, std::vector<std::string>& out) {
  const auto given = shown(config), unset = shown(config.dev_mode ? dev_config() : default_config());
  for (const auto& row : table())
    if (auto keys = set_keys(row, block_of(given, row.block), block_of(unset, row.block)); !keys.empty())
      out.push_back(fmt::format("{}: read and without effect; {}", keys, row.why));
}

}  // namespace

std::vector<std::string> unused_settings(const agent_config& config) {
  std::vector<std::string> out;
  auto note = [&](bool set, std::string sentence) {
    if (set) out.push_back(std::move(sentence));
  };
  note(config.server.enabled && (!config.client.servers.empty() || !config.client.server_join.retry_join.empty()),
       "client.servers is set, but a client uses the server of its own process");
  note(config.server.enabled && config.server.bootstrap_expect > 1 && config.server.bootstrap_expect % 2 == 0,
       fmt::format("server.bootstrap_expect is {}: an even number of servers survives no more losses than one server less", config.server.bootstrap_expect));
  for (auto [block, given] : {std::pair("consul", &config.consul), std::pair("vault", &config.vault)})
    note(!given->is_null(), fmt::format("the {} block is read and does nothing: services, variables and identities are kept by the servers themselves", block));
  note(!config.rpc.is_null(), "the rpc block is read and does nothing: connections are tuned by the program itself");
  note(!config.sentinel.is_null() || !config.reporting.is_null(), "sentinel and reporting are read and do nothing");
  note(!config.keyring.is_null(), "keyring is read, but root keys are always kept as its provider \"aead\" keeps them");
  note_table(config, out);
  return out;
}

}  // namespace drover::agent
