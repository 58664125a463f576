// Service and batch jobs: as many allocations as the count says, wherever they rank best.
#include <algorithm>

#include "sched/limits.h"
#include "sched/session.h"

namespace drover::sched {
namespace {

class counted_scheduler {
 public:
  explicit counted_scheduler(session& s) : s_(s) {}

  outcome run() {
    auto changes = reconcile({.facts = s_.facts(),
                              .view = s_.view(),
                              .eval = s_.eval(),
                              .now = s_.now(),
                              .new_deployment_id = s_.deployment_id(),
                              .update_of = [this](const auto& alloc, const auto& group) { return s_.update_of(alloc, group); }});
    s_.plan().deployment = changes.deployment;
    s_.plan().deployment_updates = std::move(changes.deployment_updates);
    for (const auto& each : changes.stop) s_.stop(*each.alloc, each.description, each.client_status);
    for (const auto& alloc : changes.in_place) s_.update_in_place(*alloc, changes.active_deployment);
    follow_up(changes.reschedule_later);
    for (const auto& each : changes.place) place(each, changes.active_deployment);
    return s_.finish(changes.updates, latest_deployment(changes));
  }

 private:
  std::string latest_deployment(const reconciliation& changes) const {
    if (changes.deployment != nullptr) return changes.deployment->id;
    return s_.facts().deployment == nullptr ? std::string() : s_.facts().deployment->id;
  }

  // Reschedules that are near each other share one evaluation, at the time of the first.
  void follow_up(std::vector<later> waiting) {
    std::ranges::sort(waiting, [](const auto& a, const auto& b) { return a.when != b.when ? a.when < b.when : a.alloc->id < b.alloc->id; });
    timestamp first;
    std::string id;
    for (const auto& each : waiting) {
      if (id.empty() || each.when - first >= limits::followup_batch_window) {
        auto made = s_.next_eval("alloc-failure", "created for delayed rescheduling");
        made.wait_until = first = each.when;
        id = made.id;
        s_.add_eval(std::move(made));
      }
      schema::allocation changed = *each.alloc;
      changed.followup_eval_id = id;
      s_.annotate(std::move(changed));
    }
  }

  void place(const placement& what, const std::string& deployment_id) {
    auto& ranks = s_.ranker_of(*what.group);
    if (s_.failed(*what.group)) return s_.fail(*what.group, ranks);
    bool stops = !what.stop_previous.empty();
    if (stops) s_.release(*what.previous);
    std::vector<node_view::row> penalized;
    if (what.rescheduled) penalized = failed_nodes(*what.previous);
    ranker::ask wanted{.penalized = penalized, .preferred = home(what)};
    auto made = ranks.select(wanted, s_.random());
    if (!made) {
      if (stops) s_.restore(*what.previous);
      return s_.fail(*what.group, ranks);
    }
    if (stops) s_.record_stop(*what.previous, what.stop_previous);
    s_.place(what, std::move(*made), deployment_id);
  }

  std::vector<node_view::row> failed_nodes(const schema::allocation& alloc) const {
    std::vector<node_view::row> rows{s_.view().find(alloc.node_id)};
    if (alloc.reschedule_tracker)
      for (const auto& event : alloc.reschedule_tracker->events) rows.push_back(s_.view().find(event.prev_node_id));
    std::erase(rows, node_view::no_row);
    return rows;
  }

  // Where the data of a sticky disk is.
  node_view::row home(const placement& what) const {
    bool sticky = what.group->ephemeral_disk && what.group->ephemeral_disk->sticky;
    return sticky && what.previous != nullptr ? s_.view().find(what.previous->node_id) : node_view::no_row;
  }

  session& s_;
};

}  // namespace

outcome schedule_counted(session& s) { return counted_scheduler(s).run(); }

}  // namespace drover::sched
