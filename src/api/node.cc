// Nodes and node pools.
#include <memory>

#include "api/call.h"
#include "api/http_api.h"
#include "schema/node_rpc.h"

namespace drover::api {
namespace {

using net::awaitable;

// The node with `Drain` as its strategy says it, and without its secret.
awaitable<result<reply>> get_node(call& c) {
  schema::node_specific_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.node_id = c.path_value("node_id");
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::single_node_response>(*servers, "Node.GetNode", std::move(request)));
  auto shown = [&] {
    if (!response.node) return text_reply(404, "node not found");
    if (!response.node->drain_strategy) return json_reply(c, schema::view(*response.node));
    schema::node draining = *response.node;
    draining.drain = true;
    return json_reply(c, schema::view(draining));
  }();
  shown.meta = meta_of(static_cast<const schema::query_meta&>(response));
  co_return shown;
}

// Clients send the whole specification, or null to end the drain.
awaitable<result<reply>> drain_node(call& c) {
  schema::node_update_drain_request request;
  CO_TRY(decode_body(c, schema::slot(request)));
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  if (!request.node_id.empty() && request.node_id != c.path_value("node_id")) co_return fail(errc::invalid, "Node ID does not match the path");
  request.node_id = c.path_value("node_id");
  if (request.drain_spec) {
    request.drain_strategy.emplace();
    static_cast<schema::drain_spec&>(*request.drain_strategy) = *request.drain_spec;
    request.drain_spec.reset();
  }
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::node_drain_update_response>(*servers, "Node.UpdateDrain", std::move(request)));
  auto out = json_reply(c, schema::view(response));
  out.meta = meta_of(static_cast<const schema::write_meta&>(response));
  co_return out;
}

awaitable<result<reply>> put_node_pool(call& c) {
  auto pool = std::make_shared<schema::node_pool>();
  CO_TRY(decode_body(c, schema::slot(*pool)));
  if (!c.path_values.empty()) {
    if (pool->name.empty()) pool->name = c.path_value("name");
    if (pool->name != c.path_value("name")) co_return fail(errc::invalid, "Node pool name does not match request path");
  }
  schema::node_pool_upsert_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  request.node_pools.push_back(std::move(pool));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::generic_response>(*servers, "NodePool.UpsertNodePools", std::move(request)));
  auto out = empty_reply();
  out.meta = meta_of(static_cast<const schema::write_meta&>(response));
  co_return out;
}

awaitable<result<reply>> delete_node_pool(call& c) {
  schema::node_pool_delete_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  request.names.push_back(c.path_value("name"));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::generic_response>(*servers, "NodePool.DeleteNodePools", std::move(request)));
  auto out = empty_reply();
  out.meta = meta_of(static_cast<const schema::write_meta&>(response));
  co_return out;
}

}  // namespace

void add_node_routes(std::vector<route>& t) {
  using namespace schema;
  constexpr auto stub_params = "resources=fields.resources os=fields.os";
  t.insert(t.end(), {
                        {.methods = "GET",
                         .path = "/v1/nodes",
                         .acl = "node:read",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<node_list_request, node_list_response>("Node.List"),
                         .answer = "nodes",
                         .params = stub_params},
                        {.methods = "GET",
                         .path = "/v1/node/pools",
                         .acl = "node_pool:read",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<node_pool_list_request, node_pool_list_response>("NodePool.List"),
                         .answer = "node_pools"},
                        {.methods = "POST PUT", .path = "/v1/node/pools", .acl = "node_pool:write", .flags = body_required, .handle = &put_node_pool},
                        {.methods = "GET",
                         .path = "/v1/node/pool/:name",
                         .acl = "node_pool:read",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<node_pool_specific_request, single_node_pool_response>("NodePool.GetNodePool"),
                         .answer = "node_pool",
                         .absent = "node pool not found"},
                        {.methods = "POST PUT", .path = "/v1/node/pool/:name", .acl = "node_pool:write", .flags = body_required, .handle = &put_node_pool},
                        {.methods = "DELETE", .path = "/v1/node/pool/:name", .acl = "node_pool:delete", .handle = &delete_node_pool},
                        {.methods = "GET",
                         .path = "/v1/node/pool/:name/nodes",
                         .acl = "node_pool:read",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<node_pool_nodes_request, node_pool_nodes_response>("NodePool.ListNodes"),
                         .answer = "nodes",
                         .params = stub_params},
                        {.methods = "GET",
                         .path = "/v1/node/pool/:name/jobs",
                         .acl = "node_pool:read",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<node_pool_jobs_request, node_pool_jobs_response>("NodePool.ListJobs"),
                         .answer = "jobs",
                         .params = "meta=fields.meta"},
                        {.methods = "GET", .path = "/v1/node/:node_id", .acl = "node:read", .flags = blocking | hide_secrets, .handle = &get_node},
                        {.methods = "POST PUT",
                         .path = "/v1/node/:node_id/evaluate",
                         .acl = "node:write",
                         .handle = &call_rpc,
                         .rpc = rpc_of<node_evaluate_request, node_update_response>("Node.Evaluate")},
                        {.methods = "GET",
                         .path = "/v1/node/:node_id/allocations",
                         .acl = "node:read",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<node_specific_request, node_allocs_response>("Node.GetAllocs"),
                         .answer = "allocs"},
                        {.methods = "POST PUT", .path = "/v1/node/:node_id/drain", .acl = "node:write", .flags = body_required, .handle = &drain_node},
                        {.methods = "POST PUT",
                         .path = "/v1/node/:node_id/eligibility",
                         .acl = "node:write",
                         .flags = body_required,
                         .handle = &call_rpc,
                         .rpc = rpc_of<node_update_eligibility_request, node_eligibility_update_response>("Node.UpdateEligibility")},
                        {.methods = "POST PUT",
                         .path = "/v1/node/:node_id/purge",
                         .acl = "node:write",
                         .handle = &call_rpc,
                         .rpc = rpc_of<node_deregister_request, node_update_response>("Node.Deregister")},
                    });
}

}  // namespace drover::api
