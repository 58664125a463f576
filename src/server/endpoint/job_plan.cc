// Job.Plan: what would the scheduler do? The real scheduler on the real state, with nothing stored.
#include "jobspec/diff.h"
#include "jobspec/redact.h"
#include "jobspec/validate.h"
#include "sched/scheduler.h"
#include "schema/job_rpc.h"
#include "server/admission.h"
#include "server/endpoint/endpoints.h"
#include "server/evals.h"
#include "server/periodic.h"
#include "server/plan_queue.h"
#include "server/reads.h"

namespace drover::server {
namespace {

awaitable<result<schema::job_plan_response>> plan_job(server_context& context, schema::job_plan_request request) {
  if (!request.job) co_return fail(errc::invalid, "Job required for plan");
  const auto& state = context.followed;
  CO_TRY_ASSIGN(auto admitted, admit(*request.job, namespace_of(request), state, context.options));
  auto existing = state.job(admitted.job.namespace_, admitted.job.id);

  // As it would stand after registration.
  auto job = std::make_shared<schema::job>(std::move(admitted.job));
  job->job_modify_index = job->modify_index = state.index() + 1;
  job->create_index = existing ? existing->create_index : state.index() + 1;
  bool changed = !existing || existing->stop || jobspec::diff(existing.get(), job.get()).type != "None";
  job->version = !existing ? 0 : existing->version + (changed ? 1 : 0);
  if (!changed) {
    job->job_modify_index = existing->job_modify_index;
    job->modify_index = existing->modify_index;
  }

  schema::job_plan_response out;
  out.job_modify_index = existing ? existing->job_modify_index : 0;
  out.warnings = jobspec::multi_warning(admitted.warnings);
  out.index = state.index();
  if (runs_itself(*job)) {
    auto eval = new_eval(context, *job, "job-register");
    eval.annotate_plan = true;
    auto facts = sched::gather(state, eval);
    facts.job = job;
    auto outcome = sched::schedule(facts, context.plans->current_view(), eval, context.clock.now(), context.random.number());
    out.annotations = outcome.plan.annotations;
    out.failed_tg_allocs = outcome.eval.failed_tg_allocs;
    for (const auto& each : outcome.created) out.created_evals.push_back(std::make_shared<const schema::evaluation>(each));
  } else if (job->periodic) {
    CO_TRY_ASSIGN(auto next, next_launch(*job->periodic, context.clock.now()));
    out.next_periodic_launch = next.value_or(timestamp());
  }
  if (request.diff) {
    out.diff = jobspec::diff(existing.get(), job.get(), true);
    jobspec::annotate(*out.diff, out.annotations ? &*out.annotations : nullptr);
    if (context.authority->enabled()) {
      CO_TRY_ASSIGN(auto by, context.authority->authenticate(request.auth_token, state));
      if (!reveals_jobs(by.get(), job->namespace_, context.options.acl)) jobspec::redact(*out.diff);
    }
  }
  co_return out;
}

}  // namespace

void add_job_plan(rpc::method_table& table, server_context& context) { add_write(table, context, "Job.Plan", &plan_job); }

}  // namespace drover::server
