// Service and batch jobs: as many allocations as the count says, wherever they rank best.
#include <algorithm>

#include "sched/follow_up.h"
#include "sched/limits.h"
#include "sched/reconcile/disconnect.h"
#include "sched/reconcile/names.h"
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
    for (const auto& alloc : changes.reconnected) s_.annotate(marked_reconnected(*alloc, s_.now()));
    mark_unknown(changes.disconnected);
    follow_up(s_, changes.reschedule_later);
    look_again(changes.look_again);
    for (const auto& each : changes.place) place(each, changes.active_deployment);
    if (!s_.stopped() && s_.job().all_at_once && !s_.result().failed_tg_allocs.empty()) s_.withdraw();
    return s_.finish(changes.updates, latest_deployment(changes));
  }

 private:
  std::string latest_deployment(const reconciliation& changes) const {
    if (changes.deployment != nullptr) return changes.deployment->id;
    return s_.facts().deployment == nullptr ? std::string() : s_.facts().deployment->id;
  }

  void look_again(std::vector<later> waiting) {
    at_their_times(s_, std::move(waiting), retry_trigger, retry_why, [](const later&, const std::string&) {});
  }

  void mark_unknown(std::vector<later> waiting) {
    // Without a limit they wait for their client as long as it takes.
    std::erase_if(waiting, [&](const later& one) {
      if (one.when > s_.now()) return false;
      s_.annotate(marked_unknown(*one.alloc, s_.now()));
      return true;
    });
    at_their_times(s_, std::move(waiting), "max-disconnect-timeout", "created for delayed disconnect timeout", [&](const later& one, const std::string& id) {
      auto changed = marked_unknown(*one.alloc, s_.now());
      changed.followup_eval_id = id;
      s_.annotate(std::move(changed));
    });
  }

  void place(const placement& what, const std::string& deployment_id) {
    if (const auto* why = s_.waits(*what.group)) return s_.hold_back(*what.group, *why);
    auto& ranks = s_.ranker_of(what);
    if (s_.failed(*what.group)) return s_.fail(*what.group, ranks);
    bool stops = !what.stop_previous.empty();
    if (stops) s_.release(*what.previous);
    if (s_.over_quota(*what.group)) {
      if (stops) s_.restore(*what.previous);
      return;
    }
    std::vector<node_view::row> penalized;
    if (what.rescheduled) penalized = failed_nodes(*what.previous);
    ranker::ask wanted{.penalized = penalized, .preferred = home(what), .number = alloc_index(what.name).value_or(0)};
    auto made = ranks.select(wanted, s_.random());
    if (!made) {
      if (stops) s_.restore(*what.previous);
      if (what.rescheduled) note_no_place(*what.previous);
      return s_.fail(*what.group, ranks);
    }
    if (stops) s_.record_stop_for(*what.previous, what.stop_previous);
    s_.place(what, std::move(*made), deployment_id);
  }

  // Said once of an allocation that should be replaced and is not.
  void note_no_place(const schema::allocation& alloc) {
    constexpr std::string_view no_place = "no placement";
    if (alloc.reschedule_tracker && alloc.reschedule_tracker->last_reschedule == no_place) return;
    schema::reschedule_tracker tracker = alloc.reschedule_tracker ? *alloc.reschedule_tracker : schema::reschedule_tracker{};
    tracker.last_reschedule = no_place;
    schema::allocation changed = alloc;
    changed.reschedule_tracker = schema::share(std::move(tracker));
    s_.annotate(std::move(changed));
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
