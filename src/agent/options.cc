#include "agent/options.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "agent/client_blocks.h"
#include "base/text.h"
#include "net/stream.h"

namespace drover::agent {
namespace {

server::gc_thresholds gc_thresholds_of(const server_config& from) {
  return {.interval = from.job_gc_interval,
          .eval = from.eval_gc_threshold,
          .batch_eval = from.batch_eval_gc_threshold,
          .job = from.job_gc_threshold,
          .deployment = from.deployment_gc_threshold,
          .node = from.node_gc_threshold,
          .acl_token = from.acl_token_gc_threshold};
}

client::gc_options client_gc_of(const client_config& from) {
  return {.interval = from.gc_interval,
          .disk_usage_threshold = from.gc_disk_usage_threshold,
          .inode_usage_threshold = from.gc_inode_usage_threshold,
          .max_allocs = static_cast<size_t>(std::max<int64_t>(from.gc_max_allocs, 0)),
          .parallel_destroys = static_cast<size_t>(std::max<int64_t>(from.gc_parallel_destroys, 1))};
}

server::gossip_options gossip_options_of(const agent_config& config) {
  server::gossip_options o;
  auto bind = net::parse_endpoint(listen_address(config, &addresses_config::serf));
  if (bind) {
    o.bind_address = bind->host;
    o.bind_port = bind->port;
  }
  auto advertise = net::parse_endpoint(advertised_address(config, &addresses_config::serf));
  if (advertise) {
    o.advertise_address = advertise->host;
    o.advertise_port = advertise->port;
  }
  o.encrypt = config.server.encrypt;
  return o;
}

// The server_join block, and the keys that did the same before there was one.
void fill_join(server::server_options& o, const server_config& from) {
  o.start_join = from.server_join.start_join;
  o.start_join.insert(o.start_join.end(), from.start_join.begin(), from.start_join.end());
  o.retry_join = from.server_join.retry_join;
  o.retry_join.insert(o.retry_join.end(), from.retry_join.begin(), from.retry_join.end());
  o.retry_max = static_cast<int>(from.server_join.retry_max > 0 ? from.server_join.retry_max : from.retry_max);
  o.retry_interval = from.server_join.retry_join.empty() ? from.retry_interval : from.server_join.retry_interval;
  o.rejoin_after_leave = from.rejoin_after_leave;
}

// For a client whose server is elsewhere.
void fill_servers(client::client_options& o, const client_config& from) {
  o.servers = from.servers;
  o.server_join = {.retry_join = from.server_join.retry_join, .retry_max = from.server_join.retry_max, .retry_interval = from.server_join.retry_interval};
  if (const auto& drain = from.drain_on_shutdown)
    o.drain_on_shutdown = client::drain_options{.deadline = drain->deadline, .ignore_system_jobs = drain->ignore_system_jobs, .force = drain->force};
}

}  // namespace

int scheduler_workers(const agent_config& config) {
  if (config.server.num_schedulers >= 0) return static_cast<int>(config.server.num_schedulers);
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

result<int64_t> parse_size(std::string_view text) {
  auto number = trim(text);
  while (!number.empty() && !std::isdigit(static_cast<unsigned char>(number.back()))) number.remove_suffix(1);
  auto unit = to_lower(trim(trim(text).substr(number.size())));
  if (unit.ends_with("b")) unit.pop_back();
  if (unit.ends_with("i")) unit.pop_back();
  auto count = parse_int(number);
  int64_t factor = unit.empty() ? 1 : unit == "k" ? 1 << 10 : unit == "m" ? 1 << 20 : unit == "g" ? 1 << 30 : 0;
  if (!count || *count < 0 || factor == 0) return fail(errc::invalid, "\"{}\" is no size: write a number of bytes, or one like 512K or 1M", text);
  return *count * factor;
}

server::server_options server_options_of(const agent_config& config) {
  const auto& from = config.server;
  server::server_options o;
  o.data_dir = config.data_dir;
  o.name = config.name;
  o.region = config.region;
  o.datacenter = config.datacenter;
  o.rpc_address = advertised_address(config, &addresses_config::rpc);
  o.serf_address = advertised_address(config, &addresses_config::serf);
  o.http_address = advertised_address(config, &addresses_config::http);
  o.scheduler_workers = scheduler_workers(config);
  if (!from.enabled_schedulers.empty()) o.enabled_schedulers = from.enabled_schedulers;
  o.min_heartbeat_ttl = from.min_heartbeat_ttl;
  o.max_heartbeats_per_second = from.max_heartbeats_per_second;
  o.heartbeat_grace = from.heartbeat_grace;
  o.failover_heartbeat_ttl = from.failover_heartbeat_ttl;
  o.gc = gc_thresholds_of(from);
  o.gc.global_acl_tokens = from.authoritative_region.empty() || from.authoritative_region == config.region;
  o.keyring = {.gc_interval = from.root_key_gc_interval,
               .gc_threshold = from.root_key_gc_threshold,
               .rotation_threshold = from.root_key_rotation_threshold,
               .oidc_issuer = from.oidc_issuer};
  o.client_introduction = {.enforcement = from.client_introduction.enforcement,
                           .default_identity_ttl = from.client_introduction.default_identity_ttl,
                           .max_identity_ttl = from.client_introduction.max_identity_ttl};
  o.job_max_priority = from.job_max_priority;
  o.job_default_priority = from.job_default_priority;
  o.job_max_count = from.job_max_count;
  o.job_tracked_versions = from.job_tracked_versions;
  if (auto size = parse_size(from.job_max_source_size)) o.job_max_source_size = *size;
  o.default_scheduler_config = from.default_scheduler_config;
  o.default_autopilot_config = config.autopilot;
  o.raft_snapshot_threshold = static_cast<uint32_t>(from.raft_snapshot_threshold);
  o.raft_trailing_logs = static_cast<uint32_t>(from.raft_trailing_logs);
  o.raft_multiplier = static_cast<int>(std::clamp<int64_t>(from.raft_multiplier, 1, 10));
  o.bootstrap_expect = static_cast<int>(from.bootstrap_expect);
  o.gossip = gossip_options_of(config);
  o.acl = {.enabled = config.acl.enabled,
           .token_min_expiration = config.acl.token_min_expiration_ttl,
           .token_max_expiration = config.acl.token_max_expiration_ttl,
           .replication_token = config.acl.replication_token,
           .authoritative_region = from.authoritative_region,
           .redact_job_values = config.acl.redact_job_values};
  o.search = {.fuzzy_enabled = from.search.fuzzy_enabled,
              .limit_query = static_cast<size_t>(from.search.limit_query),
              .limit_results = static_cast<size_t>(from.search.limit_results),
              .min_term_length = static_cast<size_t>(from.search.min_term_length)};
  fill_join(o, from);
  return o;
}

// A block fingerprint "env_aws" {} in the client block asks for that one, which is not run otherwise.
static void ask_fingerprints(const value& blocks, std::map<std::string, std::string>& options) {
  if (const auto* list = blocks.as_list())
    for (const auto& each : *list) ask_fingerprints(each, options);
  if (const auto* named = blocks.as_object())
    for (const auto& [name, settings] : *named) options.try_emplace("fingerprint." + name, "true");
}

client::client_options client_options_of(const agent_config& config) {
  const auto& from = config.client;
  client::client_options o;
  o.data_dir = config.data_dir;
  o.state_dir = from.state_dir;
  o.alloc_dir = from.alloc_dir;
  o.region = config.region;
  o.datacenter = config.datacenter;
  o.node_name = config.name;
  o.node_class = from.node_class;
  o.node_pool = from.node_pool;
  o.introduction_token = from.intro_token;
  if (const char* token = std::getenv("NOMAD_CLIENT_INTRO_TOKEN"); token != nullptr && o.introduction_token.empty()) o.introduction_token = token;
  o.meta = from.meta;
  o.options = from.options;
  ask_fingerprints(from.fingerprint, o.options);
  o.reserved = {.cpu = from.reserved.cpu,
                .memory_mb = from.reserved.memory,
                .disk_mb = from.reserved.disk,
                .ports = from.reserved.reserved_ports,
                .cores = from.reserved.cores,
                .reservable_cores = from.reservable_cores};
  o.host_uuid = !from.no_host_uuid;
  o.default_ineligible = from.default_ineligible;
  o.gc_volumes_on_node_gc = from.gc_volumes_on_node_gc;
  o.http_address = advertised_address(config, &addresses_config::http);
  o.tls_enabled = config.tls.http;
  o.network_interface = from.network_interface;
  o.preferred_address_family = from.preferred_address_family;
  o.network = {.bridge_name = from.bridge_network_name,
               .bridge_subnet = from.bridge_network_subnet,
               .bridge_subnet_ipv6 = from.bridge_network_subnet_ipv6,
               .bridge_hairpin = from.bridge_network_hairpin_mode,
               .bind_wildcard = from.bind_wildcard_default_host_network,
               .cni_path = from.cni_path,
               .cni_config_dir = from.cni_config_dir};
  o.network_speed = from.network_speed;
  o.cpu_total_compute = from.cpu_total_compute;
  o.memory_total_mb = from.memory_total_mb;
  o.disk_total_mb = from.disk_total_mb;
  o.min_dynamic_port = from.min_dynamic_port;
  o.max_dynamic_port = from.max_dynamic_port;
  for (const auto& [name, each] : from.host_network)
    o.host_networks[name] = {.name = name, .cidr = each.cidr, .interface = each.interface, .reserved_ports = each.reserved_ports};
  for (const auto& [name, each] : from.host_volume) {
    auto& volume = o.host_volumes[name];
    volume.name = name;
    volume.path = each.path;
    volume.read_only = each.read_only;
  }
  o.host_volumes_dir = from.host_volumes_dir;
  o.host_volume_plugin_dir = from.host_volume_plugin_dir;
  o.chroot_env = from.chroot_env;
  o.cgroup_parent = from.cgroup_parent;
  o.max_kill_timeout = from.max_kill_timeout;
  o.node_max_allocs = from.node_max_allocs;
  o.disable_remote_exec = from.disable_remote_exec;
  o.service_discovery = from.nomad_service_discovery;
  for (const auto& [name, each] : config.plugin) {
    o.drivers[name] = each.config;
    if (!each.args.empty()) o.external_drivers.args[name] = each.args;
  }
  o.external_drivers.directory = config.plugin_dir;
  o.external_drivers.min_port = from.client_min_port;
  o.external_drivers.max_port = from.client_max_port;
  o.gc = client_gc_of(from);
  if (auto templates = template_options_of(from.template_)) o.templates = *templates;
  if (auto artifacts = artifact_options_of(from.artifact)) o.artifacts = *artifacts;
  o.dev_mode = config.dev_mode;
  fill_servers(o, from);
  return o;
}

result<log::options> log_options_of(const agent_config& config) {
  auto level = log::parse_level(config.log_level);
  if (!level) return fail(errc::invalid, "log_level is \"{}\": use TRACE, DEBUG, INFO, WARN or ERROR", config.log_level);
  return log::options{.level = *level,
                      .json = config.log_json,
                      .file = config.log_file,
                      .rotate_bytes = config.log_rotate_bytes,
                      .rotate_duration = config.log_rotate_duration,
                      .rotate_max_files = static_cast<int>(config.log_rotate_max_files)};
}

}  // namespace drover::agent
