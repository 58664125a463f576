// What a configuration needs before it can run: defaults from the machine, and refusal of what makes no sense.
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "agent/address.h"
#include "agent/client_blocks.h"
#include "agent/config.h"
#include "agent/limits.h"
#include "agent/options.h"
#include "agent/syslog.h"
#include "agent/tls.h"
#include "base/text.h"
#include "client/cpu_list.h"

namespace drover::agent {
namespace {

struct listener {
  std::string_view name;
  std::string addresses_config::* address;
  int64_t ports_config::* port;
};
constexpr listener listeners[] = {{"http", &addresses_config::http, &ports_config::http},
                                  {"rpc", &addresses_config::rpc, &ports_config::rpc},
                                  {"serf", &addresses_config::serf, &ports_config::serf}};

const listener& listener_of(std::string addresses_config::* which) {
  for (const auto& each : listeners)
    if (each.address == which) return each;
  return listeners[0];
}

bool has_port(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  return text.find(':') == colon || text[colon - 1] == ']';
}

std::string with_port(std::string_view host, int64_t port) {
  if (has_port(host)) return std::string(host);
  if (host.find(':') != std::string_view::npos && !host.starts_with('[')) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

result<> fill_name(agent_config& config) {
  if (config.name.empty()) {
    char host[256] = {};
    if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0') return fail(errc::invalid, "this machine has no host name: set name");
    config.name = host;
  }
  return {};
}

result<> expand_addresses(agent_config& config) {
  auto have = interface_addresses();
  TRY_ASSIGN(config.bind_addr, expand_address("bind_addr", config.bind_addr, have));
  for (const auto& each : listeners) {
    auto& bind = config.addresses.*each.address;
    TRY_ASSIGN(bind, expand_address(fmt::format("addresses.{}", each.name), bind, have));
    if (bind.empty()) bind = config.bind_addr;
    auto& advertise = config.advertise.*each.address;
    TRY_ASSIGN(advertise, expand_address(fmt::format("advertise.{}", each.name), advertise, have));
    if (!advertise.empty()) continue;
    // Listening on every address says nothing about which one others reach.
    auto first = bind.substr(0, bind.find(' '));
    if (first != "0.0.0.0" && first != "::" && first != "[::]") {
      advertise = first;
      continue;
    }
    auto own = expand_address("advertise", "{{ GetPrivateIP }}", have);
    if (!own) own = expand_address("advertise", "{{ GetPublicIP }}", have);
    advertise = own ? *own : "127.0.0.1";
  }
  return {};
}

result<> check_ports(const agent_config& config) {
  for (const auto& each : listeners) {
    auto port = config.ports.*each.port;
    if (port < 0 || port > 65535) return fail(errc::invalid, "ports.{} is {}; a port is between 0 and 65535", each.name, port);
  }
  return {};
}

result<> check_data_dir(const agent_config& config) {
  if (config.data_dir.empty()) return fail(errc::invalid, "Must specify \"data_dir\" config option or \"-data-dir\" CLI flag");
  if (config.data_dir.front() != '/') return fail(errc::invalid, "data_dir must be given as an absolute path, not \"{}\"", config.data_dir);
  return {};
}

// The older names stand beside the block; both together would hide one of them.
result<> check_join(const agent_config& config) {
  const auto& server = config.server;
  const auto& block = server.server_join;
  constexpr std::string_view both = "server_join and {} cannot both be defined; prefer setting the server_join block";
  if (!block.start_join.empty() && !server.start_join.empty()) return fail(errc::invalid, both, "start_join");
  if (!config.client.server_join.start_join.empty())
    return fail(errc::invalid, "start_join is not supported for Nomad clients: name their servers in retry_join");
  if (block.retry_join.empty()) return {};
  if (!server.retry_join.empty()) return fail(errc::invalid, both, "retry_join");
  if (!server.start_join.empty()) return fail(errc::invalid, both, "start_join");
  if (server.retry_max != 0) return fail(errc::invalid, both, "retry_max");
  if (server.retry_interval != server_config().retry_interval) return fail(errc::invalid, both, "retry_interval");
  if (!block.start_join.empty()) return fail(errc::invalid, "retry_join and start_join cannot both be defined: retry_join does both");
  return {};
}

result<> check_introduction(const client_introduction_config& introduction) {
  const auto& level = introduction.enforcement;
  if (level != "none" && level != "warn" && level != "strict")
    return fail(errc::invalid, "server.client_introduction.enforcement is \"{}\": use none, warn or strict", level);
  if (introduction.default_identity_ttl.ns <= 0) return fail(errc::invalid, "server.client_introduction.default_identity_ttl must be above zero");
  if (introduction.max_identity_ttl < introduction.default_identity_ttl)
    return fail(errc::invalid, "server.client_introduction.max_identity_ttl must be greater than or equal to default_identity_ttl");
  return {};
}

result<> check_keys(const server_config& server) {
  if (server.root_key_gc_interval < seconds(1)) return fail(errc::invalid, "server.root_key_gc_interval must be at least 1s");
  if (server.root_key_rotation_threshold < seconds(1)) return fail(errc::invalid, "server.root_key_rotation_threshold must be at least 1s");
  return {};
}

// As Nomad has it for what is searched: a term of one letter and the like are its operator's decision, nothing and less are not.
result<> check_search(const search_config& search) {
  const std::pair<std::string_view, int64_t> each[] = {
      {"limit_query", search.limit_query}, {"limit_results", search.limit_results}, {"min_term_length", search.min_term_length}};
  for (auto [name, number] : each)
    if (number < 1 || number > search_limit_max)
      return fail(errc::invalid, "server.search.{} is {}; it must be between 1 and {}", name, number, search_limit_max);
  return {};
}

result<> check_server(const server_config& server) {
  TRY(check_introduction(server.client_introduction));
  TRY(check_keys(server));
  TRY(check_search(server.search));
  if (server.raft_protocol != 3) return fail(errc::invalid, "server.raft_protocol is {}; only 3 is supported", server.raft_protocol);
  if (server.bootstrap_expect < 0) return fail(errc::invalid, "server.bootstrap_expect is {}; it must not be negative", server.bootstrap_expect);
  if (server.raft_multiplier < 1 || server.raft_multiplier > 10)
    return fail(errc::invalid, "server.raft_multiplier is {}; it must be between 1 and 10", server.raft_multiplier);
  if (server.job_max_priority < 100 || server.job_max_priority > 32766)
    return fail(errc::invalid, "server.job_max_priority is {}; it must be between 100 and 32766", server.job_max_priority);
  if (server.job_default_priority < 1 || server.job_default_priority > server.job_max_priority)
    return fail(errc::invalid, "server.job_default_priority is {}; it must be between 1 and job_max_priority ({})", server.job_default_priority,
                server.job_max_priority);
  if (server.job_tracked_versions < 1) return fail(errc::invalid, "server.job_tracked_versions is {}; it must be at least 1", server.job_tracked_versions);
  for (const auto& name : server.enabled_schedulers)
    if (name != "service" && name != "batch" && name != "system" && name != "sysbatch" && name != "_core")
      return fail(errc::invalid, "server.enabled_schedulers names \"{}\": use service, batch, system, sysbatch", name);
  TRY(parse_size(server.job_max_source_size));
  return {};
}

result<> check_client(const client_config& client) {
  if (client.node_pool.empty() || client.node_pool == "all")
    return fail(errc::invalid, "client.node_pool is \"{}\"; a node is in one pool with a name", client.node_pool);
  if (client.min_dynamic_port < 0 || client.max_dynamic_port > 65535 || client.min_dynamic_port > client.max_dynamic_port)
    return fail(errc::invalid, "client.min_dynamic_port and max_dynamic_port are {} and {}; they must be ports in that order", client.min_dynamic_port,
                client.max_dynamic_port);
  for (auto [key, text] : {std::pair("reservable_cores", &client.reservable_cores), std::pair("reserved.cores", &client.reserved.cores)})
    if (auto cores = client::parse_cpu_list(*text); !cores) return fail(errc::invalid, "client.{}: {}", key, cores.error().text());
  for (const auto& [name, volume] : client.host_volume)
    if (volume.path.empty()) return fail(errc::invalid, "client.host_volume \"{}\" has no path", name);
  return {};
}

}  // namespace

std::string listen_address(const agent_config& config, std::string addresses_config::* which) {
  const auto& each = listener_of(which);
  return with_port(config.addresses.*which, config.ports.*each.port);
}

std::string advertised_address(const agent_config& config, std::string addresses_config::* which) {
  const auto& each = listener_of(which);
  return with_port(config.advertise.*which, config.ports.*each.port);
}

std::vector<std::string> http_listen_addresses(const agent_config& config) {
  std::vector<std::string> out;
  for (auto host : split(config.addresses.http, ' '))
    if (!host.empty()) out.push_back(with_port(host, config.ports.http));
  return out;
}

result<> finish(agent_config& config) {
  if (!config.server.enabled && !config.client.enabled) return fail(errc::invalid, "Must specify either server, client or dev mode for the agent.");
  TRY(fill_name(config));
  TRY(expand_addresses(config));
  TRY(check_ports(config));
  TRY(check_data_dir(config));
  TRY(check_server(config.server));
  TRY(check_client(config.client));
  TRY(template_options_of(config.client.template_));
  TRY(artifact_options_of(config.client.artifact));
  TRY(check_join(config));
  TRY(check_tls(config.tls));
  TRY(log_options_of(config));
  TRY(parse_syslog_facility(config.syslog_facility));
  return {};
}

}  // namespace drover::agent
