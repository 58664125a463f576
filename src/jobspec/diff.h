// What changed between two versions of a job, as `job plan` and `job history -p` show it. Names, order and flattening
// are what Nomad's clients expect: scalars are fields, maps and lists of text are flattened (Env[VERSION],
// Config[args][0]), blocks are objects, groups and tasks are matched by name. Pure and thread-safe.
#pragma once

#include "schema/diff.h"
#include "schema/eval.h"
#include "schema/job.h"

namespace drover::jobspec {

// Null stands for "no such job". Requires: not both null, and the same id where both are given.
// `contextual`: fields that did not change are listed too (type "None") in every block that did.
schema::job_diff diff(const schema::job* before, const schema::job* after, bool contextual = false);

// Adds what a scheduler would do about the changes: group update counts, "forces create", "forces destroy", "forces
// in-place update", "forces create/destroy update". Without annotations only those that follow from the difference
// itself.
void annotate(schema::job_diff& diff, const schema::plan_annotations* annotations);

// Whether the change of a task (no annotations needed) means a new allocation rather than an update in place.
bool is_destructive(const schema::task_diff& diff);

}  // namespace drover::jobspec
