#include "sched/reconcile/replace_rule.h"

#include <algorithm>

#include "base/ensure.h"
#include "codec/compare.h"

namespace drover::sched {
namespace {

constexpr std::string_view job_replace[] = {"affinities", "spreads"};
// "meta" is compared after it was put together; "services" by what sidecars and identities need.
constexpr std::string_view group_replace[] = {"networks", "ephemeral_disk", "volumes", "consul", "affinities", "spreads"};
constexpr std::string_view group_in_place[] = {"name",
                                               "count",
                                               "update",
                                               "migrate",
                                               "constraints",
                                               "scaling",
                                               "tasks",
                                               "meta",
                                               "restart_policy",
                                               "disconnect",
                                               "services",
                                               "reschedule_policy",
                                               "shutdown_delay",
                                               "max_run_duration",
                                               "stop_after_client_disconnect",
                                               "max_client_disconnect",
                                               "prevent_reschedule_on_lost",
                                               "depends_on"};
constexpr std::string_view task_replace[] = {"driver",    "user",       "config",        "env",       "vault",
                                             "secrets",   "consul",     "templates",     "resources", "dispatch_payload",
                                             "lifecycle", "artifacts",  "volume_mounts", "kind",      "csi_plugin_config",
                                             "identity",  "identities", "affinities",    "schedule"};
constexpr std::string_view task_in_place[] = {"name",       "services", "constraints",    "restart_policy",   "meta",        "kill_timeout",
                                              "log_config", "leader",   "shutdown_delay", "scaling_policies", "kill_signal", "actions"};

template <class T>
bool any_differs(const T& a, const T& b, std::span<const std::string_view> members) {
  const auto& record = *schema::type_of<T>().record;
  return std::ranges::any_of(members, [&](std::string_view member) {
    const auto* field = record.find_member(member);
    ENSURE(field != nullptr, "the rule names members that exist");
    return !codec::equal(schema::record_view{&field->type(), field->in(&a)}, schema::record_view{&field->type(), field->in(&b)});
  });
}

using text_pairs = std::map<std::string, std::string>;
text_pairs combined_meta(const schema::job& job, const schema::task_group& group, const schema::task& task) {
  text_pairs all = task.meta;
  all.insert(group.meta.begin(), group.meta.end());
  all.insert(job.meta.begin(), job.meta.end());
  return all;
}

// Registrations follow a running allocation; what is started for or given to a task does not.
bool services_replace(const std::vector<schema::service>& before, const std::vector<schema::service>& after) {
  auto differs = [](const auto& a, const auto& b) {
    using T = std::remove_cvref_t<decltype(a)>;
    return !codec::equal(schema::record_view{&schema::type_of<T>(), &a}, schema::record_view{&schema::type_of<T>(), &b});
  };
  auto plain = [](const schema::service& s) { return !s.connect && !s.identity; };
  for (const auto& now : after) {
    auto was = std::ranges::find(before, now.name, &schema::service::name);
    if (was == before.end() ? !plain(now) : differs(was->connect, now.connect) || differs(was->identity, now.identity)) return true;
  }
  return std::ranges::any_of(before, [&](const auto& was) { return !plain(was) && std::ranges::find(after, was.name, &schema::service::name) == after.end(); });
}

}  // namespace

std::span<const std::string_view> replacing_group_fields() { return group_replace; }
std::span<const std::string_view> in_place_group_fields() { return group_in_place; }
std::span<const std::string_view> replacing_task_fields() { return task_replace; }
std::span<const std::string_view> in_place_task_fields() { return task_in_place; }

bool needs_replacement(const schema::job& before, const schema::task_group& before_group, const schema::job& after, const schema::task_group& after_group) {
  if (before_group.tasks.size() != after_group.tasks.size()) return true;
  if (any_differs(before, after, job_replace)) return true;
  if (any_differs(before_group, after_group, group_replace) || services_replace(before_group.services, after_group.services)) return true;
  for (const auto& task : after_group.tasks) {
    auto was = std::ranges::find(before_group.tasks, task.name, &schema::task::name);
    if (was == before_group.tasks.end()) return true;
    if (any_differs(*was, task, task_replace) || services_replace(was->services, task.services)) return true;
    if (combined_meta(before, before_group, *was) != combined_meta(after, after_group, task)) return true;
  }
  return false;
}

}  // namespace drover::sched
