// System and sysbatch jobs: one allocation of each group on every node that may have it.
#include <algorithm>

#include "sched/reconcile/disconnect.h"
#include "sched/reconcile/names.h"
#include "sched/session.h"

namespace drover::sched {
namespace {

using allocs = std::vector<ref<schema::allocation>>;

class everywhere_scheduler {
 public:
  explicit everywhere_scheduler(session& s) : s_(s) {}

  outcome run() {
    stop_the_unwanted();
    if (s_.stopped()) return s_.finish(updates_, "");
    for (const auto& group : s_.job().task_groups) cover(group);
    return s_.finish(updates_, "");
  }

 private:
  bool once() const { return s_.job().type == "sysbatch"; }

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

  // One group on all nodes.
  void cover(const schema::task_group& group) {
    auto& updates = updates_[group.name];
    if (group.count <= 0) return;
    covered_.assign(s_.view().rows(), 0);
    replaced_.assign(s_.view().rows(), nullptr);
    allocs updating;
    for (const auto& alloc : by_group_[group.name]) settle(alloc, group, updates, updating);
    roll(group, updates, updating);
    if (const auto* why = s_.waits(group)) return s_.hold_back(group, *why);
    auto& ranks = s_.ranker_of(group);
    for (node_view::row row = 0; row < s_.view().rows(); ++row)
      if (covered_[row] == 0 && s_.scope().contains(s_.view(), row)) place(group, ranks, row, updates);
  }

  // What becomes of one existing allocation; those that keep their node cover it.
  void settle(const ref<schema::allocation>& alloc, const schema::task_group& group, schema::desired_updates& updates, allocs& updating) {
    auto row = s_.view().find(alloc->node_id);
    if (server_terminal(*alloc)) return;
    if (client_terminal(*alloc)) {
      // A sysbatch task that ended is done, however it ended, until there is another version.
      if (once() && row != node_view::no_row && alloc->client_status != "lost" && same_version(*alloc, s_.job())) {
        covered_[row] = 1;
        ++updates.ignore;
      }
      return;
    }
    switch (fate_of(s_.view(), *alloc, &group, s_.now())) {
      case fate::lost: return stop(*alloc, description::lost, updates, "lost");
      case fate::migrates: ++updates.migrate; return s_.stop(*alloc, description::node_tainted);
      case fate::disconnects: return wait_for_client(*alloc, group, row, updates);
      case fate::reconnects: s_.annotate(marked_reconnected(*alloc, s_.now())); covered_[row] = 1; ++updates.reconnect; return;
      case fate::stays: break;
    }
    if (alloc->client_status == "unknown") {
      covered_[row] = 1;
      ++updates.ignore;
      return;
    }
    bool in_scope = s_.scope().in_pool(s_.view(), row) && s_.scope().datacenters[s_.view().datacenter_of(row)] != 0;
    if (!in_scope || covered_[row] != 0 || !s_.ranker_of(group).accepts(row)) return stop(*alloc, description::not_needed, updates);
    covered_[row] = 1;
    update_kind kind = s_.update_of(*alloc, group);
    if (kind == update_kind::destructive) return updating.push_back(alloc);
    if (kind == update_kind::ignore) {
      ++updates.ignore;
      return;
    }
    s_.update_in_place(*alloc, "");
    ++updates.in_place_update;
  }

  // Unknown until its client comes back, or until the group's patience ends.
  void wait_for_client(const schema::allocation& alloc, const schema::task_group& group, node_view::row row,
                       schema::desired_updates& updates) {
    auto changed = marked_unknown(alloc, s_.now());
    if (auto patience = disconnect_rule_of(&group).lost_after; patience.ns > 0) {
      auto next = s_.next_eval("max-disconnect-timeout", "created for delayed disconnect timeout");
      next.wait_until = s_.now() + patience;
      changed.followup_eval_id = next.id;
      s_.add_eval(std::move(next));
    }
    s_.annotate(std::move(changed));
    covered_[row] = 1;
    ++updates.disconnect;
  }

  void stop(const schema::allocation& alloc, std::string_view why, schema::desired_updates& updates, std::string_view client_status = {}) {
    s_.stop(alloc, why, client_status);
    ++updates.stop;
  }

  // Replaces as many as may be replaced at a time; the next evaluation comes after `stagger`.
  void roll(const schema::task_group& group, schema::desired_updates& updates, const allocs& updating) {
    const auto& update = group.update ? *group.update : s_.job().update;
    int64_t parallel = update.max_parallel.value_or(0);
    duration stagger = update.stagger.value_or(duration{});
    bool rolling = parallel > 0 && stagger.ns > 0;
    auto count = rolling ? std::min(updating.size(), static_cast<size_t>(parallel)) : updating.size();
    for (size_t i = 0; i < count; ++i) {
      auto row = s_.view().find(updating[i]->node_id);
      covered_[row] = 0;
      replaced_[row] = updating[i];
    }
    updates.ignore += updating.size() - count;
    if (count == updating.size() || !s_.result().next_eval.empty()) return;
    auto next = s_.next_eval("rolling-update", "created for the next batch of a rolling update");
    next.wait_until = s_.now() + stagger;
    s_.result().next_eval = next.id;
    s_.add_eval(std::move(next));
  }

  void place(const schema::task_group& group, ranker& ranks, node_view::row row, schema::desired_updates& updates) {
    const auto& previous = replaced_[row];
    if (previous != nullptr) s_.release(*previous);
    auto made = ranks.select_on(row, s_.random());
    if (!made) {
      // A node that the job does not suit is no failure; one that has no room is.
      if (ranks.state_of(row) == ranker::state::exhausted) s_.fail(group, ranks);
      if (previous != nullptr) s_.restore(*previous);
      return;
    }
    placement what;
    what.group = &group;
    what.name = alloc_name(s_.job().id, group.name, 0);
    what.previous = previous;
    what.stop_previous = description::updating;
    if (previous != nullptr) s_.record_stop(*previous, description::updating);
    ++(previous != nullptr ? updates.destructive_update : updates.place);
    s_.place(what, std::move(*made), "");
  }

  session& s_;
  std::map<std::string, schema::desired_updates> updates_;
  std::map<std::string, allocs> by_group_;
  std::vector<uint8_t> covered_;                  // by row: an allocation stays there
  std::vector<ref<schema::allocation>> replaced_;  // by row: what a new version replaces
};

}  // namespace

outcome schedule_everywhere(session& s) { return everywhere_scheduler(s).run(); }

}  // namespace drover::sched
