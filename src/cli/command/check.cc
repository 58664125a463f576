// check: is this agent well? Exit codes as Nagios reads them.
#include "base/text.h"
#include "cli/command/all.h"
#include "codec/json.h"

namespace drover::cli::commands {
namespace {

enum exit_code : int { passing = 0, warning = 1, critical = 2 };

constexpr flag_spec flags[] = {
    {"min-peers", flag_kind::number, "How many peers a server must know."},
    {"min-servers", flag_kind::number, "How many servers a client must know (1)."},
};

// stats.<part>.<name> of agent/self.
const std::string* stat_of(const value& self, std::string_view part, std::string_view name) {
  const value* at = &self;
  for (auto step : {std::string_view("stats"), part, name}) {
    at = at->find(step);
    if (at == nullptr) return nullptr;
  }
  return at->as_string();
}

int complain(context& c, std::string sentence) {
  c.say(sentence);
  return critical;
}

int check_server(context& c, const value& self) {
  const auto* text = stat_of(self, "raft", "num_peers");
  auto peers = text != nullptr ? parse_int(*text) : std::nullopt;
  if (!peers) return complain(c, "unable to get known peers");
  auto wanted = c.flags.number("min-peers");
  if (*peers < wanted) return complain(c, fmt::format("known peers: {}, is less than expected number of peers: {}", *peers, wanted));
  return passing;
}

int check_client(context& c, const value& self) {
  const auto* servers_text = stat_of(self, "client", "known_servers");
  size_t servers = 0;
  if (servers_text != nullptr)
    for (auto each : split(*servers_text, ',')) servers += trim(each).empty() ? 0 : 1;
  const auto* ttl_text = stat_of(self, "client", "heartbeat_ttl");
  const auto* last_text = stat_of(self, "client", "last_heartbeat");
  auto ttl = parse_duration(ttl_text != nullptr ? *ttl_text : "");
  auto last = parse_duration(last_text != nullptr ? *last_text : "");
  if (!ttl || !last) return complain(c, "unable to get the time of the last heartbeat");
  if (*last > *ttl) return complain(c, fmt::format("last heartbeat was \"{}\" time ago, expected heartbeat ttl: \"{}\"", *last_text, *ttl_text));
  auto wanted = c.flags.number("min-servers", 1);
  if (static_cast<int64_t>(servers) < wanted)
    return complain(c, fmt::format("known servers: {}, is less than expected number of servers: {}", servers, wanted));
  return passing;
}

result<int> run(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto self = c.api.get<value>("/v1/agent/self");
  if (!self) return complain(c, "unable to query agent info: " + self.error().text());
  if (stat_of(*self, "nomad", "leader") != nullptr) return check_server(c, *self);
  if (stat_of(*self, "client", "node_id") != nullptr) return check_client(c, *self);
  return warning;
}

}  // namespace

const command check = {.name = "check",
                       .synopsis = "Say by the exit code whether the agent is well",
                       .usage = "[options]",
                       .help = "Exits 0 if it is, 2 if not, and 1 if it cannot be told: as Nagios and its kin read it.",
                       .flags = flags,
                       .run = &run};

}  // namespace drover::cli::commands
