// Allocations, evaluations and deployments.
#include "api/call.h"
#include "api/http_api.h"
#include "schema/alloc_rpc.h"

namespace drover::api {
namespace {

using net::awaitable;

awaitable<result<reply>> list_evaluations(call& c) {
  bool by_field = !c.query("job").empty() || !c.query("status").empty();
  if (by_field && !c.query("filter").empty()) co_return fail(errc::invalid, "filter cannot be combined with job or status");
  co_return co_await call_rpc(c);
}

void default_alloc_fields(void* request) {
  static_cast<schema::alloc_list_request*>(request)->fields = schema::alloc_stub_fields{.resources = false, .task_states = true};
}

}  // namespace

void add_allocation_routes(std::vector<route>& t) {
  using namespace schema;
  constexpr auto stub_params = "resources=fields.resources task_states=fields.task_states";
  t.insert(t.end(), {
                        {.methods = "GET",
                         .path = "/v1/allocations",
                         .acl = "ns:read-job",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<alloc_list_request, alloc_list_response>("Alloc.List"),
                         .answer = "allocations",
                         .params = stub_params,
                         .prepare = &default_alloc_fields},
                        {.methods = "GET",
                         .path = "/v1/allocation/:alloc_id",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<alloc_specific_request, single_alloc_response>("Alloc.GetAlloc"),
                         .answer = "alloc",
                         .absent = "alloc not found"},
                        {.methods = "POST PUT",
                         .path = "/v1/allocation/:alloc_id/stop",
                         .acl = "ns:alloc-lifecycle",
                         .handle = &call_rpc,
                         .rpc = rpc_of<alloc_stop_request, alloc_stop_response>("Alloc.Stop"),
                         .params = "no_shutdown_delay reschedule"},
                        {.methods = "GET",
                         .path = "/v1/allocation/:alloc_id/services",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<alloc_service_registrations_request, alloc_service_registrations_response>("Alloc.GetServiceRegistrations"),
                         .answer = "services"},
                        {.methods = "GET",
                         .path = "/v1/allocation/:alloc_id/checks",
                         .acl = "ns:read-job",
                         .flags = on_node,
                         .handle = &call_rpc,
                         .rpc = rpc_of<alloc_checks_request, alloc_checks_response>("ClientAllocations.Checks"),
                         .answer = "results"},

                        {.methods = "GET",
                         .path = "/v1/evaluations",
                         .acl = "ns:read-job",
                         .flags = blocking | list,
                         .handle = &list_evaluations,
                         .rpc = rpc_of<eval_list_request, eval_list_response>("Eval.List"),
                         .answer = "evaluations",
                         .params = "job=filter_job_id status=filter_eval_status"},
                        {.methods = "DELETE",
                         .path = "/v1/evaluations",
                         .acl = "management",
                         .flags = body_required,
                         .handle = &call_rpc,
                         .rpc = rpc_of<eval_delete_request, eval_delete_response>("Eval.Delete")},
                        {.methods = "GET",
                         .path = "/v1/evaluations/count",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<eval_count_request, eval_count_response>("Eval.Count")},
                        {.methods = "GET",
                         .path = "/v1/evaluation/:eval_id",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<eval_specific_request, single_eval_response>("Eval.GetEval"),
                         .answer = "eval",
                         .absent = "eval not found",
                         .params = "related=include_related"},
                        {.methods = "GET",
                         .path = "/v1/evaluation/:eval_id/allocations",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<eval_specific_request, eval_allocations_response>("Eval.Allocations"),
                         .answer = "allocations"},

                        {.methods = "GET",
                         .path = "/v1/deployments",
                         .acl = "ns:read-job",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<deployment_list_request, deployment_list_response>("Deployment.List"),
                         .answer = "deployments"},
                        {.methods = "GET",
                         .path = "/v1/deployment/allocations/:deployment_id",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<deployment_specific_request, alloc_list_response>("Deployment.Allocations"),
                         .answer = "allocations"},
                        {.methods = "POST PUT",
                         .path = "/v1/deployment/fail/:deployment_id",
                         .acl = "ns:fail-deployment",
                         .handle = &call_rpc,
                         .rpc = rpc_of<deployment_fail_request, deployment_update_response>("Deployment.Fail")},
                        {.methods = "POST PUT",
                         .path = "/v1/deployment/pause/:deployment_id",
                         .acl = "ns:pause-deployment",
                         .flags = body_required,
                         .handle = &call_rpc,
                         .rpc = rpc_of<deployment_pause_request, deployment_update_response>("Deployment.Pause")},
                        {.methods = "POST PUT",
                         .path = "/v1/deployment/promote/:deployment_id",
                         .acl = "ns:promote-deployment",
                         .flags = body_required,
                         .handle = &call_rpc,
                         .rpc = rpc_of<deployment_promote_request, deployment_update_response>("Deployment.Promote")},
                        {.methods = "POST PUT",
                         .path = "/v1/deployment/unblock/:deployment_id",
                         .acl = "ns:unblock-deployment",
                         .handle = &call_rpc,
                         .rpc = rpc_of<deployment_unblock_request, deployment_update_response>("Deployment.Unblock")},
                        {.methods = "POST PUT",
                         .path = "/v1/deployment/allocation-health/:deployment_id",
                         .acl = "ns:set-alloc-health-deployment",
                         .flags = body_required,
                         .handle = &call_rpc,
                         .rpc = rpc_of<deployment_alloc_health_request, deployment_update_response>("Deployment.SetAllocHealth")},
                        {.methods = "GET",
                         .path = "/v1/deployment/:deployment_id",
                         .acl = "ns:read-job",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<deployment_specific_request, single_deployment_response>("Deployment.GetDeployment"),
                         .answer = "deployment",
                         .absent = "deployment not found"},
                    });
}

}  // namespace drover::api
