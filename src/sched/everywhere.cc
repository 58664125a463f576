// System and sysbatch jobs: one allocation of each group on every node that may have it.
//
// A system group whose update block allows replacements is watched by a deployment, like a service's. How many allocations it wants follows from the
// nodes that suit it, so it may change while the deployment runs. A canary is a percentage here: of the nodes whose allocation is to be replaced, so many
// get the new version in place of the old one, and the others wait for the promotion.
#include <algorithm>

#include "sched/follow_up.h"
#include "sched/reconcile/deployment_of.h"
#include "sched/reconcile/disconnect.h"
#include "sched/reconcile/names.h"
#include "sched/reconcile/reschedule.h"
#include "sched/session.h"

namespace drover::sched {
namespace {

using allocs = std::vector<ref<schema::allocation>>;

// What a group has and what it needs, before anything of it is done.
struct group_work {
  const schema::task_group* group;
  schema::desired_updates* updates;
  std::vector<uint8_t> covered{};                 // by row: an allocation stays there
  std::vector<ref<schema::allocation>> before{};  // by row: what a new version replaces, or the failed canary that was there
  std::vector<ref<schema::allocation>> failed{};  // by row: what has failed there and may be tried again now
  std::vector<later> retries{};                   // and what is tried again later; it covers its node until then
  allocs in_place{};
  allocs destructive{};
  int64_t kept = 0;       // of this version
  int64_t in_flight = 0;  // of the deployment, and not well: not yet, or no longer
  int64_t canaries = 0;   // that live, or failed and are placed again
  bool had_version = false;
  int64_t placed = 0;
};

bool is_watched(const schema::task_group& group) { return group.update && group.update->max_parallel.value_or(0) > 0; }

class everywhere_scheduler {
 public:
  explicit everywhere_scheduler(session& s) : s_(s) {
    if (!once()) choice_ = choose_deployment(s.facts(), s.now());
  }

  outcome run() {
    s_.plan().deployment_updates = choice_.updates;
    stop_the_unwanted();
    if (s_.stopped()) return s_.finish(updates_, "");
    std::vector<group_work> work;
    for (const auto& group : s_.job().task_groups)
      if (group.count > 0) work.push_back(look_at(group));
      else updates_[group.name];
    for (auto& each : work) begin_deployment(each);
    for (auto& each : work) cover(each);
    return s_.finish(updates_, finish_deployment(work));
  }

 private:
  bool once() const { return s_.facts().job != nullptr && s_.job().type == "sysbatch"; }

  // Of groups that are no more, or of a stopped job.
  void stop_the_unwanted() {
    for (const auto& alloc : s_.facts().allocs) {
      const auto* group = s_.stopped() ? nullptr : find_group(s_.job(), alloc->task_group);
      if (group != nullptr && group->count > 0) {
        by_group_[alloc->task_group].push_back(alloc);
        continue;
      }
      if (server_terminal(*alloc) || client_terminal(*alloc)) continue;
      bool lost = fate_of(s_.view(), *alloc, nullptr, s_.now()) == fate::lost;
      s_.stop(*alloc, lost ? description::lost : description::not_needed, lost ? "lost" : "");
      ++updates_[alloc->task_group].stop;
    }
  }

  group_work look_at(const schema::task_group& group) {
    group_work work{.group = &group, .updates = &updates_[group.name]};
    work.covered.assign(s_.view().rows(), 0);
    work.before.assign(s_.view().rows(), nullptr);
    work.failed.assign(s_.view().rows(), nullptr);
    for (const auto& alloc : by_group_[group.name]) settle(alloc, work);
    return work;
  }

  // What becomes of one existing allocation; those that keep their node cover it.
  void settle(const ref<schema::allocation>& alloc, group_work& work) {
    auto& updates = *work.updates;
    auto row = s_.view().find(alloc->node_id);
    work.had_version = work.had_version || same_version(*alloc, s_.job());
    if (server_terminal(*alloc)) return;
    if (client_terminal(*alloc)) return settle_ended(alloc, row, work);
    switch (fate_of(s_.view(), *alloc, work.group, s_.now())) {
      case fate::lost: return stop(*alloc, description::lost, updates, "lost");
      case fate::migrates: ++updates.migrate; return s_.stop(*alloc, description::node_tainted);
      case fate::disconnects: return wait_for_client(*alloc, row, work);
      case fate::reconnects:
        s_.annotate(marked_reconnected(*alloc, s_.now()));
        ++updates.reconnect;
        return keep(*alloc, row, work);
      case fate::stays: break;
    }
    if (alloc->client_status == "unknown") {
      ++updates.ignore;
      return keep(*alloc, row, work);
    }
    bool in_scope = s_.scope().in_pool(s_.view(), row) && s_.scope().datacenters[s_.view().datacenter_of(row)] != 0;
    if (!in_scope || work.covered[row] != 0 || !s_.ranker_of(*work.group).accepts(row)) return stop(*alloc, description::not_needed, updates);
    work.covered[row] = 1;
    switch (s_.update_of(*alloc, *work.group)) {
      case update_kind::destructive: return work.destructive.push_back(alloc);
      case update_kind::in_place: ++updates.in_place_update; return work.in_place.push_back(alloc);
      case update_kind::ignore: ++updates.ignore; return keep(*alloc, row, work);
    }
  }

  void settle_ended(const ref<schema::allocation>& alloc, node_view::row row, group_work& work) {
    if (row == node_view::no_row || !same_version(*alloc, s_.job())) return;
    // A sysbatch task that ended is done, however it ended, until there is another version.
    if (once() && alloc->client_status != "lost") {
      work.covered[row] = 1;
      ++work.updates->ignore;
    }
    if (once() || !alloc->next_allocation.empty()) return;
    if (alloc->client_status == "failed") {
      if (wait_for_retry(alloc, work)) {
        work.covered[row] = 1;
        ++work.updates->ignore;
        return;
      }
      work.failed[row] = alloc;
    }
    // A canary that failed is placed again as one.
    if (is_canary(*alloc)) work.before[row] = alloc;
  }

  // As a service's: each time later, never in a circle.
  bool wait_for_retry(const ref<schema::allocation>& alloc, group_work& work) {
    if (alloc->desired_transition.force_reschedule.value_or(false)) return false;
    const auto decision = decide_reschedule(*alloc, reschedule_policy_of(s_.job(), *work.group), failed_at(*alloc));
    const bool due = decision.when <= s_.now() + limits::reschedule_window || alloc->followup_eval_id == s_.eval().id;
    if (!due && alloc->followup_eval_id.empty()) work.retries.push_back({alloc, decision.when});
    return !due;
  }

  bool is_canary(const schema::allocation& alloc) const {
    return choice_.current != nullptr && alloc.deployment_id == choice_.current->id && alloc.deployment_status && alloc.deployment_status->canary;
  }

  void keep(const schema::allocation& alloc, node_view::row row, group_work& work) {
    if (row != node_view::no_row) work.covered[row] = 1;
    ++work.kept;
    work.canaries += is_canary(alloc);
    const bool watched = choice_.current != nullptr && alloc.deployment_id == choice_.current->id;
    if (watched && !(alloc.deployment_status && alloc.deployment_status->healthy.value_or(false))) ++work.in_flight;
  }

  // Unknown until its client comes back, or until the group's patience ends.
  void wait_for_client(const schema::allocation& alloc, node_view::row row, group_work& work) {
    auto changed = marked_unknown(alloc, s_.now());
    if (auto patience = disconnect_rule_of(work.group).lost_after; patience.ns > 0) {
      auto next = s_.next_eval("max-disconnect-timeout", "created for delayed disconnect timeout");
      next.wait_until = s_.now() + patience;
      changed.followup_eval_id = next.id;
      s_.add_eval(std::move(next));
    }
    s_.annotate(std::move(changed));
    ++work.updates->disconnect;
    keep(alloc, row, work);
  }

  void stop(const schema::allocation& alloc, std::string_view why, schema::desired_updates& updates, std::string_view client_status = {}) {
    s_.stop(alloc, why, client_status);
    ++updates.stop;
  }

  const schema::deployment_state* state_of(const schema::task_group& group) const {
    if (!deployment_) return nullptr;
    auto found = deployment_->task_groups.find(group.name);
    return found == deployment_->task_groups.end() ? nullptr : &found->second;
  }
  bool held() const { return deployment_ && deployment_->status != "running"; }

  // A group is watched when it is new or changes, not when its version runs already and only a node came.
  void begin_deployment(const group_work& work) {
    if (!deployment_ && choice_.current != nullptr) deployment_ = std::make_shared<schema::deployment>(*choice_.current);
    const bool changes = !work.destructive.empty() || !work.in_place.empty();
    if (once() || choice_.had_one || held() || !is_watched(*work.group) || state_of(*work.group) != nullptr) return;
    if (work.had_version && !changes) return;
    if (!deployment_) deployment_ = fresh_deployment(s_.job(), s_.eval(), s_.deployment_id(), s_.now());
    set_rules(deployment_->task_groups[work.group->name], *work.group->update);
  }

  // The deployment that new allocations of a group join, or empty.
  std::string deployment_for(const schema::task_group& group) const {
    return deployment_ && is_active(*deployment_) && state_of(group) != nullptr ? deployment_->id : std::string();
  }

  // One group on all nodes.
  void cover(group_work& work) {
    const auto& group = *work.group;
    for (const auto& alloc : work.in_place) s_.update_in_place(*alloc, deployment_for(group));
    follow_up(s_, std::move(work.retries));
    const bool canaries = replace(work);
    if (const auto* why = s_.waits(group)) return s_.hold_back(group, *why);
    auto& ranks = s_.ranker_of(group);
    for (node_view::row row = 0; row < s_.view().rows(); ++row)
      if (work.covered[row] == 0 && s_.scope().contains(s_.view(), row)) place(work, ranks, row, canaries);
  }

  // Uncovers the nodes whose allocation may be replaced now. True: by canaries.
  bool replace(group_work& work) {
    const auto* state = state_of(*work.group);
    if (state == nullptr) return roll(work), false;
    const auto& update = *work.group->update;
    const int64_t parallel = update.max_parallel.value_or(0);
    const int64_t percent = update.canary.value_or(0);
    const int64_t again = std::ranges::count_if(work.before, [](const auto& each) { return each != nullptr; });
    const int64_t replaced = static_cast<int64_t>(work.destructive.size()) + work.canaries + again;
    const bool canarying = percent > 0 && !state->promoted && s_.job().version > 0 && replaced > 0;
    int64_t limit = parallel - work.in_flight;
    if (canarying) {
      const int64_t wanted = std::min((percent * replaced + 99) / 100, parallel);
      deployment_->task_groups[work.group->name].desired_canaries = wanted;
      limit = wanted - work.canaries - again;
    }
    uncover(work, held() ? 0 : std::max<int64_t>(limit, 0));
    return canarying;
  }

  // Without a deployment: as many as may be replaced at a time; the next evaluation comes after `stagger`.
  void roll(group_work& work) {
    const auto& update = work.group->update ? *work.group->update : s_.job().update;
    const int64_t parallel = update.max_parallel.value_or(0);
    const auto stagger = update.stagger.value_or(duration{});
    const bool rolling = parallel > 0 && stagger.ns > 0 && !held();
    const auto all = static_cast<int64_t>(work.destructive.size());
    uncover(work, rolling ? std::min(all, parallel) : all);
    if (!rolling || parallel >= all || !s_.result().next_eval.empty()) return;
    auto next = s_.next_eval("rolling-update", "created for the next batch of a rolling update");
    next.wait_until = s_.now() + stagger;
    s_.result().next_eval = next.id;
    s_.add_eval(std::move(next));
  }

  void uncover(group_work& work, int64_t limit) {
    const auto count = std::min(work.destructive.size(), static_cast<size_t>(limit));
    for (size_t i = 0; i < count; ++i) {
      auto row = s_.view().find(work.destructive[i]->node_id);
      work.covered[row] = 0;
      work.before[row] = work.destructive[i];
    }
    work.updates->ignore += work.destructive.size() - count;
  }

  void place(group_work& work, ranker& ranks, node_view::row row, bool canaries) {
    const auto& group = *work.group;
    const auto& previous = work.before[row];
    const bool ended = previous != nullptr && client_terminal(*previous);
    const bool replaces = previous != nullptr && !ended;
    if (replaces) s_.release(*previous);
    if (s_.over_quota(group)) {
      if (replaces) s_.restore(*previous);
      return;
    }
    auto made = ranks.select_on(row, s_.random());
    if (!made) {
      // A node that the job does not suit is no failure; one that has no room is.
      if (ranks.state_of(row) == ranker::state::exhausted) s_.fail(group, ranks);
      if (replaces) s_.restore(*previous);
      return;
    }
    placement what;
    what.group = &group;
    what.name = alloc_name(s_.job().id, group.name, 0);
    what.previous = previous != nullptr ? previous : work.failed[row];
    what.rescheduled = what.previous != nullptr && what.previous == work.failed[row];
    what.canary = canaries && previous != nullptr;
    if (replaces) what.stop_previous = description::updating;
    if (replaces) s_.record_stop(*previous, description::updating);
    if (what.rescheduled) s_.record_stop(*what.previous, description::rescheduled);
    ++(what.canary ? work.updates->canary : replaces ? work.updates->destructive_update : work.updates->place);
    if (!replaces) ++work.placed;
    s_.place(what, std::move(*made), deployment_for(group));
  }

  // Brings the deployment up to what is wanted now, or ends it. The id that the evaluation names.
  std::string finish_deployment(const std::vector<group_work>& work) {
    if (!deployment_) return s_.facts().deployment == nullptr || once() ? std::string() : s_.facts().deployment->id;
    bool complete = deployment_->status == "running" && choice_.current != nullptr, wanted = false;
    for (const auto& each : work) {
      auto found = deployment_->task_groups.find(each.group->name);
      if (found == deployment_->task_groups.end()) continue;
      auto& state = found->second;
      state.desired_total = each.kept + each.placed + static_cast<int64_t>(each.in_place.size() + each.destructive.size());
      wanted = wanted || state.desired_total > 0;
      const bool canarying = state.desired_canaries > 0 && !state.promoted;
      complete = complete && !canarying && each.destructive.empty() && state.healthy_allocs >= state.desired_total;
    }
    if (choice_.current == nullptr && !wanted) return {};
    if (complete) s_.plan().deployment_updates.push_back(success_of(*deployment_, s_.now()));
    if (deployment_->status == "running") deployment_->status_description = describe_running(*deployment_);
    if (choice_.current == nullptr || changed(*choice_.current, *deployment_)) s_.plan().deployment = deployment_;
    return deployment_->id;
  }

  static bool changed(const schema::deployment& before, const schema::deployment& after) {
    if (!is_active(before)) return false;
    return before.status_description != after.status_description ||
           !std::ranges::equal(before.task_groups, after.task_groups, [](const auto& a, const auto& b) {
             return a.first == b.first && a.second.desired_total == b.second.desired_total && a.second.desired_canaries == b.second.desired_canaries;
           });
  }

  session& s_;
  deployment_choice choice_;
  std::shared_ptr<schema::deployment> deployment_;  // as it will be stored; null: nobody watches
  std::map<std::string, schema::desired_updates> updates_;
  std::map<std::string, allocs> by_group_;
};

}  // namespace

outcome schedule_everywhere(session& s) { return everywhere_scheduler(s).run(); }

}  // namespace drover::sched
