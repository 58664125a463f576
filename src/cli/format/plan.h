// What `job plan` prints: the difference as a tree, and what the scheduler would do. Pure.
#pragma once

#include <string>

#include "cli/format/units.h"
#include "schema/diff.h"
#include "schema/job_rpc.h"

namespace drover::cli::format {

// The tree from "+/- Job: ..." on; every line with its newline. `verbose` shows what did not change, too.
std::string job_diff(const schema::job_diff& diff, bool verbose);
// "- All tasks successfully allocated." or what could not be placed; every line with its newline.
std::string dry_run(const schema::job_plan_response& plan, const schema::job& job, const style& how);
// Whether allocations would come or go: exit code 1 rather than 0.
bool plan_changes_allocations(const schema::job_plan_response& plan);

}  // namespace drover::cli::format
