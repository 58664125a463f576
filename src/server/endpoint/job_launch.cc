// Job.Dispatch and Periodic.Force: instances of parameterized and periodic jobs.
#include <algorithm>

#include "base/text.h"
#include "codec/snappy.h"
#include "schema/job_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/limits.h"
#include "server/periodic.h"
#include "server/reads.h"
#include "server/registration.h"

namespace drover::server {
namespace {

using job_ref = ref<schema::job>;

result<> check_payload(const schema::parameterized_job_config& rules, const bytes& payload) {
  if (rules.payload == "required" && payload.empty()) return fail(errc::invalid, "Payload is not provided but required by parameterized job");
  if (rules.payload == "forbidden" && !payload.empty()) return fail(errc::invalid, "Payload provided but forbidden by parameterized job");
  if (payload.size() > dispatch_payload_bytes_max)
    return fail(errc::too_large, "Payload exceeds maximum size; {} > {}", payload.size(), dispatch_payload_bytes_max);
  return {};
}

result<> check_meta(const schema::parameterized_job_config& rules, const std::map<std::string, std::string>& meta) {
  std::vector<std::string> unexpected, missing;
  for (const auto& [key, text] : meta)
    if (std::ranges::find(rules.meta_required, key) == rules.meta_required.end() && std::ranges::find(rules.meta_optional, key) == rules.meta_optional.end())
      unexpected.push_back(key);
  for (const auto& key : rules.meta_required)
    if (!meta.contains(key)) missing.push_back(key);
  if (!unexpected.empty()) return fail(errc::invalid, "Dispatch request included unpermitted metadata keys: [{}]", join(unexpected, " "));
  if (!missing.empty()) return fail(errc::invalid, "Dispatch did not provide required meta keys: [{}]", join(missing, " "));
  return {};
}

result<> check_parent(const job_ref& job, const std::string& id) {
  if (!job) return fail(errc::not_found, "parameterized job not found");
  if (!job->parameterized_job || job->dispatched) return fail(errc::invalid, "Specified job \"{}\" is not a parameterized job", id);
  if (job->stop) return fail(errc::invalid, "Specified job \"{}\" is stopped", id);
  return {};
}

// The child that an earlier request with the same token made.
job_ref child_with_token(const state::snapshot& state, const schema::job& parent, const std::string& token) {
  for (const auto& child : state.child_jobs(parent.namespace_, parent.id))
    if (child->dispatch_idempotency_token == token) return child;
  return nullptr;
}

std::string dispatched_id(server_context& context, const schema::job& parent, const std::string& prefix) {
  auto id = context.random.uuid();
  auto name = fmt::format("{}-{}", context.clock.now().unix_seconds(), short_id(id));
  return fmt::format("{}/dispatch-{}{}", parent.id, prefix.empty() ? "" : prefix + "-", name);
}

awaitable<result<schema::job_dispatch_response>> dispatch_job(server_context& context, schema::job_dispatch_request request) {
  if (request.job_id.empty()) co_return fail(errc::invalid, "missing parameterized job ID");
  auto state = context.state();
  if (state.scheduler_config()->reject_job_registration)
    co_return fail(errc::permission_denied, "job registration, dispatch, and scale are disabled by the scheduler configuration");
  auto parent = state.job(namespace_of(request), request.job_id);
  CO_TRY(check_parent(parent, request.job_id));
  CO_TRY(check_payload(*parent->parameterized_job, request.payload));
  CO_TRY(check_meta(*parent->parameterized_job, request.meta));
  if (request.priority < 0 || request.priority > context.options.job_max_priority)
    co_return fail(errc::invalid, "dispatch priority must be between 1 and {}, not {}", context.options.job_max_priority, request.priority);
  schema::job_dispatch_response out;
  if (!request.idempotency_token.empty())
    if (auto earlier = child_with_token(state, *parent, request.idempotency_token)) {
      out.dispatched_job_id = earlier->id;
      out.job_create_index = earlier->create_index;
      out.index = earlier->modify_index;
      co_return out;
    }
  auto child = child_of(*parent, dispatched_id(context, *parent, request.id_prefix_template));
  // A parameterized job may be periodic too: its instances launch on that schedule.
  child.periodic = parent->periodic;
  child.dispatched = true;
  child.dispatch_idempotency_token = request.idempotency_token;
  for (auto& [key, text] : request.meta) child.meta[key] = std::move(text);
  if (!request.payload.empty()) child.payload = bytes(codec::snappy_compress(request.payload.data));
  if (request.priority > 0) child.priority = request.priority;
  child.submit_time = context.now_ns();
  schema::job_register_request command;
  command.job = std::make_shared<schema::job>(std::move(child));
  out.dispatched_job_id = command.job->id;
  CO_TRY_ASSIGN(auto stored, co_await store_job(context, std::move(command), "job-register"));
  out.index = out.job_create_index = stored.index;
  out.eval_id = stored.eval_id;
  out.eval_create_index = stored.eval_create_index;
  co_return out;
}

awaitable<result<schema::periodic_force_response>> force_periodic(server_context& context, schema::periodic_force_request request) {
  if (request.job_id.empty()) co_return fail(errc::invalid, "missing job ID for evaluation");
  auto job = context.state().job(namespace_of(request), request.job_id);
  if (!job) co_return fail(errc::not_found, "job not found");
  if (!job->periodic || !job->parent_id.empty()) co_return fail(errc::invalid, "can't force launch non-periodic job");
  co_return co_await context.periodic->force(std::move(job));
}

}  // namespace

void add_job_launches(rpc::method_table& table, server_context& context) {
  add_write(table, context, "Job.Dispatch", &dispatch_job);
  add_write(table, context, "Periodic.Force", &force_periodic);
}

}  // namespace drover::server
