// node eligibility, drain; node pool list, info.
#include <algorithm>
#include <map>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/command/named.h"
#include "cli/format/table.h"
#include "cli/resolve.h"
#include "schema/node_rpc.h"

namespace drover::cli::commands {
namespace {

// -self or the one argument.
result<schema::node> node_meant(context& c) {
  if (c.flags.on("self")) {
    TRY_ASSIGN(auto id, own_node_id(c));
    return find_node(c, id);
  }
  return find_node(c, c.arguments[0]);
}

bool names_one_node(const context& c) { return c.flags.on("self") ? c.arguments.empty() : c.arguments.size() == 1; }

constexpr flag_spec eligibility_flags[] = {{"enable", flag_kind::boolean, "New allocations may be placed there."},
                                           {"disable", flag_kind::boolean, "No new allocations are placed there."},
                                           {"self", flag_kind::boolean, "The node of the agent that is asked."}};

result<int> run_eligibility(context& c) {
  bool enable = c.flags.on("enable");
  if (enable == c.flags.on("disable")) return c.misused("Either the '-enable' or '-disable' flag must be set");
  if (!names_one_node(c)) return c.misused("Node ID must be specified if -self isn't being used");
  TRY_ASSIGN(auto node, node_meant(c));
  schema::node_update_eligibility_request request;
  request.node_id = node.id;
  request.eligibility = enable ? "eligible" : "ineligible";
  auto done = c.api.send({.method = "PUT", .path = fmt::format("/v1/node/{}/eligibility", path_word(node.id)), .body = codec::to_json(request)});
  if (!done) return context::failed("updating scheduling eligibility", done.error());
  c.say(fmt::format("Node \"{}\" scheduling eligibility set: {} for scheduling", node.id, request.eligibility));
  return 0;
}

constexpr flag_spec drain_flags[] = {{"enable", flag_kind::boolean, "Move the allocations of the node elsewhere."},
                                     {"disable", flag_kind::boolean, "Stop draining."},
                                     {"deadline", flag_kind::duration, "After this, what is left is stopped: 1h unless said otherwise."},
                                     {"force", flag_kind::boolean, "Stop everything at once."},
                                     {"no-deadline", flag_kind::boolean, "Wait as long as it takes."},
                                     {"ignore-system", flag_kind::boolean, "Leave system jobs running."},
                                     {"keep-ineligible", flag_kind::boolean, "With -disable: do not make the node eligible again."},
                                     {"m", flag_kind::text, "A message to keep with the drain."},
                                     {"meta", flag_kind::list, "key=value to keep with the drain. May be given many times."},
                                     {"self", flag_kind::boolean, "The node of the agent that is asked."},
                                     {"monitor", flag_kind::boolean, "Follow a drain that is under way."},
                                     detach_flag,
                                     yes_flag,
                                     verbose_flag};

constexpr duration default_deadline = hours(1);

result<schema::node_update_drain_request> drain_request(const context& c, const std::string& node_id) {
  schema::node_update_drain_request request;
  request.node_id = node_id;
  request.mark_eligible = c.flags.on("disable") && !c.flags.on("keep-ineligible");
  if (c.flags.has("m")) request.meta["message"] = c.flags.text("m");
  for (const auto& text : c.flags.list("meta")) {
    auto equals = text.find('=');
    request.meta[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
  }
  if (!c.flags.on("enable")) return request;
  request.drain_spec.emplace();
  request.drain_spec->ignore_system_jobs = c.flags.on("ignore-system");
  request.drain_spec->deadline = c.flags.on("force") ? duration(-1) : c.flags.on("no-deadline") ? duration(0) : default_deadline;
  if (c.flags.has("deadline")) {
    TRY_ASSIGN(request.drain_spec->deadline, parse_duration(c.flags.text("deadline")));
    if (request.drain_spec->deadline.ns <= 0) return fail(errc::invalid, "A positive drain duration must be given");
  }
  return request;
}

using alloc_states = std::map<std::string, schema::allocation>;
using alloc_answer = indexed<std::vector<schema::allocation>>;

bool marked(const schema::allocation& alloc) { return alloc.desired_transition.migrate.value_or(false); }
bool runs(const schema::allocation& alloc) { return alloc.client_status == "running" || alloc.client_status == "pending"; }

// What happened to an allocation since it was looked at last; several things may have.
std::vector<std::string> drain_news(const schema::allocation& before, const schema::allocation& alloc) {
  std::vector<std::string> out;
  if (marked(alloc) && !marked(before)) out.emplace_back("marked for migration");
  if (marked(alloc) && alloc.desired_status == "stop" && before.desired_status != "stop") out.emplace_back("draining");
  if (alloc.client_status != before.client_status) out.push_back(fmt::format("status {} -> {}", before.client_status, alloc.client_status));
  return out;
}

result<alloc_answer> allocs_on(context& c, const std::string& node_id, uint64_t after) {
  auto list = c.api.get_indexed<std::vector<schema::allocation>>({.path = fmt::format("/v1/node/{}/allocations", path_word(node_id)), .index = after});
  if (!list) return context::failed("monitoring the drain", list.error());
  return list;
}

result<alloc_states> states_on(context& c, const std::string& node_id) {
  TRY_ASSIGN(auto list, allocs_on(c, node_id, 0));
  alloc_states out;
  for (auto& alloc : list.value) out[alloc.id] = std::move(alloc);
  return out;
}

// Says what leaves the node until nothing is left. `seen` is how it was before. Waits on the node and on its allocations in turn.
result<int> monitor_drain(context& c, const std::string& node_id, alloc_states seen) {
  auto line = [&](const std::string& text) { c.say(fmt::format("{}: {}", format::clock_time(now()), text)); };
  uint64_t after = 0;
  for (;;) {
    TRY_ASSIGN(auto allocs, allocs_on(c, node_id, after));
    for (auto& alloc : allocs.value) {
      auto& before = seen.try_emplace(alloc.id, alloc).first->second;
      for (const auto& text : drain_news(before, alloc)) line(fmt::format("Alloc \"{}\" {}", alloc.id, text));
      before = alloc;
    }
    auto node = c.api.get<schema::node>("/v1/node/" + path_word(node_id));
    if (!node) return context::failed("monitoring the drain", node.error());
    c.out.flush();
    if (!node->drain_strategy) {
      line(fmt::format("Drain complete for node {}", node_id));
      if (!std::ranges::any_of(allocs.value, runs)) line(fmt::format("All allocations on node \"{}\" have stopped", node_id));
      return 0;
    }
    // The end of the drain itself changes no allocation, so the wait is for the node once all of them are gone.
    if (std::ranges::any_of(allocs.value, runs)) {
      after = std::max<uint64_t>(allocs.index, 1);
    } else {
      auto changed = c.api.send({.path = "/v1/node/" + path_word(node_id), .index = std::max<uint64_t>(node->modify_index, 1)});
      if (!changed) return context::failed("monitoring the drain", changed.error());
    }
  }
}

void announce_monitor(context& c) { c.say(fmt::format("{}: Ctrl-C to stop monitoring: will not cancel the node drain", format::clock_time(now()))); }

result<int> run_drain(context& c) {
  bool enable = c.flags.on("enable"), disable = c.flags.on("disable"), monitor = c.flags.on("monitor");
  if (enable + disable + monitor != 1) return c.misused("Either the '-enable' or '-disable' flag must be set, unless using '-monitor'");
  if (c.flags.has("deadline") + c.flags.on("force") + c.flags.on("no-deadline") > 1) return c.misused("-deadline, -force and -no-deadline can't be combined");
  if (!names_one_node(c)) return c.misused("Node ID must be specified if -self isn't being used");
  TRY_ASSIGN(auto node, node_meant(c));
  if (monitor) {
    TRY_ASSIGN(auto states, states_on(c, node.id));
    announce_monitor(c);
    return monitor_drain(c, node.id, std::move(states));
  }
  bool exact = c.flags.on("self") || c.arguments[0] == node.id;
  if (!exact && !c.flags.on("yes") &&
      c.out.ask(fmt::format("Are you sure you want to {} drain mode for node \"{}\"? [y/N]", enable ? "enable" : "disable", node.id)) != "y") {
    c.say("Cancelling drain toggle");
    return 0;
  }
  TRY_ASSIGN(auto request, drain_request(c, node.id));
  alloc_states before;
  if (enable && !c.flags.on("detach")) {
    TRY_ASSIGN(before, states_on(c, node.id));
  }
  auto done = c.api.send({.method = "PUT", .path = fmt::format("/v1/node/{}/drain", path_word(node.id)), .body = codec::to_json(request)});
  if (!done) return context::failed("updating drain specification", done.error());
  if (disable) {
    c.say(fmt::format("Node \"{}\" drain strategy unset", node.id));
    return 0;
  }
  if (c.flags.on("detach")) {
    c.say(fmt::format("Node \"{}\" drain strategy set", node.id));
    return 0;
  }
  announce_monitor(c);
  c.say(fmt::format("{}: Node \"{}\" drain strategy set", format::clock_time(now()), node.id));
  return monitor_drain(c, node.id, std::move(before));
}

constexpr flag_spec pool_flags[] = {json_flag, template_flag};

result<int> run_pool_list(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto answer = c.api.send({.path = "/v1/node/pools"});
  if (!answer) return context::failed("querying node pools", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto pools, api_client::decode<std::vector<schema::node_pool>>(answer->body));
  format::table t({"Name", "Description"});
  for (const auto& p : pools) t.add({p.name, p.description});
  c.say(t.text());
  return 0;
}

result<int> run_pool_info(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <node pool>");
  TRY_ASSIGN(auto pool, find_node_pool(c, c.arguments[0]));
  if (c.wants_raw()) return c.raw(codec::to_json(pool));
  format::pairs p;
  p.add("Name", pool.name);
  p.add("Description", pool.description);
  std::string text = p.text();
  format::pairs meta;
  for (const auto& [key, value] : pool.meta) meta.add(key, value);
  text += "\n\nMetadata\n" + (meta.empty() ? std::string("No metadata") : meta.text());
  text += "\n\nScheduler Configuration\n";
  format::pairs scheduler;
  if (pool.scheduler_configuration) {
    scheduler.add("Scheduler Algorithm", pool.scheduler_configuration->scheduler_algorithm);
    const auto& over = pool.scheduler_configuration->memory_oversubscription_enabled;
    if (over) scheduler.add("Memory Oversubscription Enabled", format::yes_no(*over));
  }
  c.say(text + (scheduler.empty() ? std::string("No scheduler configuration") : scheduler.text()));
  return 0;
}

}  // namespace

const command node_eligibility = {.name = "node eligibility",
                                  .synopsis = "Allow or forbid new allocations on a node",
                                  .usage = "[options] <node>",
                                  .help = "What already runs there is left alone.",
                                  .flags = eligibility_flags,
                                  .run = &run_eligibility};
const command node_drain = {.name = "node drain",
                            .synopsis = "Move everything off a node",
                            .usage = "[options] <node>",
                            .help = "Replaces the allocations of a node elsewhere, as gently as their jobs ask for, and follows until it is empty.",
                            .flags = drain_flags,
                            .run = &run_drain};
const command node_pool_list = {
    .name = "node pool list", .synopsis = "List node pools", .usage = "[options]", .help = "Every node pool.", .flags = pool_flags, .run = &run_pool_list};
const command node_pool_info = {.name = "node pool info",
                                .synopsis = "Show a node pool",
                                .usage = "[options] <node pool>",
                                .help = "A node pool with its metadata and its scheduler configuration.",
                                .flags = pool_flags,
                                .run = &run_pool_info};

}  // namespace drover::cli::commands
