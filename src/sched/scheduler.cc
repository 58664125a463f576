#include "sched/scheduler.h"

#include "sched/limits.h"
#include "sched/session.h"

namespace drover::sched {
namespace {

bool runs_everywhere(const session& s) {
  const std::string& type = s.facts().job != nullptr ? s.facts().job->type : s.eval().type;
  return type == "system" || type == "sysbatch";
}

// A parent of periodic or dispatched jobs has no allocations of its own.
bool is_template(const schema::job& job) {
  return (job.periodic.has_value() && job.parent_id.empty()) || (job.parameterized_job.has_value() && !job.dispatched);
}

bool is_known_type(const std::string& type) { return type == "service" || type == "batch" || type == "system" || type == "sysbatch"; }

}  // namespace

bool outcome::has_plan() const {
  return !plan.node_update.empty() || !plan.node_allocation.empty() || plan.deployment != nullptr || !plan.deployment_updates.empty();
}

outcome schedule(const job_facts& facts, const node_view& view, const schema::evaluation& eval, timestamp now, uint64_t seed, const options& how) {
  session s(facts, view, eval, now, seed, how);
  if (facts.job != nullptr && !is_known_type(facts.job->type)) {
    auto out = s.finish({}, "");
    out.eval.status = "failed";
    out.eval.status_description = fmt::format("there is no scheduler for jobs of type \"{}\"", facts.job->type);
    return out;
  }
  if (!s.stopped() && is_template(*facts.job)) return s.finish({}, "");
  return runs_everywhere(s) ? schedule_everywhere(s) : schedule_counted(s);
}

int max_attempts(std::string_view job_type) {
  return job_type == "batch" || job_type == "sysbatch" ? limits::batch_plan_attempts : limits::service_plan_attempts;
}

outcome give_up(const outcome& last, timestamp now, uint64_t seed) {
  outcome out;
  out.eval = last.eval;
  out.eval.status = "failed";
  out.eval.status_description = fmt::format("maximum attempts reached ({})", max_attempts(last.eval.type));
  out.eval.modify_time = now.ns;
  schema::evaluation next;
  next.id = random_stream(random_stream::mix(random_stream::mix(seed, last.eval.id), "give up")).uuid();
  next.namespace_ = last.eval.namespace_;
  next.priority = last.eval.priority;
  next.type = last.eval.type;
  next.job_id = last.eval.job_id;
  next.job_modify_index = last.eval.job_modify_index;
  next.triggered_by = "max-plan-attempts";
  next.status = "blocked";
  next.status_description = "created due to placement conflicts";
  next.previous_eval = last.eval.id;
  next.failed_tg_allocs = last.eval.failed_tg_allocs;
  // Any capacity will do: the plan was sound, only others were faster.
  next.escaped_computed_class = true;
  next.snapshot_index = last.eval.snapshot_index;
  next.create_time = next.modify_time = now.ns;
  out.eval.blocked_eval = next.id;
  out.created.push_back(std::move(next));
  return out;
}

}  // namespace drover::sched
