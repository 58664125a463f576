// server members, operator raft list-peers, operator scheduler, system, agent-info, monitor, ui.
#include <set>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/colour.h"
#include "cli/format/table.h"
#include "cli/resolve.h"
#include "schema/operator_rpc.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec members_flags[] = {{"detailed", flag_kind::boolean, "The tags of each server."}, json_flag, template_flag, verbose_flag};

std::string tag(const schema::agent_member& m, const std::string& name) {
  auto found = m.tags.find(name);
  return found == m.tags.end() ? std::string() : found->second;
}

std::string all_tags(const schema::agent_member& m) {
  std::vector<std::string> out;
  for (const auto& [name, text] : m.tags) out.push_back(name + "=" + text);
  return join(out, ",");
}

std::string rpc_address_of(const schema::agent_member& m) {
  auto rpc = tag(m, "rpc_addr").empty() ? m.addr : tag(m, "rpc_addr");
  return rpc.find(':') == std::string::npos ? rpc + ":" + tag(m, "port") : "[" + rpc + "]:" + tag(m, "port");
}

struct leaders {
  std::set<std::string> addresses;
  std::string problem;  // why some are missing
};

// Each region of the pool has one of its own.
leaders leaders_of(context& c, const std::vector<schema::agent_member>& members) {
  std::set<std::string> regions;
  for (const auto& m : members) regions.insert(tag(m, "region"));
  std::vector<api_request> asks;
  for (const auto& region : regions) asks.push_back({.path = "/v1/status/leader", .query = {{"region", region}}});
  leaders out;
  for (auto& answer : c.api.send_all(std::move(asks))) {
    if (answer) out.addresses.insert(api_client::decode<std::string>(answer->body).value_or(""));
    else out.problem += (out.problem.empty() ? "" : "; ") + answer.error().text();
  }
  return out;
}

result<int> run_members(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto answer = c.api.send({.path = "/v1/agent/members"});
  if (!answer) return context::failed("querying servers", answer.error());
  TRY_ASSIGN(auto known, api_client::decode<schema::server_members_response>(answer->body));
  auto leaders = leaders_of(c, known.members);
  if (c.wants_raw()) {
    for (auto& m : known.members) m.tags["Leader"] = format::yes_no(leaders.addresses.contains(rpc_address_of(m)));
    return c.raw(codec::to_json(schema::view(known.members)));
  }
  if (c.flags.on("detailed")) {
    format::table t({"Name", "Address", "Port", "Tags"});
    for (const auto& m : known.members) t.add({m.name, m.addr, std::to_string(m.port), all_tags(m)});
    c.say(t.text());
    return 0;
  }
  format::table::row heading = {"Name", "Address", "Port", "Status", "Leader"};
  if (c.verbose()) heading.emplace_back("Protocol");
  for (auto name : {"Raft Version", "Build", "Datacenter", "Region"}) heading.emplace_back(name);
  if (c.verbose()) heading.emplace_back("Tags");
  format::table t(std::move(heading));
  for (const auto& m : known.members) {
    format::table::row row = {m.name, m.addr, std::to_string(m.port), m.status, format::yes_no(leaders.addresses.contains(rpc_address_of(m)))};
    if (c.verbose()) row.push_back(std::to_string(m.protocol_cur));
    for (auto name : {"raft_vsn", "build", "dc", "region"}) row.push_back(tag(m, name));
    if (c.verbose()) row.push_back(all_tags(m));
    t.add(std::move(row));
  }
  c.say(t.text());
  if (!leaders.problem.empty()) c.out.complain(fmt::format("\nError determining leaders: {}", leaders.problem));
  return 0;
}

constexpr flag_spec peers_flags[] = {{"stale", flag_kind::boolean, "Any server may answer, not the leader alone."}};

result<int> run_peers(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  api_request ask{.path = "/v1/operator/raft/configuration"};
  if (c.flags.on("stale")) ask.query.emplace_back("stale", "true");
  auto peers = c.api.get<schema::raft_configuration_response>(std::move(ask));
  if (!peers) return context::failed("getting peers", peers.error());
  format::table t({"Node", "ID", "Address", "State", "Voter", "RaftProtocol"});
  for (const auto& s : peers->servers)
    t.add({s.node, s.id, s.address, s.leader ? "leader" : "follower", format::yes_no(s.voter), s.raft_protocol.empty() ? "unknown" : s.raft_protocol});
  c.say(t.text());
  return 0;
}

constexpr flag_spec get_flags[] = {json_flag, template_flag};

result<int> run_get_config(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto answer = c.api.send({.path = "/v1/operator/scheduler/configuration"});
  if (!answer) return context::failed("querying scheduler configuration", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto response, api_client::decode<schema::scheduler_configuration_response>(answer->body));
  const auto s = response.scheduler_config.value_or(schema::scheduler_configuration{});
  const auto& p = s.preemption_config;
  format::pairs out;
  out.add("Scheduler Algorithm", s.scheduler_algorithm);
  out.add("Memory Oversubscription", format::yes_no(s.memory_oversubscription_enabled));
  out.add("Reject Job Registration", format::yes_no(s.reject_job_registration));
  out.add("Pause Eval Broker", format::yes_no(s.pause_eval_broker));
  out.add("Preemption System Scheduler", format::yes_no(p.system_scheduler_enabled));
  out.add("Preemption Service Scheduler", format::yes_no(p.service_scheduler_enabled));
  out.add("Preemption Batch Scheduler", format::yes_no(p.batch_scheduler_enabled));
  out.add("Preemption SysBatch Scheduler", format::yes_no(p.sys_batch_scheduler_enabled));
  out.add("Node Limit For Feasibility Checks", std::to_string(s.node_limit_for_feasibility_checks));
  out.add("Modify Index", std::to_string(s.modify_index));
  c.say(out.text());
  return 0;
}

constexpr flag_spec set_flags[] = {
    {"check-index", flag_kind::text, "Only if the configuration's modify index is this one."},
    {"scheduler-algorithm", flag_kind::text, "\"binpack\" or \"spread\"."},
    {"memory-oversubscription", flag_kind::text, "true or false: tasks may use more memory than they reserve."},
    {"reject-job-registration", flag_kind::text, "true or false: only management tokens may submit jobs."},
    {"pause-eval-broker", flag_kind::text, "true or false: nothing is scheduled meanwhile."},
    {"preempt-batch-scheduler", flag_kind::text, "true or false."},
    {"preempt-service-scheduler", flag_kind::text, "true or false."},
    {"preempt-sysbatch-scheduler", flag_kind::text, "true or false."},
    {"preempt-system-scheduler", flag_kind::text, "true or false."},
    {"node-limit-for-feasibility-checks", flag_kind::number, "Nodes looked at for one placement."},
};

result<> set_switch(const context& c, std::string_view flag, bool& target) {
  if (!c.flags.has(flag)) return {};
  auto b = parse_bool(c.flags.text(flag));
  if (!b) return fail(errc::invalid, "invalid value \"{}\" for flag -{}: it must be true or false", c.flags.text(flag), flag);
  target = *b;
  return {};
}

result<int> run_set_config(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto current = c.api.get<schema::scheduler_configuration_response>("/v1/operator/scheduler/configuration");
  if (!current) return context::failed("querying scheduler configuration", current.error());
  auto s = current->scheduler_config.value_or(schema::scheduler_configuration{});
  if (c.flags.has("scheduler-algorithm")) s.scheduler_algorithm = c.flags.text("scheduler-algorithm");
  TRY(set_switch(c, "memory-oversubscription", s.memory_oversubscription_enabled));
  TRY(set_switch(c, "reject-job-registration", s.reject_job_registration));
  TRY(set_switch(c, "pause-eval-broker", s.pause_eval_broker));
  TRY(set_switch(c, "preempt-batch-scheduler", s.preemption_config.batch_scheduler_enabled));
  TRY(set_switch(c, "preempt-service-scheduler", s.preemption_config.service_scheduler_enabled));
  TRY(set_switch(c, "preempt-sysbatch-scheduler", s.preemption_config.sys_batch_scheduler_enabled));
  TRY(set_switch(c, "preempt-system-scheduler", s.preemption_config.system_scheduler_enabled));
  if (auto limit = c.flags.number("node-limit-for-feasibility-checks"); limit > 0) s.node_limit_for_feasibility_checks = static_cast<uint64_t>(limit);
  api_request ask{.method = "PUT", .path = "/v1/operator/scheduler/configuration", .body = codec::to_json(s)};
  if (c.flags.has("check-index")) ask.query.emplace_back("cas", c.flags.text("check-index"));
  auto done = c.api.get<schema::scheduler_set_configuration_response>(std::move(ask));
  if (!done) return context::failed("setting scheduler configuration", done.error());
  if (c.flags.has("check-index") && !done->updated) return fail(errc::conflict, "Scheduler configuration could not be atomically updated, please try again");
  c.say("Scheduler configuration updated!");
  return 0;
}

result<int> run_gc(context& c) {
  auto done = c.api.send({.method = "PUT", .path = "/v1/system/gc"});
  if (!done) return context::failed("running system garbage-collection", done.error());
  return 0;
}

result<int> run_reconcile(context& c) {
  auto done = c.api.send({.method = "PUT", .path = "/v1/system/reconcile/summaries"});
  if (!done) return context::failed("running system summary reconciliation", done.error());
  return 0;
}

result<int> run_agent_info(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto answer = c.api.send({.path = "/v1/agent/self"});
  if (!answer) return context::failed("querying agent info", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto self, codec::value_from_json(answer->body));
  const auto* stats = self.find("stats");
  if (stats == nullptr || stats->as_object() == nullptr) return fail(errc::corrupt, "Error querying agent info: the answer has no stats");
  std::map<std::string, std::map<std::string, std::string>> sorted;
  for (const auto& [group, entries] : *stats->as_object()) {
    if (entries.as_object() == nullptr) continue;
    for (const auto& [key, entry] : *entries.as_object()) sorted[group][key] = entry.as_string() ? *entry.as_string() : codec::value_to_json(entry);
  }
  for (const auto& [group, entries] : sorted) {
    c.say(group);
    for (const auto& [key, text] : entries) c.say(fmt::format("  {} = {}", key, text));
  }
  return 0;
}

constexpr flag_spec monitor_flags[] = {{"log-level", flag_kind::text, "TRACE, DEBUG, INFO, WARN or ERROR."},
                                       {"log-include-location", flag_kind::boolean, "Where in the source each line comes from."},
                                       {"node-id", flag_kind::text, "The log of this node instead of the agent that is asked."},
                                       {"server-id", flag_kind::text, "The log of this server, or of \"leader\"."},
                                       {"json", flag_kind::boolean, "Each line as JSON."}};

result<int> run_monitor(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  api_request ask{.path = "/v1/agent/monitor", .query = {{"plain", "true"}}};
  static constexpr std::pair<std::string_view, std::string_view> names[] = {
      {"log-level", "log_level"}, {"log-include-location", "log_include_location"}, {"node-id", "node_id"}, {"server-id", "server_id"}, {"json", "log_json"}};
  for (const auto& [flag, parameter] : names)
    if (c.flags.has(flag)) ask.query.emplace_back(parameter, c.flags.text(flag));
  for (auto& [parameter, text] : ask.query) {
    if (parameter != "node_id") continue;
    TRY_ASSIGN(auto node, find_node(c, text));
    text = node.id;
  }
  auto done = c.api.stream(std::move(ask), [&](std::string_view piece) {
    c.out.write(piece);
    c.out.flush();
    return true;
  });
  if (!done) return context::failed("starting monitor", done.error());
  return 0;
}

}  // namespace

const command server_members = {.name = "server members",
                                .synopsis = "List the servers",
                                .usage = "[options]",
                                .help = "Every server of the region, and which of them leads.",
                                .flags = members_flags,
                                .run = &run_members};
const command operator_raft_list_peers = {.name = "operator raft list-peers",
                                          .synopsis = "List the servers that replicate the log",
                                          .usage = "[options]",
                                          .help = "The replication group as the servers know it.",
                                          .flags = peers_flags,
                                          .run = &run_peers};
const command operator_scheduler_get_config = {.name = "operator scheduler get-config",
                                               .synopsis = "Show the scheduler configuration",
                                               .usage = "[options]",
                                               .help = "How the schedulers of the cluster decide.",
                                               .flags = get_flags,
                                               .run = &run_get_config};
const command operator_scheduler_set_config = {.name = "operator scheduler set-config",
                                               .synopsis = "Change the scheduler configuration",
                                               .usage = "[options]",
                                               .help = "Changes what is given and leaves the rest.",
                                               .flags = set_flags,
                                               .run = &run_set_config};
const command system_gc = {.name = "system gc",
                           .synopsis = "Collect garbage now",
                           .usage = "",
                           .help = "Removes ended jobs, evaluations, allocations, deployments and nodes that nobody needs any more.",
                           .flags = {},
                           .run = &run_gc};
const command system_reconcile_summaries = {.name = "system reconcile summaries",
                                            .synopsis = "Count job summaries anew",
                                            .usage = "",
                                            .help = "Recomputes the summary of every job.",
                                            .flags = {},
                                            .run = &run_reconcile};
const command agent_info = {.name = "agent-info",
                            .synopsis = "Show what an agent is doing",
                            .usage = "[options]",
                            .help = "Counters and settings of the agent that is asked.",
                            .flags = get_flags,
                            .run = &run_agent_info};
const command monitor = {.name = "monitor",
                         .synopsis = "Print the log of an agent as it grows",
                         .usage = "[options]",
                         .help = "Until interrupted.",
                         .flags = monitor_flags,
                         .run = &run_monitor};

}  // namespace drover::cli::commands
