// Deployment.* methods.
#include <algorithm>

#include "schema/alloc_rpc.h"
#include "schema/job_rpc.h"
#include "server/deployments.h"
#include "server/endpoint/endpoints.h"
#include "server/endpoint/stubs.h"
#include "server/evals.h"
#include "server/ordered_page.h"
#include "server/reads.h"
#include "server/replicator.h"

namespace drover::server {
namespace {

using state::table;

result<> list_deployments(const read& r, const schema::deployment_list_request& request, schema::deployment_list_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_table(table::deployments));
  r.state.visit_deployments(request.prefix, [&](const ref<schema::deployment>& deployment) {
    if ((ns != "*" && deployment->namespace_ != ns) || !r.shows(deployment->namespace_)) return true;
    out.deployments.push_back(deployment);
    return true;
  });
  TRY_ASSIGN(out.next_token, take_page_by_age(request, out.deployments));
  out.index = r.state.index(table::deployments);
  return {};
}

result<> get_deployment(const read& r, const schema::deployment_specific_request& request, schema::single_deployment_response& out) {
  r.watch(state::watch_deployment(request.deployment_id));
  out.deployment = r.state.deployment(request.deployment_id);
  out.index = out.deployment ? out.deployment->modify_index : r.state.index(table::deployments);
  return {};
}

result<> deployment_allocs(const read& r, const schema::deployment_specific_request& request, schema::alloc_list_response& out) {
  r.watch(state::watch_allocs_of_deployment(request.deployment_id));
  for (const auto& alloc : r.state.allocs_by_deployment(request.deployment_id)) out.allocations.push_back(alloc_stub(*alloc, false, true));
  out.index = r.state.index(table::allocs);
  return {};
}

result<ref<schema::deployment>> find_active(server_context& context, const std::string& id, std::string_view doing) {
  if (id.empty()) return fail(errc::invalid, "missing deployment ID");
  auto deployment = context.state().deployment(id);
  if (!deployment) return fail(errc::not_found, "deployment not found");
  if (!is_active(*deployment)) return fail(errc::invalid, "can't {} terminal deployment", doing);
  return deployment;
}

awaitable<result<schema::deployment_update_response>> fail_deployment(server_context& context, schema::deployment_fail_request request) {
  CO_TRY_ASSIGN(auto deployment, find_active(context, request.deployment_id, "fail"));
  co_return co_await context.deployments->fail(*deployment, "Deployment marked as failed");
}

awaitable<result<schema::deployment_update_response>> pause_deployment(server_context& context, schema::deployment_pause_request request) {
  CO_TRY_ASSIGN(auto deployment, find_active(context, request.deployment_id, request.pause ? "pause" : "resume"));
  co_return co_await context.deployments->pause(*deployment, request.pause);
}

awaitable<result<schema::deployment_update_response>> promote_deployment(server_context& context, schema::deployment_promote_request request) {
  CO_TRY_ASSIGN(auto deployment, find_active(context, request.deployment_id, "promote"));
  co_return co_await context.deployments->promote(*deployment, std::move(request));
}

awaitable<result<schema::deployment_update_response>> set_health(server_context& context, schema::deployment_alloc_health_request request) {
  CO_TRY_ASSIGN(auto deployment, find_active(context, request.deployment_id, "set health of"));
  if (request.healthy_allocation_ids.empty() && request.unhealthy_allocation_ids.empty())
    co_return fail(errc::invalid, "must specify at least one allocation to set health of");
  co_return co_await context.deployments->set_health(*deployment, std::move(request));
}

awaitable<result<schema::deployment_update_response>> unblock_deployment(server_context& context, schema::deployment_unblock_request request) {
  CO_TRY_ASSIGN(auto deployment, find_active(context, request.deployment_id, "unblock"));
  co_return fail(errc::invalid, "deployment {} is not blocked", deployment->id);
}

}  // namespace

void add_deployment_methods(rpc::method_table& table, server_context& context) {
  add_read(table, context, "Deployment.List", &list_deployments);
  add_read(table, context, "Deployment.GetDeployment", &get_deployment);
  add_read(table, context, "Deployment.Allocations", &deployment_allocs);
  add_write(table, context, "Deployment.Fail", &fail_deployment);
  add_write(table, context, "Deployment.Pause", &pause_deployment);
  add_write(table, context, "Deployment.Promote", &promote_deployment);
  add_write(table, context, "Deployment.SetAllocHealth", &set_health);
  add_write(table, context, "Deployment.Unblock", &unblock_deployment);
}

}  // namespace drover::server
