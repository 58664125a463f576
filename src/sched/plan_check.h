// The planner's question: how much of a plan still fits the newest state? Pure; any thread that owns its node_view.
#pragma once

#include "sched/node_view.h"
#include "schema/eval.h"

namespace drover::sched {

// Requires: the view is at the newest applied index.
// Each node of the plan is judged alone with the scheduler's fit: what does not fit is left out together with that node's stops, and the
// node is named in rejected_nodes; refresh_index then says from which index on the worker must plan again. With all_at_once one misfit
// leaves out everything. Stops alone always fit.
schema::plan_result check_plan(const node_view& view, const schema::plan& plan);
// The same for a plan that is not needed any more: what is accepted is taken out of it.
schema::plan_result check_plan(const node_view& view, schema::plan&& plan);

// True when nothing of the plan was left out.
bool is_full_commit(const schema::plan& plan, const schema::plan_result& result);

}  // namespace drover::sched
