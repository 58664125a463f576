#include "server/evals.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace drover::server {

using schema::ref;

schema::evaluation new_eval(server_context& context, const schema::job& job, std::string_view triggered_by) {
  return new_eval(context.random.uuid(), job, triggered_by, context.now_ns());
}

schema::evaluation new_eval(std::string id, const schema::job& job, std::string_view triggered_by, int64_t now_ns) {
  schema::evaluation eval;
  eval.id = std::move(id);
  eval.namespace_ = job.namespace_;
  eval.priority = job.priority;
  eval.type = job.type;
  eval.triggered_by = triggered_by;
  eval.job_id = job.id;
  eval.job_modify_index = job.modify_index;
  eval.status = "pending";
  eval.create_time = eval.modify_time = now_ns;
  return eval;
}

namespace {

bool could_run_on(const schema::job& job, const schema::node& node) {
  bool pool = job.node_pool == "all" || job.node_pool == node.node_pool;
  return pool && std::ranges::any_of(job.datacenters, [&](const auto& dc) { return matches_glob(dc, node.datacenter); });
}

bool runs_everywhere(const schema::job& job) { return job.type == "system" || job.type == "sysbatch"; }

}  // namespace

std::vector<schema::evaluation> node_evals(server_context& context, const state::snapshot& state, const schema::node& node, std::string_view triggered_by) {
  return node_evals([&](const schema::job& job, std::string_view why) { return new_eval(context, job, why); }, state, node, triggered_by);
}

std::vector<schema::evaluation> node_evals(const eval_maker& make, const state::snapshot& state, const schema::node& node, std::string_view triggered_by) {
  std::vector<schema::evaluation> evals;
  std::set<std::pair<std::string, std::string>> seen;
  auto add = [&](const schema::job& job) {
    if (!seen.emplace(job.namespace_, job.id).second) return;
    auto eval = make(job, triggered_by);
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

schema::alloc_update_request client_update(const eval_maker& make, const state::snapshot& state, const std::vector<ref<schema::allocation>>& allocs,
                                           int64_t now_ns) {
  schema::alloc_update_request command;
  std::set<std::pair<std::string, std::string>> evaluated;
  for (const auto& update : allocs) {
    auto stored = state.alloc(update->id);
    if (!stored || !stored->job) continue;
    bool ended = stored->client_status == "failed" || stored->client_status == "complete" || stored->client_status == "lost";
    bool failed = update->client_status == "failed" && !ended && stored->desired_status == "run";
    bool returned = stored->client_status == "unknown" && update->client_status != "unknown";
    auto job = state.job(stored->namespace_, stored->job_id);
    if ((!failed && !returned) || !job || !evaluated.emplace(job->namespace_, job->id).second) continue;
    command.evals.push_back(std::make_shared<const schema::evaluation>(make(*job, failed ? "alloc-failure" : "reconnect")));
  }
  for (const auto& update : allocs) {
    auto stamped = std::make_shared<schema::allocation>(*update);
    stamped->modify_time = now_ns;
    command.alloc.push_back(std::move(stamped));
  }
  return command;
}

}  // namespace drover::server
