#include "server/evals.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace drover::server {

using schema::ref;

schema::evaluation new_eval(server_context& context, const schema::job& job, std::string_view triggered_by) {
  schema::evaluation eval;
  eval.id = context.random.uuid();
  eval.namespace_ = job.namespace_;
  eval.priority = job.priority;
  eval.type = job.type;
  eval.triggered_by = triggered_by;
  eval.job_id = job.id;
  eval.job_modify_index = job.modify_index;
  eval.status = "pending";
  eval.create_time = eval.modify_time = context.now_ns();
  return eval;
}

namespace {

bool could_run_on(const schema::job& job, const schema::node& node) {
  bool pool = job.node_pool == "all" || job.node_pool == node.node_pool;
  return pool && std::ranges::any_of(job.datacenters, [&](const auto& dc) { return matches_glob(dc, node.datacenter); });
}

bool runs_everywhere(const schema::job& job) { return job.type == "system" || job.type == "sysbatch"; }

}  // namespace

std::vector<schema::evaluation> node_evals(server_context& context, const state::snapshot& state, const schema::node& node,
                                           std::string_view triggered_by) {
  std::vector<schema::evaluation> evals;
  std::set<std::pair<std::string, std::string>> seen;
  auto add = [&](const schema::job& job) {
    if (!seen.emplace(job.namespace_, job.id).second) return;
    auto eval = new_eval(context, job, triggered_by);
    eval.node_id = node.id;
    eval.node_modify_index = node.modify_index;
    evals.push_back(std::move(eval));
  };
  state.visit_allocs_by_node(node.id, [&](const ref<schema::allocation>& alloc) {
    bool over = alloc->client_status == "complete" || alloc->client_status == "failed" || alloc->client_status == "lost";
    if (!over && alloc->job && !runs_everywhere(*alloc->job)) add(*alloc->job);
    return true;
  });
  state.visit_jobs("*", "", [&](const ref<schema::job>& job) {
    if (runs_everywhere(*job) && !job->stop && !job->periodic && !job->parameterized_job && could_run_on(*job, node)) add(*job);
    return true;
  });
  return evals;
}

}  // namespace drover::server
