#include "sched/reconcile/group_reconciler.h"

#include <algorithm>

#include "sched/limits.h"
#include "sched/reconcile/reschedule.h"

namespace drover::sched {
namespace {

uint64_t index_of(const ref<schema::allocation>& alloc) { return alloc_index(alloc->name).value_or(UINT64_MAX); }

void sort_by_index(alloc_list& list) {
  std::ranges::sort(list, [](const auto& a, const auto& b) {
    uint64_t x = index_of(a);
    uint64_t y = index_of(b);
    return x != y ? x < y : a->id < b->id;
  });
}

uint64_t used_name_limit(const schema::task_group& group) { return static_cast<uint64_t>(std::max<int64_t>(group.count, 0)) * 2 + 64; }

using id_set = std::set<std::string_view>;

}  // namespace

bool rolls(const schema::task_group& group) { return group.update && group.update->max_parallel.value_or(0) > 0; }

group_reconciler::group_reconciler(const reconcile_input& in, const schema::task_group& group, const schema::deployment* deployment,
                                   const schema::deployment* earlier, reconciliation& out)
    : in_(in),
      job_(*in.facts.job),
      group_(group),
      deployment_(deployment),
      earlier_(earlier),
      out_(out),
      updates_(out.updates[group.name]),
      disconnect_(disconnect_rule_of(&group)),
      batch_(job_.type == "batch") {
  if (deployment == nullptr) return;
  if (auto it = deployment->task_groups.find(group.name); it != deployment->task_groups.end()) state_ = it->second;
  paused_ = deployment->status == "paused";
  failed_ = deployment->status == "failed";
}

void group_reconciler::run(const alloc_list& all) {
  alloc_list mine = all;
  retire_canaries(mine);
  for (const auto& alloc : mine) sort_out(alloc);
  settle_reconnecting(mine);
  waiting_ = waiting_for_clients(mine);
  stop_lost();
  stop_excess();
  split_updates();
  place_canaries();
  int64_t limit = update_limit(all);
  limit -= place_missing();
  replace_updated(std::max<int64_t>(limit, 0));
  migrate();
  had_version_ = std::ranges::any_of(all, [&](const auto& alloc) { return same_version(*alloc, job_); });
}

bool group_reconciler::wants_deployment() const {
  if (job_.type != "service" || !rolls(group_) || group_.count == 0 || state_) return false;
  return !had_version_ || !destructive_.empty() || in_place_ > 0;
}

bool group_reconciler::complete() const {
  if (changes_ > 0 || starts_canaries_ || !destructive_.empty() || !b_.reschedule_later.empty()) return false;
  if (!state_) return true;
  return state_->healthy_allocs >= std::max(state_->desired_total, state_->desired_canaries) && !canarying();
}

bool group_reconciler::is_canary(const schema::allocation& alloc) const { return alloc.deployment_status && alloc.deployment_status->canary; }

// Canaries that were never promoted go with their deployment: when another version replaced it, or when it failed.
void group_reconciler::retire_canaries(alloc_list& all) {
  id_set gone;
  auto add_unpromoted = [&](const schema::deployment* d) {
    if (d == nullptr) return;
    auto it = d->task_groups.find(group_.name);
    if (it != d->task_groups.end() && !it->second.promoted) gone.insert(it->second.placed_canaries.begin(), it->second.placed_canaries.end());
  };
  add_unpromoted(earlier_);
  if (failed_) add_unpromoted(deployment_);
  if (gone.empty()) return;
  std::erase_if(all, [&](const auto& alloc) {
    if (server_terminal(*alloc) || !gone.contains(alloc->id)) return false;
    // One that failed is stopped too: later it would be taken for a member of the group.
    stop(alloc, description::not_needed);
    ++updates_.stop;
    return true;
  });
}

void group_reconciler::sort_out(const ref<schema::allocation>& alloc) {
  // A new version of a batch job runs again, also where an earlier one has finished.
  if (batch_ && client_terminal(*alloc) && !same_version(*alloc, job_)) return void(++updates_.ignore);
  if (server_terminal(*alloc)) {
    // Done, or drained without wish for a replacement: its place stays taken.
    bool done = alloc->client_status == "complete" || alloc->desired_transition.migrate_disable_placement.value_or(false);
    if (batch_ && done) b_.keep.push_back(alloc);
    if (was_taken(*alloc)) b_.taken.push_back(alloc);
    return;
  }
  fate what = fate_of(in_.view, *alloc, &group_, in_.now);
  if (what == fate::reconnects) return b_.reconnecting.push_back(alloc);
  if (client_terminal(*alloc)) return sort_ended(alloc);
  // A canary on a bad node just goes; another one takes its place.
  if (canarying() && is_canary(*alloc) && (what == fate::migrates || what == fate::lost)) {
    ++changes_;
    return what == fate::lost ? stop(alloc, description::lost, "lost") : stop(alloc, description::migrating);
  }
  switch (what) {
    case fate::migrates: return b_.migrate.push_back(alloc);
    case fate::lost: return b_.lost.push_back(alloc);
    case fate::disconnects: return disconnect(alloc);
    default: return sort_kept(alloc);
  }
}

// Its node went, was drained, or gave its place to others, and there was no room elsewhere: nothing stands in for it yet.
bool group_reconciler::was_taken(const schema::allocation& alloc) const {
  if (!alloc.next_allocation.empty() || alloc.desired_transition.migrate_disable_placement.value_or(false)) return false;
  if (!alloc.job || alloc.job->create_index != job_.create_index) return false;
  return alloc.desired_status == "evict" || alloc.desired_description == description::lost || alloc.desired_description == description::migrating;
}

void group_reconciler::sort_kept(const ref<schema::allocation>& alloc) {
  if (alloc->client_status != "unknown") return b_.keep.push_back(alloc);
  if (!alloc->next_allocation.empty()) return void(++updates_.ignore);  // its replacement counts
  if (!disconnect_.replace) return b_.keep.push_back(alloc);
  sort_failed(alloc, last_unknown(*alloc));
}

void group_reconciler::sort_ended(const ref<schema::allocation>& alloc) {
  if (alloc->client_status == "complete") {
    if (batch_) b_.keep.push_back(alloc);  // done
    return;                                // a service that ended is started again
  }
  if (alloc->client_status == "failed") sort_failed(alloc, failed_at(*alloc));
}

// Failed, or cut off since: now, later, or never.
void group_reconciler::sort_failed(const ref<schema::allocation>& alloc, timestamp since) {
  if (!alloc->next_allocation.empty()) return;  // replaced already
  const auto& wish = alloc->desired_transition;
  if (wish.force_reschedule.value_or(false)) return b_.reschedule_now.push_back(alloc);
  // While a deployment runs, its watcher says when a failure is to be replaced.
  bool watched = deployment_ != nullptr && is_active(*deployment_) && alloc->deployment_id == deployment_->id;
  auto decision = decide_reschedule(*alloc, policy(), since);
  if ((watched && !wish.reschedule.value_or(false)) || !decision.eligible) return b_.keep.push_back(alloc);
  bool due = decision.when <= in_.now + limits::reschedule_window;
  bool is_unknown = alloc->client_status == "unknown";
  bool followed_up = !is_unknown && !alloc->followup_eval_id.empty() && alloc->followup_eval_id == in_.eval.id;
  if (due || followed_up) return b_.reschedule_now.push_back(alloc);
  b_.keep.push_back(alloc);
  // What is unknown got its evaluation when it became so.
  if (alloc->followup_eval_id.empty() && !is_unknown) b_.reschedule_later.push_back({alloc, decision.when});
}

void group_reconciler::disconnect(const ref<schema::allocation>& alloc) {
  out_.disconnected.push_back({alloc, in_.now + disconnect_.lost_after});
  ++updates_.disconnect;
  bool watched = deployment_ != nullptr && is_active(*deployment_) && alloc->deployment_id == deployment_->id;
  auto decision = decide_reschedule(*alloc, policy(), in_.now);
  bool replaces = disconnect_.replace && !watched && decision.eligible && alloc->next_allocation.empty();
  if (replaces && decision.when <= in_.now + limits::reschedule_window) return b_.reschedule_now.push_back(alloc);
  if (replaces) out_.look_again.push_back({alloc, decision.when});
  b_.keep.push_back(alloc);
}

// Who goes on: the allocation whose client is back, or what was started in its place?
void group_reconciler::settle_reconnecting(const alloc_list& all) {
  std::set<std::string> stopped;
  for (const auto& alloc : b_.reconnecting) {
    const auto& wish = alloc->desired_transition;
    bool unwanted = wish.migrate.value_or(false) || wish.reschedule.value_or(false) || wish.force_reschedule.value_or(false) || !same_version(*alloc, job_);
    if (alloc->client_status == "failed") {
      stop(alloc, description::rescheduled, "failed");
    } else if (unwanted || loses_to_a_replacement(alloc, all, stopped)) {
      stop(alloc, description::not_needed);
    } else {
      out_.reconnected.push_back(alloc);
      b_.keep.push_back(alloc);
      ++updates_.reconnect;
      continue;
    }
    ++updates_.stop;
  }
  if (stopped.empty()) return;
  for (auto* list : {&b_.keep, &b_.migrate, &b_.lost, &b_.reschedule_now}) std::erase_if(*list, [&](const auto& alloc) { return stopped.contains(alloc->id); });
}

bool group_reconciler::loses_to_a_replacement(const ref<schema::allocation>& original, const alloc_list& all, std::set<std::string>& stopped) {
  auto find = [&](const std::string& id) {
    auto it = std::ranges::find(all, id, [](const auto& a) { return a->id; });
    return it == all.end() ? nullptr : *it;
  };
  alloc_list replacements;
  for (auto next = find(original->next_allocation); next != nullptr && replacements.size() <= all.size(); next = find(next->next_allocation))
    if (!server_terminal(*next) && !client_terminal(*next)) replacements.push_back(next);
  bool loses = std::ranges::any_of(replacements, [&](const auto& each) { return keeps_replacement(*original, *each, disconnect_.reconcile, group_); });
  if (loses) return true;
  for (const auto& each : replacements)
    if (stopped.insert(each->id).second) {
      stop(each, description::reconnected);
      ++updates_.stop;
    }
  return false;
}

void group_reconciler::stop(const ref<schema::allocation>& alloc, std::string_view why, std::string_view client_status) {
  out_.stop.push_back({alloc, why, client_status});
}

void group_reconciler::stop_lost() {
  for (const auto& alloc : b_.lost) {
    stop(alloc, description::lost, "lost");
    ++updates_.stop;
    if (disconnect_.stop_after.ns > 0) out_.look_again.push_back({alloc, in_.now + disconnect_.stop_after});
  }
}

// Clients that stop by themselves after a while are given that while before somebody else starts.
int64_t group_reconciler::waiting_for_clients(const alloc_list& all) const {
  if (disconnect_.stop_after.ns <= 0) return 0;
  int64_t waiting = static_cast<int64_t>(b_.lost.size());
  for (const auto& alloc : all)
    waiting += server_terminal(*alloc) && alloc->client_status == "lost" && alloc->next_allocation.empty() &&
               timestamp(alloc->modify_time) + disconnect_.stop_after > in_.now;
  return waiting;
}

// Once canaries are promoted, those that they stand for go first.
void group_reconciler::stop_doubles_of_canaries(int64_t& excess) {
  if (!state_ || canarying() || state_->placed_canaries.empty()) return;
  id_set canaries(state_->placed_canaries.begin(), state_->placed_canaries.end());
  std::set<std::string> names;
  for (const auto& alloc : b_.keep)
    if (canaries.contains(alloc->id)) names.insert(alloc->name);
  std::erase_if(b_.keep, [&](const auto& alloc) {
    if (excess <= 0 || client_terminal(*alloc) || !names.contains(alloc->name) || canaries.contains(alloc->id)) return false;
    stop(alloc, description::not_needed);
    ++updates_.stop;
    --excess;
    return true;
  });
}

// Those that move first, then doubles of a name, then the highest index; what ended already just stops counting.
void group_reconciler::stop_excess() {
  if (canarying()) {
    for (const auto& alloc : b_.keep)
      if (is_canary(*alloc)) b_.canaries.push_back(alloc);
    std::erase_if(b_.keep, [&](const auto& alloc) { return is_canary(*alloc); });
  }
  int64_t excess = static_cast<int64_t>(b_.keep.size() + b_.migrate.size() + b_.reschedule_now.size()) - std::max<int64_t>(group_.count, 0);
  if (canarying()) excess -= std::ranges::count_if(b_.reschedule_now, [&](const auto& alloc) { return is_canary(*alloc); });
  auto drop = [&](alloc_list& from) {
    while (excess > 0 && !from.empty()) {
      if (!client_terminal(*from.back())) {
        stop(from.back(), description::not_needed);
        ++updates_.stop;
      }
      from.pop_back();
      --excess;
    }
  };
  for (auto* list : {&b_.keep, &b_.migrate, &b_.reschedule_now}) sort_by_index(*list);
  stop_doubles_of_canaries(excess);
  if (excess <= 0) return;
  drop(b_.reschedule_now);
  drop(b_.migrate);
  alloc_list finished;
  alloc_list doubles;
  alloc_list first;
  std::set<std::string> names;
  for (auto& alloc : b_.keep) {
    if (client_terminal(*alloc) || server_terminal(*alloc)) finished.push_back(alloc);
    else if (names.insert(alloc->name).second) first.push_back(alloc);
    else doubles.push_back(alloc);
  }
  drop(doubles);
  drop(first);
  while (excess > 0 && !finished.empty()) {  // what ended is stopped already
    finished.pop_back();
    --excess;
  }
  b_.keep.clear();
  for (const auto* part : {&first, &doubles, &finished}) b_.keep.insert(b_.keep.end(), part->begin(), part->end());
  std::erase_if(b_.reschedule_later, [&](const later& l) { return std::ranges::find(b_.keep, l.alloc) == b_.keep.end(); });
}

void group_reconciler::split_updates() {
  for (const auto* list : {&b_.keep, &b_.canaries}) {
    for (const auto& alloc : *list) {
      // What failed in an earlier version is replaced by the new one, however often its own policy let it try.
      bool failed = alloc->client_status == "failed" && !server_terminal(*alloc);
      bool ended = client_terminal(*alloc) || server_terminal(*alloc) || alloc->client_status == "unknown";
      update_kind kind = (ended && !failed) || same_version(*alloc, job_) ? update_kind::ignore : in_.update_of(*alloc, group_);
      if (kind == update_kind::ignore || (failed && kind == update_kind::in_place)) {
        ++updates_.ignore;
      } else if (kind == update_kind::in_place) {
        out_.in_place.push_back(alloc);
        ++updates_.in_place_update;
        ++in_place_;
      } else {
        destructive_.push_back(alloc);
      }
    }
  }
  sort_by_index(destructive_);
  for (const auto& l : b_.reschedule_later) {
    out_.reschedule_later.push_back(l);
    ++updates_.reschedule_later;
  }
}

// The first of a new version, beside the old ones, with names of those that they will replace.
void group_reconciler::place_canaries() {
  auto wanted = group_.update ? group_.update->canary.value_or(0) : 0;
  if (wanted <= 0 || destructive_.empty() || (state_ && state_->promoted)) return;
  auto there = static_cast<int64_t>(b_.canaries.size());
  there += std::ranges::count_if(b_.reschedule_now, [&](const auto& alloc) { return is_canary(*alloc); });
  if (there >= wanted) return;
  starts_canaries_ = true;
  if (held()) return;
  name_index names(used_name_limit(group_));
  for (const auto* list : {&b_.canaries, &b_.reschedule_now})
    for (const auto& alloc : *list)
      if (is_canary(*alloc)) names.use(alloc->name);
  auto replaced = destructive_.begin();
  for (; there < wanted; ++there) {
    while (replaced != destructive_.end() && names.used(index_of(*replaced))) ++replaced;
    std::string name = replaced != destructive_.end() ? (*replaced)->name : alloc_name(job_.id, group_.name, names.next());
    names.use(name);
    place(std::move(name), nullptr).canary = true;
    ++updates_.canary;
  }
}

// How many may be out of service at once: max_parallel less those of this deployment that are not healthy yet.
int64_t group_reconciler::update_limit(const alloc_list& all) const {
  if (!rolls(group_)) return INT64_MAX;
  if (held()) return 0;
  int64_t limit = *group_.update->max_parallel;
  if (deployment_ == nullptr || !state_) return limit;
  for (const auto& alloc : all) {
    if (alloc->deployment_id != deployment_->id || server_terminal(*alloc)) continue;
    auto healthy = alloc->deployment_status ? alloc->deployment_status->healthy : std::nullopt;
    if (healthy == false) return 0;
    if (!healthy) --limit;
  }
  return std::max<int64_t>(limit, 0);
}

placement& group_reconciler::place(std::string name, const ref<schema::allocation>& previous) {
  auto& made = out_.place.emplace_back();
  made.group = &group_;
  made.name = std::move(name);
  made.previous = previous;
  ++changes_;
  return made;
}

void group_reconciler::keep_version(placement& made) const {
  const auto* previous = made.previous.get();
  if (!(canarying() || starts_canaries_) || previous == nullptr || previous->job == nullptr) return;
  if (same_version(*previous, job_)) return;
  const auto* before = find_group(*previous->job, group_.name);
  if (before == nullptr) return;
  made.job = previous->job;
  made.group = before;
}

// Brings the number up to the count: failed ones with their names, lost ones with theirs, then the lowest free names.
int64_t group_reconciler::place_missing() {
  int64_t placed = 0;
  bool canaries_first = canarying() || starts_canaries_;
  name_index names(used_name_limit(group_));
  for (const auto* used : {&b_.keep, &b_.migrate, &b_.reschedule_now})
    for (const auto& alloc : *used) names.use(alloc->name);
  int64_t canaries_again = 0;
  for (const auto& alloc : b_.reschedule_now) {
    bool canary = canarying() && is_canary(*alloc);
    canaries_again += canary;
    // What a failed deployment brought stays down until somebody sends another version.
    if (failed_ && alloc->deployment_id == deployment_->id) {
      ++updates_.ignore;
      continue;
    }
    auto& made = place(alloc->name, alloc);
    made.rescheduled = true;
    made.canary = canary;
    if (client_terminal(*alloc)) made.stop_previous = description::rescheduled;  // what is unknown may come back
    keep_version(made);
    ++updates_.place;
    ++updates_.reschedule_now;
    ++placed;
  }
  int64_t missing = group_.count - waiting_ - (static_cast<int64_t>(b_.keep.size() + b_.migrate.size() + b_.reschedule_now.size()) - canaries_again);
  sort_by_index(b_.lost);
  for (const auto& alloc : b_.lost) {
    if (missing <= 0) break;
    if (!alloc->next_allocation.empty()) continue;  // expired: it was replaced while it was unknown
    names.use(alloc->name);
    keep_version(place(alloc->name, alloc));
    ++updates_.place;
    --missing;
    ++placed;
  }
  if (paused_) return placed;
  if (failed_ || canaries_first) return placed + place_taken(missing, names);
  for (; missing > 0; --missing, ++placed) {
    place(alloc_name(job_.id, group_.name, names.next()), nullptr);
    ++updates_.place;
  }
  return placed;
}

// A deployment that failed, or waits for a promotion, starts nothing new. What ran before is brought back all the same, once there is room for it again.
int64_t group_reconciler::place_taken(int64_t missing, name_index& names) {
  int64_t placed = 0;
  sort_by_index(b_.taken);
  for (const auto& alloc : b_.taken) {
    if (placed >= missing) break;
    if (names.used(index_of(alloc))) continue;
    names.use(alloc->name);
    keep_version(place(alloc->name, alloc));
    ++updates_.place;
    ++placed;
  }
  return placed;
}

void group_reconciler::replace_updated(int64_t limit) {
  if (canarying() || starts_canaries_) limit = 0;
  auto count = static_cast<size_t>(std::min<int64_t>(limit, static_cast<int64_t>(destructive_.size())));
  for (size_t i = 0; i < destructive_.size(); ++i) {
    if (i >= count) {
      ++updates_.ignore;
      continue;
    }
    const auto& alloc = destructive_[i];
    place(alloc->name, alloc).stop_previous = description::updating;
    ++updates_.destructive_update;
  }
}

void group_reconciler::migrate() {
  for (const auto& alloc : b_.migrate) {
    ++updates_.migrate;
    ++changes_;  // also without a replacement
    stop(alloc, description::migrating);
    if (alloc->desired_transition.migrate_disable_placement.value_or(false)) continue;
    keep_version(place(alloc->name, alloc));
  }
}

}  // namespace drover::sched
