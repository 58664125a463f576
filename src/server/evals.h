// Making evaluations: every one that a server writes for a reason of its own starts here.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "schema/alloc_rpc.h"
#include "schema/eval.h"
#include "schema/job.h"
#include "server/context.h"

namespace drover::server {

// A pending evaluation of a job, not yet stored.
schema::evaluation new_eval(server_context& context, const schema::job& job, std::string_view triggered_by);
schema::evaluation new_eval(std::string id, const schema::job& job, std::string_view triggered_by, int64_t now_ns);
// For the pure functions below, which know neither clock nor randomness.
using eval_maker = std::function<schema::evaluation(const schema::job&, std::string_view triggered_by)>;

// What must be looked at again because this node changed: every job with allocations on it, and every system or sysbatch job that could run there.
std::vector<schema::evaluation> node_evals(server_context& context, const state::snapshot& state, const schema::node& node, std::string_view triggered_by);
std::vector<schema::evaluation> node_evals(const eval_maker& make, const state::snapshot& state, const schema::node& node, std::string_view triggered_by);

// What clients say about their allocations, as a command: the jobs of those that have failed, or come back from being unknown, are the scheduler's
// business at once. The time of the change is the command's.
schema::alloc_update_request client_update(const eval_maker& make, const state::snapshot& state, const std::vector<schema::ref<schema::allocation>>& allocs,
                                           int64_t now_ns);

}  // namespace drover::server
