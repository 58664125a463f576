// Evaluations for later: those that are due near each other share one, at the time of the first.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "sched/limits.h"
#include "sched/reconcile/reconciler.h"
#include "sched/session.h"

namespace drover::sched {

// Calls each(later, evaluation id).
template <class F>
void at_their_times(session& s, std::vector<later> waiting, std::string_view trigger, std::string_view why, F&& each) {
  std::ranges::sort(waiting, [](const auto& a, const auto& b) { return a.when != b.when ? a.when < b.when : a.alloc->id < b.alloc->id; });
  timestamp first;
  std::string id;
  for (const auto& one : waiting) {
    if (id.empty() || one.when - first >= limits::followup_batch_window) {
      auto made = s.next_eval(std::string(trigger), std::string(why));
      made.wait_until = first = one.when;
      id = made.id;
      s.add_eval(std::move(made));
    }
    each(one, id);
  }
}

inline constexpr std::string_view retry_trigger = "alloc-failure";
inline constexpr std::string_view retry_why = "created for delayed rescheduling";

// Failed allocations that are replaced later: each names the evaluation that will do it.
inline void follow_up(session& s, std::vector<later> waiting) {
  at_their_times(s, std::move(waiting), retry_trigger, retry_why, [&](const later& one, const std::string& id) {
    schema::allocation changed = *one.alloc;
    changed.followup_eval_id = id;
    s.annotate(std::move(changed));
  });
}

}  // namespace drover::sched
