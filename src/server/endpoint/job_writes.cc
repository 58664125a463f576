// Job.* methods that change jobs.
#include <algorithm>

#include "codec/compare.h"
#include "jobspec/validate.h"
#include "schema/job_rpc.h"
#include "schema/take.h"
#include "server/admission.h"
#include "server/dependency_graph.h"
#include "server/deployments.h"
#include "server/endpoint/endpoints.h"
#include "server/evals.h"
#include "server/reads.h"
#include "server/registration.h"
#include "server/replicator.h"

namespace drover::server {
namespace {

using job_ref = ref<schema::job>;

awaitable<result<schema::job_register_response>> register_job(server_context& context, schema::job_register_request request) {
  if (!request.job) co_return fail(errc::invalid, "missing job for registration");
  auto state = context.state();
  if (state.scheduler_config()->reject_job_registration)
    co_return fail(errc::permission_denied, "job registration, dispatch, and scale are disabled by the scheduler configuration");
  CO_TRY_ASSIGN(auto admitted, admit(schema::take(std::move(request.job)), namespace_of(request), state, context.options));
  if (request.eval_priority < 0 || request.eval_priority > context.options.job_max_priority)
    co_return fail(errc::invalid, "eval priority must be between 1 and {}, not {}", context.options.job_max_priority, request.eval_priority);
  auto existing = state.job(admitted.job.namespace_, admitted.job.id);
  if (request.enforce_index) CO_TRY(check_index(existing.get(), request.job_modify_index));
  if (existing) {
    preserve(admitted.job, *existing, request.preserve_counts, request.preserve_resources);
    if (existing->periodic.has_value() != admitted.job.periodic.has_value() && runs_itself(*existing) != runs_itself(admitted.job))
      co_return fail(errc::invalid, "cannot change a job from periodic to not periodic or back: stop and purge it, or use another id");
    if (existing->parameterized_job.has_value() != admitted.job.parameterized_job.has_value())
      co_return fail(errc::invalid, "cannot change a job from parameterized to not parameterized or back: stop and purge it, or use another id");
  }
  admitted.job.submit_time = context.now_ns();
  auto warnings = std::move(admitted.warnings);
  if (request.submission) {
    auto size = request.submission->source.size() + request.submission->variables.size();
    request.submission->namespace_ = admitted.job.namespace_;
    request.submission->job_id = admitted.job.id;
    if (static_cast<int64_t>(size) > context.options.job_max_source_size) {
      warnings.push_back(fmt::format("job source size of {} B exceeds maximum of {} B and will be discarded", size, context.options.job_max_source_size));
      request.submission.reset();
    }
  }
  request.job = std::make_shared<schema::job>(std::move(admitted.job));
  CO_TRY_ASSIGN(auto out, co_await store_job(context, std::move(request), "job-register"));
  out.warnings = jobspec::multi_warning(warnings);
  co_return out;
}

awaitable<result<schema::job_deregister_response>> deregister_job(server_context& context, schema::job_deregister_request request) {
  if (request.job_id.empty()) co_return fail(errc::invalid, "missing job ID for deregistering");
  request.namespace_ = namespace_of(request);
  auto job = context.state().job(request.namespace_, request.job_id);
  schema::job_deregister_response out;
  if (!job || runs_itself(*job)) {
    schema::job nothing;
    nothing.namespace_ = request.namespace_;
    nothing.id = request.job_id;
    auto eval = new_eval(context, job ? *job : nothing, "job-deregister");
    if (request.eval_priority > 0) eval.priority = request.eval_priority;
    out.eval_id = eval.id;
    request.eval = std::make_shared<const schema::evaluation>(std::move(eval));
  }
  request.submit_time = context.now_ns();
  request.auth_token.clear();
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::job_deregister>(request));
  out.job_modify_index = out.index;
  if (!out.eval_id.empty()) out.eval_create_index = out.index;
  co_return out;
}

awaitable<result<schema::job_register_response>> revert_job(server_context& context, schema::job_revert_request request) {
  if (request.job_id.empty()) co_return fail(errc::invalid, "missing job ID for revert");
  auto ns = namespace_of(request);
  auto state = context.state();
  auto current = state.job(ns, request.job_id);
  if (!current) co_return fail(errc::not_found, "job \"{}\" not found", request.job_id);
  if (current->version == request.job_version) co_return fail(errc::invalid, "can't revert to current version");
  if (request.enforce_prior_version && *request.enforce_prior_version != current->version)
    co_return fail(errc::conflict, "Current job has version {}; enforcing version {}", current->version, *request.enforce_prior_version);
  auto target = state.job_version(ns, request.job_id, request.job_version);
  if (!target) co_return fail(errc::not_found, "job \"{}\" in namespace \"{}\" at version {} not found", request.job_id, ns, request.job_version);
  auto job = *target;
  strip_server_fields(job);
  // What the others depend on may have changed since that version.
  CO_TRY(check_dependency_cycles(job, state));
  job.submit_time = context.now_ns();
  schema::job_register_request command;
  if (auto submission = state.job_submission(ns, request.job_id, request.job_version)) command.submission = *submission;
  command.job = std::make_shared<schema::job>(std::move(job));
  co_return co_await store_job(context, std::move(command), "job-register");
}

awaitable<result<schema::job_stability_response>> set_stable(server_context& context, schema::job_stability_request request) {
  request.namespace_ = namespace_of(request);
  if (!context.state().job(request.namespace_, request.job_id)) co_return fail(errc::not_found, "job \"{}\" not found", request.job_id);
  request.auth_token.clear();
  schema::job_stability_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::job_stability>(request));
  co_return out;
}

// Failed allocations that may not be rescheduled by themselves any more are told to.
awaitable<result<>> force_reschedule(server_context& context, const job_ref& job) {
  schema::alloc_update_desired_transition_request update;
  for (const auto& alloc : context.state().allocs_by_job(job->namespace_, job->id))
    if (alloc->client_status == "failed" && alloc->desired_status == "run" && alloc->next_allocation.empty()) update.allocs[alloc->id].force_reschedule = true;
  if (!update.allocs.empty()) CO_TRY(co_await context.replicate->apply<fsm::command_type::alloc_update_desired_transition>(update));
  co_return result<>{};
}

awaitable<result<schema::job_register_response>> evaluate_job(server_context& context, schema::job_evaluate_request request) {
  auto job = context.state().job(namespace_of(request), request.job_id);
  if (!job) co_return fail(errc::not_found, "job not found");
  if (job->periodic) co_return fail(errc::invalid, "can't evaluate periodic job");
  if (job->parameterized_job) co_return fail(errc::invalid, "can't evaluate parameterized job");
  if (request.eval_options.force_reschedule) CO_TRY(co_await force_reschedule(context, job));
  auto eval = new_eval(context, *job, "job-register");
  schema::eval_update_request update;
  update.evals.push_back(std::make_shared<const schema::evaluation>(eval));
  schema::job_register_response out;
  out.eval_id = eval.id;
  out.job_modify_index = job->modify_index;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::eval_update>(update));
  out.eval_create_index = out.index;
  co_return out;
}

awaitable<result<>> record_scaling(server_context& context, const schema::job_scale_request& request, const schema::job& job, std::string group,
                                   int64_t previous, std::string eval_id) {
  fsm::scaling_event_request command;
  command.namespace_ = job.namespace_;
  command.job_id = job.id;
  command.task_group = std::move(group);
  auto& event = command.scaling_event;
  event.time = static_cast<uint64_t>(context.now_ns());
  event.previous_count = previous;
  event.count = request.count;
  event.message = request.message;
  event.error = request.error;
  event.meta = request.meta;
  if (!eval_id.empty()) event.eval_id = std::move(eval_id);
  CO_TRY(co_await context.replicate->apply<fsm::command_type::scaling_event_register>(command));
  co_return result<>{};
}

awaitable<result<schema::job_register_response>> scale_job(server_context& context, schema::job_scale_request request) {
  auto state = context.state();
  auto job = state.job(namespace_of(request), request.job_id);
  if (!job) co_return fail(errc::not_found, "job \"{}\" not found", request.job_id);
  auto name = request.target.contains("Group") ? request.target.at("Group") : std::string();
  auto found = std::ranges::find(job->task_groups, name, &schema::task_group::name);
  if (found == job->task_groups.end()) co_return fail(errc::invalid, "task group \"{}\" specified for scaling does not exist in job", name);
  auto previous = found->count;
  schema::job_register_response out;
  out.job_modify_index = job->modify_index;
  if (request.count) {
    if (request.error) co_return fail(errc::invalid, "scaling action should not contain count if error is true");
    if (*request.count < 0) co_return fail(errc::invalid, "scaling action count can't be negative");
    if (found->scaling && found->scaling->enabled && (*request.count < found->scaling->min || *request.count > found->scaling->max))
      co_return fail(errc::invalid, "group count was {} its scaling policy {}: {} {} {}", *request.count < found->scaling->min ? "less than" : "greater than",
                     *request.count < found->scaling->min ? "minimum" : "maximum", *request.count, *request.count < found->scaling->min ? "<" : ">",
                     *request.count < found->scaling->min ? found->scaling->min : found->scaling->max);
    auto deployment = state.latest_deployment(job->namespace_, job->id);
    if (deployment && is_active(*deployment) && deployment->job_version == job->version)
      co_return fail(errc::invalid, "job scaling blocked due to active deployment");
    auto scaled = *job;
    auto at = static_cast<size_t>(found - job->task_groups.begin());
    scaled.task_groups[at].count = *request.count;
    strip_server_fields(scaled);
    scaled.submit_time = context.now_ns();
    schema::job_register_request command;
    command.job = std::make_shared<schema::job>(std::move(scaled));
    command.enforce_index = true;
    command.job_modify_index = job->job_modify_index;
    CO_TRY_ASSIGN(out, co_await store_job(context, std::move(command), "job-scaling"));
  }
  CO_TRY(co_await record_scaling(context, request, *job, name, previous, out.eval_id));
  co_return out;
}

awaitable<result<schema::job_validate_response>> validate_job(server_context& context, schema::job_validate_request request) {
  if (!request.job) co_return fail(errc::invalid, "missing job for validation");
  schema::job_validate_response out;
  out.driver_config_validated = true;
  auto admitted = admit(*request.job, namespace_of(request), context.state(), context.options);
  if (admitted) {
    out.warnings = jobspec::multi_warning(admitted->warnings);
  } else {
    out.error = admitted.error().message();
    out.validation_errors = {admitted.error().message()};
  }
  co_return out;
}

awaitable<result<schema::job_tag_response>> tag_version(server_context& context, schema::job_apply_tag_request request) {
  request.namespace_ = namespace_of(request);
  auto job = context.state().job(request.namespace_, request.job_id);
  if (!job) co_return fail(errc::not_found, "job \"{}\" not found", request.job_id);
  if (request.latest) request.version = job->version;
  schema::job_tag_response out;
  out.name = request.name;
  if (request.tag) {
    request.tag->tagged_time = context.now_ns();
    out.description = request.tag->description;
    out.tagged_time = request.tag->tagged_time;
  }
  request.auth_token.clear();
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::job_version_tag>(request));
  co_return out;
}

}  // namespace

void add_job_writes(rpc::method_table& table, server_context& context) {
  add_write(table, context, "Job.Register", &register_job);
  add_write(table, context, "Job.Deregister", &deregister_job);
  add_write(table, context, "Job.Revert", &revert_job);
  add_write(table, context, "Job.Stable", &set_stable);
  add_write(table, context, "Job.Evaluate", &evaluate_job);
  add_write(table, context, "Job.Scale", &scale_job);
  add_write(table, context, "Job.Validate", &validate_job);
  add_write(table, context, "Job.TagVersion", &tag_version);
}

}  // namespace drover::server
