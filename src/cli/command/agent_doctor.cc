// agent doctor: is this machine fit to be a node, and which addresses did its agent choose for what, and why?
#include <algorithm>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/doctor/machine.h"
#include "cli/format/colour.h"
#include "cli/format/table.h"
#include "codec/json.h"
#include "schema/node.h"

namespace drover::cli::commands {
namespace {

using doctor::finding;
using doctor::verdict;

constexpr flag_spec flags[] = {
    {"data-dir", flag_kind::text, "The data directory that an agent would have here; that of the running agent by default, else /var."},
    json_flag,
};

// What the agent that answers says of itself.
struct agent_view {
  bool runs = false;
  std::string error, data_dir;
  std::vector<std::string> networks;
  std::vector<finding> findings;
};

std::string text_at(const value& from, std::initializer_list<std::string_view> path) {
  const auto* at = &from;
  for (auto name : path) {
    at = at->find(name);
    if (at == nullptr) return {};
  }
  return at->as_string() != nullptr ? *at->as_string() : std::string();
}

finding servers_of(context& c, const value& self) {
  auto known = text_at(self, {"stats", "client", "known_servers"});
  auto answer = c.api.send({.path = "/v1/status/leader"});
  auto leader = answer ? codec::value_from_json(answer->body) : result<value>(fail(answer.error()));
  const auto* address = leader ? leader->as_string() : nullptr;
  if (address != nullptr && !address->empty()) return {"servers", verdict::ok, "the leader is " + *address, ""};
  return {"servers", verdict::problem, known.empty() ? "there is no leader" : "there is no leader; servers known: " + known,
          "Say where servers are (client.servers, server_join.retry_join), or start as many as bootstrap_expect says."};
}

finding node_of(context& c, const std::string& node_id) {
  auto node = c.api.get<schema::node>("/v1/node/" + path_word(node_id));
  if (!node) return {"node", verdict::problem, node.error().text(), "The servers do not know this node: see the agent's log."};
  if (node->status == "ready" && node->scheduling_eligibility == "eligible") return {"node", verdict::ok, "ready and eligible", ""};
  return {"node", verdict::warning, node->status + " and " + node->scheduling_eligibility, "Nothing is placed here: see `node status`."};
}

finding drivers_of(context& c, const std::string& node_id) {
  auto node = c.api.get<schema::node>("/v1/node/" + path_word(node_id));
  std::vector<std::string> healthy, sick;
  if (node)
    for (const auto& [name, driver] : node->drivers) {
      if (driver.healthy) healthy.push_back(name);
      else if (driver.detected) sick.push_back(fmt::format("{}: {}", name, driver.health_description));
    }
  if (!sick.empty()) return {"drivers", verdict::warning, join(sick, "; "), "Tasks with these drivers are placed elsewhere."};
  if (healthy.empty()) return {"drivers", verdict::problem, "none is healthy", "Nothing can be placed here."};
  return {"drivers", verdict::ok, join(healthy, ", "), ""};
}

agent_view ask_agent(context& c) {
  agent_view out;
  auto answer = c.api.send({.path = "/v1/agent/self"});
  auto self = answer ? codec::value_from_json(answer->body) : result<value>(fail(answer.error()));
  if (!self) {
    out.error = self.error().text();
    return out;
  }
  out.runs = true;
  out.data_dir = text_at(*self, {"config", "DataDir"});
  if (const auto* stats = self->find("stats"))
    if (const auto* networks = stats->find("network"); networks != nullptr && networks->as_object() != nullptr)
      for (const auto& [unused, sentence] : *networks->as_object())
        if (sentence.as_string() != nullptr) out.networks.push_back(*sentence.as_string());
  out.findings.push_back(servers_of(c, *self));
  if (auto id = text_at(*self, {"stats", "client", "node_id"}); !id.empty()) {
    out.findings.push_back(node_of(c, id));
    out.findings.push_back(drivers_of(c, id));
  }
  return out;
}

std::string_view word_of(verdict v) { return v == verdict::ok ? "ok" : v == verdict::warning ? "warning" : "problem"; }

std::string table_of(const std::vector<finding>& all) {
  format::table t({"Check", "State", "Found"});
  for (const auto& each : all) t.add({each.name, std::string(word_of(each.state)), each.found});
  auto out = t.text();
  for (const auto& each : all)
    if (!each.advice.empty()) out += fmt::format("\n\n* {}: {}", each.name, each.advice);
  return out;
}

value list_of(const std::vector<finding>& all) {
  value::list out;
  for (const auto& each : all) {
    value::object row;
    row.set("Name", each.name);
    row.set("State", std::string(word_of(each.state)));
    row.set("Found", each.found);
    row.set("Advice", each.advice);
    out.push_back(value(std::move(row)));
  }
  return value(std::move(out));
}

std::string as_json(const agent_view& agent, const std::vector<finding>& machine) {
  value::object out;
  out.set("AgentAnswers", agent.runs);
  out.set("Machine", list_of(machine));
  out.set("Agent", list_of(agent.findings));
  value::list networks;
  for (const auto& sentence : agent.networks) networks.push_back(value(sentence));
  out.set("Networks", value(std::move(networks)));
  return codec::value_to_json(value(std::move(out)));
}

result<int> run(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto agent = ask_agent(c);
  auto data_dir = c.flags.has("data-dir") ? c.flags.text("data-dir") : agent.data_dir.empty() ? "/var" : agent.data_dir;
  auto machine = doctor::judge(doctor::look_at_machine("", data_dir, agent.runs), agent.runs);
  auto is_problem = [](const finding& f) { return f.state == verdict::problem; };
  int code = std::ranges::any_of(machine, is_problem) || std::ranges::any_of(agent.findings, is_problem) ? 1 : 0;
  if (c.flags.has("json")) {
    c.say(as_json(agent, machine));
    return code;
  }
  c.say(format::bold("This machine"));
  c.say(table_of(machine));
  if (!agent.runs) {
    c.say("\nNo agent answers at " + c.api.options().address + ": " + agent.error);
    return code;
  }
  c.say("\n" + format::bold("The agent at " + c.api.options().address));
  c.say(table_of(agent.findings));
  if (!agent.networks.empty()) c.say("\n" + format::bold("Addresses"));
  for (const auto& sentence : agent.networks) c.say("* " + sentence);
  return code;
}

}  // namespace

const command agent_doctor = {
    .name = "agent doctor",
    .synopsis = "Check this machine and its agent, and say which addresses were chosen and why",
    .usage = "[options]",
    .help =
        "Looks at what a node needs: user, kernel, cgroups, namespaces, bridge networks, docker, disk, clock, limits and ports. If an agent answers, also at "
        "its servers, drivers and networks. Exits with 1 if there is a problem, with 0 if there are warnings only.",
    .flags = flags,
    .run = &run,
};

}  // namespace drover::cli::commands
