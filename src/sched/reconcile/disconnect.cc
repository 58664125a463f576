#include "sched/reconcile/disconnect.h"

#include <algorithm>

#include "sched/reconcile/reconciler.h"
#include "schema/alloc.h"
#include "schema/node.h"

namespace drover::sched {
namespace {

constexpr std::string_view unknown = "unknown";
constexpr std::string_view client_status_field = "ClientStatus";

// It was declared unknown and nobody has welcomed it since.
bool awaited(const schema::allocation& alloc) { return !alloc.alloc_states.empty() && alloc.alloc_states.back().value == unknown; }

double best_score(const schema::allocation& alloc) {
  double best = -1e9;
  if (alloc.metrics)
    for (const auto& meta : alloc.metrics->score_meta_data) best = std::max(best, meta.norm_score);
  return best;
}

// The replacement if it ranked better, unless that would stop what runs for what does not.
bool scores_better(const schema::allocation& original, const schema::allocation& replacement) {
  bool runs = replacement.client_status == "running" || original.client_status != "running";
  return runs && best_score(replacement) > best_score(original);
}

// Of the leader, else of the main task that has run longest. Zero: nothing runs yet.
timestamp running_since(const schema::allocation& alloc, const schema::task_group& group) {
  timestamp oldest;
  for (const auto& task : group.tasks) {
    auto state = alloc.task_states.find(task.name);
    timestamp started = state == alloc.task_states.end() ? timestamp{} : std::max(state->second.started_at, state->second.last_restart);
    if (task.leader) return started;
    if (!started.is_zero() && (oldest.is_zero() || started < oldest)) oldest = started;
  }
  return oldest;
}

schema::allocation with_state(const schema::allocation& alloc, std::string_view value, timestamp now) {
  schema::allocation changed = alloc;
  changed.alloc_states.push_back({std::string(client_status_field), std::string(value), now});
  return changed;
}

}  // namespace

disconnect_rule disconnect_rule_of(const schema::task_group* group) {
  disconnect_rule rule;
  if (group == nullptr) return rule;
  if (group->max_client_disconnect) rule.lost_after = *group->max_client_disconnect;
  if (group->stop_after_client_disconnect) rule.stop_after = *group->stop_after_client_disconnect;
  rule.replace = !group->prevent_reschedule_on_lost;
  if (!group->disconnect) return rule;
  const auto& block = *group->disconnect;
  rule.lost_after = block.lost_after;
  if (block.stop_on_client_after) rule.stop_after = *block.stop_on_client_after;
  rule.replace = block.replace.value_or(true);
  if (!block.reconcile.empty()) rule.reconcile = block.reconcile;
  return rule;
}

timestamp last_unknown(const schema::allocation& alloc) {
  timestamp last;
  for (const auto& state : alloc.alloc_states)
    if (state.value == unknown) last = state.time;
  return last;
}

fate fate_of(const node_view& view, const schema::allocation& alloc, const schema::task_group* group, timestamp now) {
  auto rule = disconnect_rule_of(group);
  auto row = view.find(alloc.node_id);
  if (row == node_view::no_row) return fate::lost;
  const auto& status = view.node(row).status;
  bool is_unknown = alloc.client_status == unknown;
  if (is_unknown && rule.lost_after.ns > 0 && last_unknown(alloc) + rule.lost_after <= now) return fate::lost;
  bool told = alloc.client_status == "running" || alloc.client_status == "failed";
  if (status == "disconnected") {
    if (told && awaited(alloc) && alloc.client_status == "failed") return fate::reconnects;
    if (is_unknown) return fate::stays;
    if (alloc.client_status == "pending" || rule.lost_after.ns <= 0) return fate::lost;
    return fate::disconnects;
  }
  if (alloc.desired_transition.migrate.value_or(false)) return fate::migrates;
  if (status == "down") {
    if (rule.replace) return fate::lost;
    return is_unknown ? fate::stays : alloc.client_status == "running" ? fate::disconnects : fate::lost;
  }
  return told && awaited(alloc) ? fate::reconnects : fate::stays;
}

schema::allocation marked_unknown(const schema::allocation& alloc, timestamp now) {
  auto changed = with_state(alloc, unknown, now);
  changed.client_status = unknown;
  changed.client_description = description::unknown;
  return changed;
}

schema::allocation marked_reconnected(const schema::allocation& alloc, timestamp now) {
  auto changed = with_state(alloc, alloc.client_status, now);
  changed.followup_eval_id.clear();
  return changed;
}

bool keeps_replacement(const schema::allocation& original, const schema::allocation& replacement, std::string_view strategy, const schema::task_group& group) {
  if (original.job && replacement.job && (replacement.job->version > original.job->version || replacement.job->create_index > original.job->create_index))
    return true;
  if (strategy == "keep_original") return false;
  if (strategy == "keep_replacement") return true;
  if (strategy == "longest_running") {
    auto first = running_since(original, group);
    auto second = running_since(replacement, group);
    if (!first.is_zero() && !second.is_zero()) return second < first;
    if (first.is_zero() != second.is_zero()) return first.is_zero();
  }
  return scores_better(original, replacement);
}

}  // namespace drover::sched
