#include "sched/reconcile/reschedule.h"

#include <algorithm>

#include "sched/limits.h"

namespace drover::sched {
namespace {

using events = std::vector<schema::reschedule_event>;

const events& history(const schema::allocation& alloc) {
  static const events none;
  return alloc.reschedule_tracker ? alloc.reschedule_tracker->events : none;
}

duration base_delay(const schema::reschedule_policy& policy) { return policy.delay.value_or(duration{}); }

// The next of the series, before it is capped.
duration next_in_series(const events& past, const schema::reschedule_policy& policy) {
  duration base = base_delay(policy);
  std::string_view function = policy.delay_function ? std::string_view(*policy.delay_function) : "constant";
  if (past.empty() || function == "constant") return base;
  duration last = past.back().delay;
  if (function == "exponential") return last * 2;
  if (past.size() < 2) return base;
  duration before = past[past.size() - 2].delay;
  // After a reset the series starts again.
  if (last == base && before > base) return base;
  return last + before;
}

duration next_delay(const schema::allocation& alloc, const schema::reschedule_policy& policy, timestamp since) {
  const auto& past = history(alloc);
  duration delay = next_in_series(past, policy);
  duration ceiling = policy.max_delay.value_or(duration{});
  if (ceiling.ns <= 0 || delay <= ceiling) return delay;
  // It ran longer than the longest pause: it counts as healthy again.
  if (!past.empty() && since - timestamp(past.back().reschedule_time) > ceiling) return base_delay(policy);
  return ceiling;
}

bool attempts_left(const schema::allocation& alloc, const schema::reschedule_policy& policy, timestamp since) {
  if (policy.unlimited.value_or(false)) return true;
  int64_t first = since.ns - policy.interval.value_or(duration{}).ns;
  auto recent = std::ranges::count_if(history(alloc), [&](const auto& event) { return event.reschedule_time > first; });
  return recent < policy.attempts.value_or(0);
}

}  // namespace

schema::reschedule_policy reschedule_policy_of(const schema::job& job, const schema::task_group& group) {
  if (group.reschedule_policy) return *group.reschedule_policy;
  if (job.type != "system") return {};
  schema::reschedule_policy again;
  again.unlimited = true;
  again.delay = limits::system_retry_delay;
  again.delay_function = "exponential";
  again.max_delay = limits::system_retry_delay_max;
  return again;
}

bool reschedules(const schema::reschedule_policy& policy) {
  return policy.unlimited.value_or(false) || (policy.attempts.value_or(0) > 0 && policy.interval.value_or(duration{}).ns > 0);
}

timestamp failed_at(const schema::allocation& alloc) {
  timestamp latest;
  for (const auto& [name, task] : alloc.task_states)
    if (task.failed && !task.finished_at.is_zero()) latest = std::max(latest, task.finished_at);
  return latest.is_zero() ? timestamp(alloc.modify_time) : latest;
}

reschedule_decision decide_reschedule(const schema::allocation& alloc, const schema::reschedule_policy& policy, timestamp since) {
  if (!reschedules(policy)) return {};
  duration delay = next_delay(alloc, policy, since);
  return {attempts_left(alloc, policy, since), since + delay, delay};
}

schema::reschedule_tracker next_tracker(const schema::allocation& failed, const schema::reschedule_policy& policy, timestamp now) {
  schema::reschedule_tracker tracker;
  tracker.events = history(failed);
  if (policy.unlimited.value_or(false) && tracker.events.size() >= limits::reschedule_events_kept)
    tracker.events.erase(tracker.events.begin(), tracker.events.end() - (limits::reschedule_events_kept - 1));
  tracker.events.push_back({now.ns, failed.id, failed.node_id, next_delay(failed, policy, failed_at(failed))});
  tracker.last_reschedule = "ok";
  return tracker;
}

}  // namespace drover::sched
