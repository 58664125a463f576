#include "sim/invariants.h"

#include <algorithm>

#include "base/text.h"
#include "sched/dispatch_line.h"
#include "sched/feasible/operators.h"
#include "sched/reconcile/reconciler.h"
#include "state/tables.h"

namespace drover::sim {
namespace {

void check_node(const state::snapshot& state, const std::string& id, problems& out) {
  auto node = state.node(id);
  if (!node) return;
  std::vector<ref<schema::allocation>> there;
  for (const auto& alloc : state.allocs_by_node(id))
    if (sched::occupies(*alloc)) there.push_back(alloc);
  if (auto fit = sched::fits(*node, there); !fit.ok) out.push_back(fmt::format("node {} is overcommitted: {}", node->name, fit.dimension));
}

// The job's own rules, asked of the one node.
void check_suits(const schema::allocation& alloc, const schema::job& job, const schema::node& node, problems& out) {
  auto bad = [&](std::string_view what) { out.push_back(fmt::format("allocation {} of {} violates {} on {}", alloc.id, job.id, what, node.name)); };
  if (node.status != "ready" || node.drain_strategy) bad("the readiness of its node");
  if (std::ranges::none_of(job.datacenters, [&](const auto& glob) { return matches_glob(glob, node.datacenter); })) bad("its datacenters");
  if (!job.node_pool.empty() && job.node_pool != "all" && job.node_pool != node.node_pool) bad("its node pool");
  const auto* group = sched::find_group(job, alloc.task_group);
  if (group == nullptr) return bad("its groups");
  sched::operator_set operators;
  for (const auto* list : {&job.constraints, &group->constraints})
    for (const auto& rule : *list)
      if (rule.operand != "distinct_hosts" && rule.operand != "distinct_property" && !operators.holds(rule, node)) bad(rule.l_target);
}

void check_distinct_hosts(const state::snapshot& state, const schema::job& job, problems& out) {
  if (std::ranges::none_of(job.constraints, [](const auto& rule) { return rule.operand == "distinct_hosts"; })) return;
  std::set<std::string> hosts;
  for (const auto& alloc : state.allocs_by_job(job.namespace_, job.id))
    // Those of earlier versions may have come without the rule.
    if (sched::occupies(*alloc) && sched::same_version(*alloc, job) && !hosts.insert(alloc->node_id).second)
      out.push_back(fmt::format("two allocations of {} are on {}, against distinct_hosts", job.id, alloc->node_name));
}

void check_parallel(const servers::committed& what, problems& out) {
  const auto& job = what.plan.job;
  if (job == nullptr || job->type != "service") return;
  std::map<std::string, int64_t> replaced;
  for (const auto& [node, allocs] : what.result.node_update)
    for (const auto& alloc : allocs)
      if (alloc->desired_description == sched::description::updating) ++replaced[alloc->task_group];
  for (const auto& group : job->task_groups) {
    int64_t most = group.update ? group.update->max_parallel.value_or(0) : 0;
    if (most > 0 && replaced[group.name] > most)
      out.push_back(fmt::format("{} of group {} of {} were replaced at once, {} may be", replaced[group.name], group.name, job->id, most));
  }
}

void check_line(const state::snapshot& state, const schema::job& parent, problems& out) {
  auto most = sched::instances_max(&parent);
  if (!most) return;
  int64_t running = 0;
  for (const auto& child : state.child_jobs(parent.namespace_, parent.id)) running += !child->stop && sched::instance_runs(state, *child);
  if (running > *most) out.push_back(fmt::format("{} instances of {} run, {} may", running, parent.id, *most));
}

std::string described(const schema::plan& plan) {
  std::string text = plan.deployment ? " a deployment" : "";
  for (const auto* part : {&plan.node_update, &plan.node_allocation})
    for (const auto& [node, allocs] : *part)
      for (const auto& alloc : allocs)
        text += fmt::format(" {} ({}, {}, \"{}\", follow-up {})", alloc->name, alloc->create_index == 0 ? "new" : alloc->client_status, alloc->desired_status,
                            alloc->desired_description, alloc->followup_eval_id);
  return text;
}

bool ended(const schema::evaluation& eval) { return eval.status == "complete" || eval.status == "failed" || eval.status == "canceled"; }

}  // namespace

problems check_commit(const servers::committed& what, const state::snapshot& after) {
  problems out;
  for (const auto& [node_id, allocs] : what.result.node_allocation) {
    check_node(after, node_id, out);
    auto node = what.before.node(node_id);
    for (const auto& alloc : allocs) {
      if (alloc->create_index != 0 || !node) continue;
      const auto& job = alloc->job ? *alloc->job : *what.plan.job;
      check_suits(*alloc, job, *node, out);
    }
  }
  check_parallel(what, out);
  return out;
}

problems check_state(const state::snapshot& state) {
  problems out;
  state.visit_nodes("", [&](const auto& node) {
    check_node(state, node->id, out);
    return true;
  });
  state.visit_jobs("*", "", [&](const auto& job) {
    check_distinct_hosts(state, *job, out);
    check_line(state, *job, out);
    return true;
  });
  return out;
}

problems check_rest(servers& cluster) {
  auto state = cluster.state();
  problems out;
  size_t blocked = 0;
  state.visit_evals("", [&](const auto& eval) {
    blocked += eval->status == "blocked";
    if (!ended(*eval) && eval->status != "blocked") out.push_back(fmt::format("evaluation {} of {} is still {}", eval->id, eval->job_id, eval->status));
    return true;
  });
  if (blocked != cluster.blocked().size()) out.push_back(fmt::format("{} evaluations are blocked, the servers know of {}", blocked, cluster.blocked().size()));
  state.visit_jobs("*", "", [&](const auto& job) {
    if (job->parameterized_job && !job->dispatched) return true;
    auto eval = server::new_eval("look-again-" + job->id, *job, "job-register", cluster.now().ns);
    auto outcome = sched::schedule(state, cluster.view(), eval, cluster.now(), 1);
    if (outcome.has_plan()) out.push_back(fmt::format("{} is at rest, but a scheduler would still change:{}", job->id, described(outcome.plan)));
    if (outcome.eval.failed_tg_allocs.empty() || job->stop) return true;
    auto evals = state.evals_by_job(job->namespace_, job->id);
    if (std::ranges::none_of(evals, [](const auto& each) { return each->status == "blocked"; }))
      out.push_back(fmt::format("{} waits, and no evaluation waits for it", job->id));
    return true;
  });
  return out;
}

}  // namespace drover::sim
