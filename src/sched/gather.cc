// Where the scheduler meets the replicated state.
#include "sched/scheduler.h"
#include "state/snapshot.h"

namespace drover::sched {

job_facts gather(const state::snapshot& snapshot, const schema::evaluation& eval) {
  job_facts facts;
  facts.index = snapshot.index();
  facts.job = snapshot.job(eval.namespace_, eval.job_id);
  facts.allocs = snapshot.allocs_by_job(eval.namespace_, eval.job_id);
  facts.deployment = snapshot.latest_deployment(eval.namespace_, eval.job_id);
  facts.config = snapshot.scheduler_config();
  if (facts.job != nullptr) facts.pool = snapshot.node_pool(facts.job->node_pool.empty() ? "default" : facts.job->node_pool);
  if (facts.job != nullptr && !facts.job->stop) facts.volumes = gather_volumes(snapshot, *facts.job);
  if (facts.job != nullptr && !facts.job->stop) facts.quota = gather_quota(snapshot, *facts.job);
  if (facts.job != nullptr && !facts.job->stop)
    for (const auto& group : facts.job->task_groups)
      if (auto why = reasons_to_wait(snapshot, *facts.job, group, facts.allocs); !why.empty()) facts.waits.emplace(group.name, std::move(why));
  return facts;
}

outcome schedule(const state::snapshot& snapshot, const node_view& view, const schema::evaluation& eval, timestamp now, uint64_t seed, const options& how) {
  return schedule(gather(snapshot, eval), view, eval, now, seed, how);
}

}  // namespace drover::sched
