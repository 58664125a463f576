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
  return facts;
}

outcome schedule(const state::snapshot& snapshot, const node_view& view, const schema::evaluation& eval, timestamp now, uint64_t seed,
                 const options& how) {
  return schedule(gather(snapshot, eval), view, eval, now, seed, how);
}

}  // namespace drover::sched
