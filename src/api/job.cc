// Jobs: registration, reading, plans, parsing.
#include "api/call.h"
#include "api/http_api.h"
#include "api/node_stream.h"
#include "base/text.h"
#include "codec/json.h"
#include "jobspec/canonical.h"
#include "jobspec/parse.h"
#include "schema/alloc_rpc.h"
#include "schema/explain.h"
#include "schema/job_rpc.h"
#include "schema/operator_rpc.h"

namespace drover::api {
namespace {

using net::awaitable;

template <class Request>
result<Request> decode(const call& c) {
  Request request;
  TRY(decode_body(c, schema::slot(request)));
  return request;
}

// A job names its region and namespace itself; otherwise the query does, otherwise this agent and "default". Whatever the body holds as
// the request's own region, namespace and token does not count.
template <class Request>
result<> complete(const call& c, Request& request, std::string_view path_id) {
  if (!request.job) return fail(errc::invalid, "Job must be specified");
  auto& job = const_cast<schema::job&>(*request.job);  // just decoded, nobody else has it
  if (job.id.empty()) return fail(errc::invalid, "Job ID hasn't been provided");
  if (!path_id.empty() && job.id != path_id) return fail(errc::invalid, "Job ID does not match name");
  TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  if (job.region.empty() || job.region == "global") job.region = request.region;
  request.region = job.region;
  if (job.namespace_.empty()) job.namespace_ = request.namespace_;
  request.namespace_ = job.namespace_;
  return {};
}

template <class Response, class Request>
awaitable<result<reply>> write(call& c, std::string method, Request request) {
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<Response>(*servers, std::move(method), std::move(request)));
  auto out = json_reply(c, schema::view(response));
  if constexpr (requires { response.index; }) out.meta = answer_meta{.index = response.index, .is_query = false};
  co_return out;
}

std::string_view job_id_of(const call& c) { return c.path_values.empty() ? std::string_view() : std::string_view(c.path_value("job_id")); }

awaitable<result<reply>> register_job(call& c) {
  CO_TRY_ASSIGN(auto request, decode<schema::job_register_request>(c));
  CO_TRY(complete(c, request, job_id_of(c)));
  request.eval = nullptr;
  request.deployment = nullptr;
  co_return co_await write<schema::job_register_response>(c, "Job.Register", std::move(request));
}

awaitable<result<reply>> plan_job(call& c) {
  CO_TRY_ASSIGN(auto request, decode<schema::job_plan_request>(c));
  CO_TRY(complete(c, request, job_id_of(c)));
  co_return co_await write<schema::job_plan_response>(c, "Job.Plan", std::move(request));
}

awaitable<result<reply>> validate_job(call& c) {
  CO_TRY_ASSIGN(auto request, decode<schema::job_validate_request>(c));
  CO_TRY(complete(c, request, {}));
  co_return co_await write<schema::job_validate_response>(c, "Job.Validate", std::move(request));
}

// Bodies that repeat the job's id must repeat the path's.
template <class Request, class Response>
awaitable<result<reply>> write_checked(call& c, std::string method) {
  CO_TRY_ASSIGN(auto request, decode<Request>(c));
  const auto& id = c.path_value("job_id");
  if (request.job_id.empty()) request.job_id = id;
  if (request.job_id != id) co_return fail(errc::invalid, "Job ID does not match");
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  co_return co_await write<Response>(c, std::move(method), std::move(request));
}

awaitable<result<reply>> revert_job(call& c) { return write_checked<schema::job_revert_request, schema::job_register_response>(c, "Job.Revert"); }
awaitable<result<reply>> set_stable(call& c) { return write_checked<schema::job_stability_request, schema::job_stability_response>(c, "Job.Stable"); }

awaitable<result<reply>> scale_job(call& c) { return write_checked<schema::job_scale_request, schema::job_register_response>(c, "Job.Scale"); }

// The body is the payload itself.
awaitable<result<reply>> dispatch_payload(call& c) {
  schema::job_dispatch_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  request.job_id = c.path_value("job_id");
  request.payload = bytes(std::move(c.request.body));
  co_return co_await write<schema::job_dispatch_response>(c, "Job.Dispatch", std::move(request));
}

awaitable<result<reply>> dispatch_job(call& c) { return write_checked<schema::job_dispatch_request, schema::job_dispatch_response>(c, "Job.Dispatch"); }

// Without a version the tag goes to the newest.
awaitable<result<reply>> tag_version(call& c) {
  constexpr uint64_t none = UINT64_MAX;
  schema::tag_version_request body;
  body.version = none;
  CO_TRY(decode_body(c, schema::slot(body)));
  schema::job_apply_tag_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  request.job_id = c.path_value("job_id");
  request.name = c.path_value("name");
  request.latest = body.version == none;
  request.version = request.latest ? 0 : body.version;
  request.tag = schema::job_version_tag{.name = request.name, .description = body.description};
  co_return co_await write<schema::job_tag_response>(c, "Job.TagVersion", std::move(request));
}

awaitable<result<reply>> parse_job(call& c) {
  CO_TRY_ASSIGN(auto request, decode<schema::jobs_parse_request>(c));
  if (request.job_hcl.empty()) co_return fail(errc::invalid, "Job spec is empty");
  jobspec::parse_options options;
  if (!request.variables.empty()) options.variable_files.push_back({"input variables", std::move(request.variables)});
  options.strict = false;
  auto outcome = jobspec::parse({"input.hcl", std::move(request.job_hcl)}, options);
  if (!outcome.job) co_return text_reply(400, outcome.problems.lines());
  if (!outcome.names_namespace && !c.query("namespace").empty()) outcome.job->namespace_ = c.query("namespace");
  if (request.canonicalize) jobspec::canonicalize(*outcome.job);
  co_return json_reply(c, schema::view(*outcome.job));
}

awaitable<result<reply>> named_statuses(call& c) {
  schema::job_statuses_request request;
  CO_TRY(decode_body(c, schema::slot(request)));
  if (request.jobs.empty()) co_return fail(errc::invalid, "Jobs is empty: name the jobs to look at, each with ID and Namespace, or use GET for all of them");
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::job_statuses_response>(*servers, "Job.Statuses", std::move(request)));
  auto out = json_reply(c, schema::view(response.jobs));
  out.meta = meta_of(static_cast<const schema::query_meta&>(response));
  co_return out;
}

awaitable<result<reply>> get_submission(call& c) {
  auto version = parse_uint(c.query("version"));
  if (!version) co_return fail(errc::invalid, "Invalid value for version: give the job version as ?version=<number>");
  co_return co_await call_rpc(c);
}

}  // namespace

void add_job_routes(std::vector<route>& t) {
  using namespace schema;
  t.insert(t.end(), {
                        {.methods = "GET",
                         .path = "/v1/jobs",
                         .acl = "ns:list-jobs",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_list_request, job_list_response>("Job.List"),
                         .answer = "jobs",
                         .params = "meta=fields.meta"},
                        {.methods = "POST PUT",
                         .path = "/v1/jobs",
                         .acl = "ns:submit-job",
                         .flags = body_required,
                         .handle = &register_job,
                         .rpc = rpc_of<job_register_request, job_register_response>("Job.Register")},
                        {.methods = "GET",
                         .path = "/v1/jobs/statuses",
                         .acl = "ns:read-job",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_statuses_request, job_statuses_response>("Job.Statuses"),
                         .answer = "jobs",
                         .params = "include_children"},
                        {.methods = "POST",
                         .path = "/v1/jobs/statuses",
                         .acl = "ns:read-job",
                         .flags = body_required | blocking,
                         .handle = &named_statuses,
                         .rpc = rpc_of<job_statuses_request, job_statuses_response>("Job.Statuses")},
                        {.methods = "POST PUT", .path = "/v1/jobs/parse", .acl = "ns:parse-job", .flags = body_required | of_agent, .handle = &parse_job},
                        {.methods = "POST PUT",
                         .path = "/v1/validate/job",
                         .acl = "ns:read-job",
                         .flags = body_required,
                         .handle = &validate_job,
                         .rpc = rpc_of<job_validate_request, job_validate_response>("Job.Validate")},
                        {.methods = "POST PUT",
                         .path = "/v1/job/:job_id+/evaluate",
                         .acl = "ns:evaluate-job",
                         .flags = body_optional,
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_evaluate_request, job_register_response>("Job.Evaluate")},
                        {.methods = "GET",
                         .path = "/v1/job/:job_id+/allocations",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_specific_request, job_allocations_response>("Job.Allocations"),
                         .answer = "allocations",
                         .params = "all"},
                        {.methods = "GET",
                         .path = "/v1/job/:job_id+/evaluations",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_specific_request, job_evaluations_response>("Job.Evaluations"),
                         .answer = "evaluations"},
                        {.methods = "GET",
                         .path = "/v1/job/:job_id+/deployments",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_specific_request, deployment_list_response>("Job.Deployments"),
                         .answer = "deployments",
                         .params = "all"},
                        {.methods = "GET",
                         .path = "/v1/job/:job_id+/deployment",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_specific_request, single_deployment_response>("Job.LatestDeployment"),
                         .answer = "deployment"},
                        {.methods = "GET",
                         .path = "/v1/job/:job_id+/summary",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_summary_request, job_summary_response>("Job.Summary"),
                         .answer = "job_summary",
                         .absent = "job not found"},
                        {.methods = "GET",
                         .path = "/v1/job/:job_id+/versions",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_versions_request, job_versions_response>("Job.GetJobVersions"),
                         .absent = "job versions not found",
                         .absent_member = "versions",
                         .params = "diffs diff_version diff_tag=diff_tag_name"},
                        {.methods = "POST PUT",
                         .path = "/v1/job/:job_id+/versions/:name/tag",
                         .acl = "ns:tag-job-version",
                         .flags = body_required,
                         .handle = &tag_version,
                         .rpc = rpc_of<job_apply_tag_request, job_tag_response>("Job.TagVersion")},
                        {.methods = "DELETE",
                         .path = "/v1/job/:job_id+/versions/:name/tag",
                         .acl = "ns:tag-job-version",
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_apply_tag_request, job_tag_response>("Job.TagVersion")},
                        {.methods = "GET",
                         .path = "/v1/job/:job_id+/submission",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &get_submission,
                         .rpc = rpc_of<job_submission_request, job_submission_response>("Job.GetJobSubmission"),
                         .answer = "submission",
                         .absent = "job source not found",
                         .params = "version"},
                        {.methods = "GET",
                         .path = "/v1/job/:job_id+/services",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_service_registrations_request, job_service_registrations_response>("Job.GetServiceRegistrations"),
                         .answer = "services"},
                        {.methods = "GET",
                         .path = "/v1/job/:job_id+/actions",
                         .acl = "ns:read-job",
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_action_list_request, job_action_list_response>("Job.GetActions"),
                         .answer = "actions"},
                        {.methods = "GET", .path = "/v1/job/:job_id+/action", .acl = "ns:alloc-exec", .flags = on_node | streaming, .handle = &run_action},
                        {.methods = "POST PUT",
                         .path = "/v1/job/:job_id+/plan",
                         .acl = "ns:plan-job",
                         .flags = body_required,
                         .handle = &plan_job,
                         .rpc = rpc_of<job_plan_request, job_plan_response>("Job.Plan")},
                        {.methods = "GET",
                         .path = "/v1/job/:job_id+/explain",
                         .acl = "ns:read-job",
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_specific_request, job_explain_response>("Job.Explain"),
                         .answer = "explanation",
                         .absent = "job not found"},
                        {.methods = "POST PUT",
                         .path = "/v1/job/:job_id+/revert",
                         .acl = "ns:revert-job",
                         .flags = body_required,
                         .handle = &revert_job,
                         .rpc = rpc_of<job_revert_request, job_register_response>("Job.Revert")},
                        {.methods = "POST PUT",
                         .path = "/v1/job/:job_id+/stable",
                         .acl = "ns:stable-job",
                         .flags = body_required,
                         .handle = &set_stable,
                         .rpc = rpc_of<job_stability_request, job_stability_response>("Job.Stable")},
                        {.methods = "GET",
                         .path = "/v1/job/:job_id+/scale",
                         .acl = "ns:read-job-scaling",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_scale_status_request, job_scale_status_response>("Job.ScaleStatus"),
                         .answer = "job_scale_status",
                         .absent = "job not found"},
                        {.methods = "POST PUT",
                         .path = "/v1/job/:job_id+/scale",
                         .acl = "ns:scale-job",
                         .flags = body_required,
                         .handle = &scale_job,
                         .rpc = rpc_of<job_scale_request, job_register_response>("Job.Scale")},
                        {.methods = "POST PUT",
                         .path = "/v1/job/:job_id+/periodic/force",
                         .acl = "ns:force-periodic-job",
                         .handle = &call_rpc,
                         .rpc = rpc_of<periodic_force_request, periodic_force_response>("Periodic.Force")},
                        {.methods = "POST PUT",
                         .path = "/v1/job/:job_id+/dispatch/payload",
                         .acl = "ns:dispatch-job",
                         .flags = body_optional,
                         .handle = &dispatch_payload,
                         .rpc = rpc_of<job_dispatch_request, job_dispatch_response>("Job.Dispatch")},
                        {.methods = "POST PUT",
                         .path = "/v1/job/:job_id+/dispatch",
                         .acl = "ns:dispatch-job",
                         .flags = body_optional,
                         .handle = &dispatch_job,
                         .rpc = rpc_of<job_dispatch_request, job_dispatch_response>("Job.Dispatch")},
                        {.methods = "GET",
                         .path = "/v1/scaling/policies",
                         .acl = "ns:list-scaling-policies",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<scaling_policy_list_request, scaling_policy_list_response>("Scaling.ListPolicies"),
                         .answer = "policies",
                         .params = "job type"},
                        {.methods = "GET",
                         .path = "/v1/scaling/policy/:id",
                         .acl = "ns:read-scaling-policy",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<scaling_policy_specific_request, single_scaling_policy_response>("Scaling.GetPolicy"),
                         .answer = "policy",
                         .absent = "policy not found"},
                        {.methods = "GET",
                         .path = "/v1/job/:job_id+",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_specific_request, single_job_response>("Job.GetJob"),
                         .answer = "job",
                         .absent = "job not found"},
                        {.methods = "POST PUT",
                         .path = "/v1/job/:job_id+",
                         .acl = "ns:submit-job",
                         .flags = body_required,
                         .handle = &register_job,
                         .rpc = rpc_of<job_register_request, job_register_response>("Job.Register")},
                        {.methods = "DELETE",
                         .path = "/v1/job/:job_id+",
                         .acl = "ns:deregister-job",
                         .handle = &call_rpc,
                         .rpc = rpc_of<job_deregister_request, job_deregister_response>("Job.Deregister"),
                         .params = "purge global eval_priority no_shutdown_delay"},
                    });
}

}  // namespace drover::api
