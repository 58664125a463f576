// The scheduler: what should change so that the cluster runs what a job asks for?
//
// schedule() is a pure function: the same arguments give the same plan, byte for byte. It reads no clock and no randomness; ids and ports
// come from the seed. Any thread; it shares nothing. It visits every feasible node.
//
// What the worker does with an outcome, in this order:
//   1. submit `plan` when has_plan() (the planner answers how much was committed);
//   2. partial commit: bring snapshot and view to refresh_index, call schedule() again with options.attempt + 1; after
//      max_attempts(job type) calls: give_up();
//   3. full commit: write `created` and `eval` (one EvalUpdate). Evaluation ids do not depend on the attempt, so writing the same again
//      is harmless. When eval.status is "blocked" this is an evaluation that was blocked already and goes back to the blocked ones.
// In a plan an allocation without a job has plan.job; a stopped one has none at all, and a client status
// only where that changes ("lost"). PlacedAllocs, RequireProgressBy and modify indexes are
// counted by whoever applies the plan.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sched/dependencies.h"
#include "sched/explain.h"
#include "sched/feasible/volumes.h"
#include "sched/node_view.h"
#include "sched/quota.h"
#include "schema/eval.h"
#include "schema/job.h"

namespace drover::sched {

struct options {
  // 0, then one more for each retry of the same evaluation: new allocations get new ids.
  uint32_t attempt = 0;
  // Fill outcome::explanations.
  bool explain = false;
};

// Everything that is read of the state, beside the nodes. gather() fills it from a snapshot; tests fill it by hand.
struct job_facts {
  uint64_t index = 0;                                     // of the snapshot
  ref<schema::job> job;                                   // null: it was purged
  std::vector<ref<schema::allocation>> allocs;            // all of the job's, also ended ones
  ref<schema::deployment> deployment;                     // the latest, or null
  ref<schema::scheduler_configuration> config;            // null: defaults
  ref<schema::node_pool> pool;                            // the job's node pool, or null
  volume_facts volumes;                                   // that the job asks for
  std::optional<quota_room> quota;                        // of the job's namespace
  std::map<std::string, std::vector<wait_reason>> waits;  // groups that must not start yet, and why
};
job_facts gather(const state::snapshot& snapshot, const schema::evaluation& eval);

struct outcome {
  schema::plan plan;
  // As it is to be stored: status, failed_tg_allocs, queued_allocations, blocked_eval, deployment_id, annotations.
  schema::evaluation eval;
  // Blocked and follow-up evaluations (wait_until) to be stored beside it.
  std::vector<schema::evaluation> created;
  // Where it was asked for: why groups wait. sentences() says it in words.
  std::vector<group_explanation> explanations;
  bool has_plan() const;
};

outcome schedule(const state::snapshot& snapshot, const node_view& view, const schema::evaluation& eval, timestamp now, uint64_t seed,
                 const options& options = {});
outcome schedule(const job_facts& facts, const node_view& view, const schema::evaluation& eval, timestamp now, uint64_t seed, const options& options = {});

// How often one evaluation may plan before it is given up.
int max_attempts(std::string_view job_type);
// After the last attempt: the evaluation fails, and a blocked one (max-plan-attempts) takes its place.
outcome give_up(const outcome& last, timestamp now, uint64_t seed);

}  // namespace drover::sched
