// Making evaluations: every one that a server writes for a reason of its own starts here.
#pragma once

#include <string_view>
#include <vector>

#include "schema/eval.h"
#include "schema/job.h"
#include "server/context.h"

namespace drover::server {

// A pending evaluation of a job, not yet stored.
schema::evaluation new_eval(server_context& context, const schema::job& job, std::string_view triggered_by);

// What must be looked at again because this node changed: every job with allocations on it, and every system or sysbatch job that could run there.
std::vector<schema::evaluation> node_evals(server_context& context, const state::snapshot& state, const schema::node& node,
                                           std::string_view triggered_by);

}  // namespace drover::server
