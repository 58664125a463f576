#include "agent/flags.h"

#include <algorithm>

#include "base/ensure.h"
#include "base/text.h"

namespace drover::agent {
namespace {

constexpr flag all_flags[] = {
    {"config", "", "a configuration file or a directory of them; may be given several times"},
    {"dev", "", "a server and a client on this machine that forget everything at their end"},
    {"help", "", "this text"},
    {"bind", "bind_addr", "the address to listen on"},
    {"data-dir", "data_dir", "where the state is kept"},
    {"dc", "datacenter", "the datacenter of this agent"},
    {"region", "region", "the region of this agent"},
    {"node", "name", "the name of this agent; by default the machine's"},
    {"log-level", "log_level", "TRACE, DEBUG, INFO, WARN or ERROR"},
    {"log-json", "log_json", "log lines as JSON objects"},
    {"log-include-location", "log_include_location", "log lines with the place in the source"},
    {"plugin-dir", "plugin_dir", "where driver plugins are"},
    {"acl-enabled", "acl.enabled", "control access by tokens"},
    {"acl-replication-token", "acl.replication_token", "the token for other regions"},
    {"server", "server.enabled", "be a server"},
    {"bootstrap-expect", "server.bootstrap_expect", "how many servers a new cluster waits for"},
    {"encrypt", "server.encrypt", "the key of the gossip between servers"},
    {"raft-protocol", "server.raft_protocol", "3"},
    {"rejoin", "server.rejoin_after_leave", "join again after leaving"},
    {"join", "server.server_join.start_join", "a server to join at the start"},
    {"retry-join", "server.server_join.retry_join", "a server to join, tried until it works"},
    {"retry-max", "server.server_join.retry_max", "how often to try; 0 for ever"},
    {"retry-interval", "server.server_join.retry_interval", "the time between tries"},
    {"client", "client.enabled", "be a client"},
    {"state-dir", "client.state_dir", "where the client keeps its state"},
    {"alloc-dir", "client.alloc_dir", "where allocations live"},
    {"alloc-mounts-dir", "client.alloc_mounts_dir", "where allocations are mounted"},
    {"host-volumes-dir", "client.host_volumes_dir", "where dynamic host volumes live"},
    {"host-volume-plugin-dir", "client.host_volume_plugin_dir", "where plugins of host volumes are"},
    {"node-class", "client.node_class", "the class of this node"},
    {"node-pool", "client.node_pool", "the pool of this node"},
    {"client-intro-token", "client.intro_token", "the token of \"node intro create\" with which a new node registers"},
    {"servers", "client.servers", "servers of the client, separated by commas"},
    {"meta", "client.meta", "name=value for jobs to ask for; may be given several times"},
    {"network-interface", "client.network_interface", "the interface whose addresses tasks get"},
    {"network-speed", "client.network_speed", "its speed in Mbit/s"},
    {"preferred-address-family", "client.preferred_address_family", "ipv4 or ipv6"},
};

struct place {
  const schema::type_info* type;
  void* data;
};

place find_member(agent_config& config, std::string_view path) {
  place at{&schema::type_of<agent_config>(), &config};
  for (auto name : split(path, '.')) {
    const auto* member = at.type->record->find_member(name);
    ENSURE(member != nullptr, "a flag names a member of the configuration");
    at = {&member->type(), member->in(at.data)};
  }
  return at;
}

bool is_boolean(const flag& f) {
  if (f.name == "dev" || f.name == "help") return true;
  if (f.member.empty()) return false;
  agent_config shape;
  return find_member(shape, f.member).type->kind == schema::kind::boolean;
}

result<> set_pair(std::map<std::string, std::string>& map, const flag& f, std::string_view text) {
  for (auto each : split(text, ',')) {
    auto equals = each.find('=');
    if (equals == std::string_view::npos || equals == 0) return fail(errc::invalid, "-{} is \"{}\": write name=value", f.name, each);
    map[std::string(each.substr(0, equals))] = each.substr(equals + 1);
  }
  return {};
}

result<> apply(agent_config& config, const flag& f, const std::string& text) {
  auto at = find_member(config, f.member);
  switch (at.type->kind) {
    case schema::kind::string: *static_cast<std::string*>(at.data) = text; return {};
    case schema::kind::boolean: {
      auto parsed = parse_bool(text);
      if (!parsed) return fail(errc::invalid, "-{} is \"{}\": write true or false", f.name, text);
      *static_cast<bool*>(at.data) = *parsed;
      return {};
    }
    case schema::kind::int64: {
      auto parsed = parse_int(text);
      if (!parsed) return fail(errc::invalid, "-{} is \"{}\": write a number", f.name, text);
      *static_cast<int64_t*>(at.data) = *parsed;
      return {};
    }
    case schema::kind::duration: {
      auto parsed = parse_duration(text);
      if (!parsed) return fail(errc::invalid, "-{} is \"{}\": write a duration such as 30s", f.name, text);
      *static_cast<duration*>(at.data) = *parsed;
      return {};
    }
    case schema::kind::list: {
      auto& list = *static_cast<std::vector<std::string>*>(at.data);
      for (auto each : split(text, ',')) list.emplace_back(each);
      return {};
    }
    case schema::kind::map: return set_pair(*static_cast<std::map<std::string, std::string>*>(at.data), f, text);
    default: break;
  }
  ensure_failed("kind", "flags set members of these kinds", std::source_location::current());
}

result<const flag*> find_flag(std::string_view name) {
  for (const auto& each : all_flags)
    if (each.name == name) return &each;
  std::vector<std::string> names;
  for (const auto& each : all_flags) names.emplace_back(each.name);
  auto near = nearest(name, names);
  if (near) return fail(errc::invalid, "flag provided but not defined: -{}; did you mean -{}?", name, *near);
  return fail(errc::invalid, "flag provided but not defined: -{}", name);
}

result<> take(arguments& out, const flag& f, std::string text) {
  if (f.name == "config") {
    out.config_paths.push_back(std::move(text));
    return {};
  }
  if (f.name == "dev" || f.name == "help") {
    auto parsed = parse_bool(text);
    if (!parsed) return fail(errc::invalid, "-{} is \"{}\": write true or false", f.name, text);
    (f.name == "dev" ? out.dev : out.help) = *parsed;
    return {};
  }
  out.settings.push_back({&f, std::move(text)});
  return {};
}

}  // namespace

std::span<const flag> flags() { return all_flags; }

result<arguments> parse_arguments(const std::vector<std::string>& words) {
  arguments out;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (word == "-h") word = "-help";
    if (!word.starts_with('-') || word == "-") return fail(errc::invalid, "This command takes no arguments, but got \"{}\"", word);
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    auto equals = word.find('=');
    TRY_ASSIGN(const auto* f, find_flag(word.substr(0, equals)));
    if (equals != std::string_view::npos) {
      TRY(take(out, *f, std::string(word.substr(equals + 1))));
    } else if (is_boolean(*f)) {
      TRY(take(out, *f, "true"));
    } else {
      if (++i == words.size()) return fail(errc::invalid, "flag needs an argument: -{}", f->name);
      TRY(take(out, *f, words[i]));
    }
  }
  return out;
}

result<agent_config> load_config(const arguments& given) {
  auto config = given.dev ? dev_config() : default_config();
  for (const auto& path : given.config_paths) TRY(apply_path(config, path));
  for (const auto& each : given.settings) TRY(apply(config, *each.which, each.text));
  return config;
}

std::string usage() {
  std::string out =
      "Usage: drover agent [options]\n\n  Starts an agent and runs until an interrupt. The agent may be a client, a server or both.\n\nOptions:\n\n";
  for (const auto& each : all_flags) out += fmt::format("  -{}\n    {}\n\n", each.name, each.help);
  return out;
}

}  // namespace drover::agent
