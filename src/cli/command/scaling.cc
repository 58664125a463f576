// scaling policy list, scaling policy info, job scaling-events.
#include <algorithm>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/table.h"
#include "cli/resolve.h"
#include "schema/eval.h"
#include "schema/job.h"
#include "schema/job_rpc.h"

namespace drover::cli::commands {
namespace {

// "Namespace:default,Job:web,Group:g"
std::string shown_target(const std::map<std::string, std::string>& target) {
  constexpr std::string_view first[] = {"Namespace", "Job", "Group"};
  std::vector<std::string> parts;
  for (auto key : first)
    if (auto it = target.find(std::string(key)); it != target.end()) parts.push_back(it->first + ":" + it->second);
  for (const auto& [key, text] : target)
    if (std::ranges::find(first, key) == std::end(first)) parts.push_back(key + ":" + text);
  return join(parts, ",");
}

constexpr flag_spec list_flags[] = {
    json_flag, template_flag, verbose_flag, {"type", flag_kind::text, "Only policies of this type."}, {"job", flag_kind::text, "Only policies of this job."}};

result<int> run_list(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  api_request ask{.path = "/v1/scaling/policies"};
  for (auto name : {"type", "job"})
    if (c.flags.has(name)) ask.query.emplace_back(name, c.flags.text(name));
  auto answer = c.api.send(std::move(ask));
  if (!answer) return context::failed("listing scaling policies", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::scaling_policy_list_stub>>(answer->body));
  std::ranges::sort(list, {}, &schema::scaling_policy_list_stub::id);
  format::table t({"ID", "Enabled", "Type", "Target"});
  for (const auto& p : list) t.add({c.verbose() ? p.id : std::string(short_id(p.id)), p.enabled ? "true" : "false", p.type, shown_target(p.target)});
  c.say(t.empty() ? "No policies found" : t.text());
  return 0;
}

constexpr flag_spec info_flags[] = {json_flag, template_flag, verbose_flag};

// The one policy whose id begins so.
result<std::string> resolve_policy(context& c, const std::string& prefix) {
  auto list = c.api.get<std::vector<schema::scaling_policy_list_stub>>(api_request{.path = "/v1/scaling/policies", .query = {{"prefix", prefix}}});
  if (!list) return context::failed("querying scaling policy", list.error());
  if (list->empty()) return fail(errc::not_found, "No scaling policies with prefix or id \"{}\" found", prefix);
  if (list->size() > 1) return fail(errc::invalid, "Prefix matched multiple scaling policies: give more characters of the id than \"{}\"", prefix);
  return list->front().id;
}

result<int> run_info(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <policy_id>");
  TRY_ASSIGN(auto id, resolve_policy(c, c.arguments[0]));
  auto answer = c.api.send({.path = "/v1/scaling/policy/" + path_word(id)});
  if (!answer) return context::failed("querying scaling policy", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto policy, api_client::decode<schema::scaling_policy>(answer->body));
  format::pairs p;
  p.add("ID", c.verbose() ? policy.id : std::string(short_id(policy.id)));
  p.add("Enabled", policy.enabled ? "true" : "false");
  p.add("Target", shown_target(policy.target));
  p.add("Min", std::to_string(policy.min));
  p.add("Max", std::to_string(policy.max));
  value::object rules;
  for (const auto& [key, each] : policy.policy) rules.append(key, each);
  c.say(p.text() + "\n\nPolicy:\n" + (rules.empty() ? "<empty>" : codec::value_to_json(value(std::move(rules)), {.pretty = true})));
  return 0;
}

constexpr flag_spec event_flags[] = {verbose_flag};

result<int> run_events(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <job_id>");
  TRY_ASSIGN(auto name, resolve_job(c, c.arguments[0]));
  auto status = c.api.get<schema::job_scale_status>(api_request{.path = "/v1/job/" + path_word(name.id) + "/scale", .namespace_ = name.namespace_});
  if (!status) return context::failed("listing scaling events", status.error());
  format::table t(c.verbose() ? format::table::row{"Task Group", "Count", "PrevCount", "Error", "Message", "Eval ID", "Date"}
                              : format::table::row{"Task Group", "Count", "PrevCount", "Date"});
  for (const auto& [group, state] : status->task_groups)
    for (const auto& event : state.events) {
      auto count = event.count ? std::to_string(*event.count) : std::string();
      auto date = to_rfc3339(timestamp(static_cast<int64_t>(event.time)));
      auto eval = std::string(short_id(event.eval_id.value_or("")));
      if (c.verbose()) t.add({group, count, std::to_string(event.previous_count), event.error ? "true" : "false", event.message, eval, date});
      else t.add({group, count, std::to_string(event.previous_count), date});
    }
  c.say(t.empty() ? "No events found" : t.text());
  return 0;
}

}  // namespace

const command scaling_policy_list = {.name = "scaling policy list",
                                     .synopsis = "List scaling policies",
                                     .usage = "[options]",
                                     .help = "Lists the scaling policies of all jobs of the namespace.",
                                     .flags = list_flags,
                                     .run = &run_list};
const command scaling_policy_info = {.name = "scaling policy info",
                                     .synopsis = "Show a scaling policy",
                                     .usage = "[options] <policy_id>",
                                     .help = "Shows one scaling policy: what it scales, within which limits, by which rules.",
                                     .flags = info_flags,
                                     .run = &run_info};
const command job_scaling_events = {.name = "job scaling-events",
                                    .synopsis = "List the scaling events of a job",
                                    .usage = "[options] <job_id>",
                                    .help = "Lists when, by whom and how the counts of a job's groups were changed.",
                                    .flags = event_flags,
                                    .run = &run_events};

}  // namespace drover::cli::commands
