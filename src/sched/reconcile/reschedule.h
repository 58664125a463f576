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

// The group's own. System jobs have none: theirs is that of services, so that what failed on a node (a driver that was not ready yet) is tried there
// again, each time later (ours; Nomad leaves it until something else happens to the job).
schema::reschedule_policy reschedule_policy_of(const schema::job& job, const schema::task_group& group);
bool reschedules(const schema::reschedule_policy& policy);
// When the allocation failed: the end of its last failed task, else its last change.
timestamp failed_at(const schema::allocation& alloc);
// `since`: when it failed, or was last heard of.
reschedule_decision decide_reschedule(const schema::allocation& alloc, const schema::reschedule_policy& policy, timestamp since);
// The tracker of a replacement that is made now.
schema::reschedule_tracker next_tracker(const schema::allocation& failed, const schema::reschedule_policy& policy, timestamp now);

}  // namespace drover::sched
