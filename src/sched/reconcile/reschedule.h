// When a failed allocation may be replaced: delay functions, attempts within an interval, the history that replacements carry. Pure.
#pragma once

#include <string_view>

#include "schema/alloc.h"
#include "schema/job.h"

namespace drover::sched {

struct reschedule_decision {
  bool eligible = false;  // attempts are left
  timestamp when;         // not before
  duration delay;         // what the history will say
};

bool reschedules(const schema::reschedule_policy& policy);
// When the allocation failed: the end of its last failed task, else its last change.
timestamp failed_at(const schema::allocation& alloc);
// `since`: when it failed, or was last heard of.
reschedule_decision decide_reschedule(const schema::allocation& alloc, const schema::reschedule_policy& policy, timestamp since);
// The tracker of a replacement that is made now.
schema::reschedule_tracker next_tracker(const schema::allocation& failed, const schema::reschedule_policy& policy, timestamp now);

}  // namespace drover::sched
