// Status, regions, operator, system, namespaces, services and search.
#include <memory>

#include "api/call.h"
#include "api/http_api.h"
#include "base/text.h"
#include "schema/alloc_rpc.h"
#include "schema/operator_rpc.h"

namespace drover::api {
namespace {

using net::awaitable;

template <class Response, class Request>
awaitable<result<reply>> write_without_answer(call& c, std::string method, Request request) {
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<Response>(*servers, std::move(method), std::move(request)));
  auto out = empty_reply();
  out.meta = meta_of(static_cast<const schema::write_meta&>(response));
  co_return out;
}

awaitable<result<reply>> set_scheduler_config(call& c) {
  schema::scheduler_set_config_request request;
  CO_TRY(decode_body(c, schema::slot(request.config)));
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  if (auto text = c.query("cas"); !text.empty()) {
    auto index = parse_uint(text);
    if (!index) co_return fail(errc::invalid, "Error parsing cas value \"{}\": give the ModifyIndex of the configuration that you read", text);
    request.config.modify_index = *index;
    request.cas = true;
  }
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response,
                co_await rpc::call<schema::scheduler_set_configuration_response>(*servers, "Operator.SchedulerSetConfiguration", std::move(request)));
  auto out = json_reply(c, schema::view(response));
  out.meta = meta_of(static_cast<const schema::write_meta&>(response));
  co_return out;
}

awaitable<result<reply>> put_namespace(call& c) {
  auto definition = std::make_shared<schema::namespace_definition>();
  CO_TRY(decode_body(c, schema::slot(*definition)));
  if (!c.path_values.empty()) {
    if (definition->name.empty()) definition->name = c.path_value("name");
    if (definition->name != c.path_value("name")) co_return fail(errc::invalid, "Namespace name does not match request path");
  }
  schema::namespace_upsert_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  request.namespaces.push_back(std::move(definition));
  co_return co_await write_without_answer<schema::generic_response>(c, "Namespace.UpsertNamespaces", std::move(request));
}

awaitable<result<reply>> delete_namespace(call& c) {
  schema::namespace_delete_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  request.namespaces.push_back(c.path_value("name"));
  co_return co_await write_without_answer<schema::generic_response>(c, "Namespace.DeleteNamespaces", std::move(request));
}

// The prefix comes in the body, not in the query.
awaitable<result<reply>> search(call& c) {
  schema::search_request request;
  CO_TRY(decode_body(c, schema::slot(request)));
  auto prefix = std::move(request.prefix);
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.prefix = std::move(prefix);
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::search_response>(*servers, "Search.PrefixSearch", std::move(request)));
  auto out = json_reply(c, schema::view(response));
  out.meta = meta_of(static_cast<const schema::query_meta&>(response));
  co_return out;
}

}  // namespace

void add_operator_routes(std::vector<route>& t) {
  using namespace schema;
  using texts = std::vector<std::string>;
  t.insert(t.end(),
           {
               {.methods = "GET", .path = "/v1/status/leader", .acl = "", .handle = &call_rpc, .rpc = rpc_of<generic_request, std::string>("Status.Leader")},
               {.methods = "GET", .path = "/v1/status/peers", .acl = "", .handle = &call_rpc, .rpc = rpc_of<generic_request, texts>("Status.Peers")},
               {.methods = "GET", .path = "/v1/regions", .acl = "", .handle = &call_rpc, .rpc = rpc_of<generic_request, texts>("Region.List")},
               {.methods = "GET",
                .path = "/v1/operator/raft/configuration",
                .acl = "management",
                .handle = &call_rpc,
                .rpc = rpc_of<generic_request, raft_configuration_response>("Operator.RaftGetConfiguration")},
               {.methods = "GET",
                .path = "/v1/operator/scheduler/configuration",
                .acl = "operator:read",
                .flags = blocking,
                .handle = &call_rpc,
                .rpc = rpc_of<generic_request, scheduler_configuration_response>("Operator.SchedulerGetConfiguration")},
               {.methods = "PUT POST",
                .path = "/v1/operator/scheduler/configuration",
                .acl = "operator:write",
                .flags = body_required,
                .handle = &set_scheduler_config},
               {.methods = "GET",
                .path = "/v1/operator/upgrade-check/vault-workload-identity",
                .acl = "operator:read",
                .handle = &call_rpc,
                .rpc = rpc_of<upgrade_check_vault_workload_identity_request, upgrade_check_vault_workload_identity_response>(
                    "Operator.UpgradeCheckVaultWorkloadIdentity")},
               {.methods = "PUT",
                .path = "/v1/system/gc",
                .acl = "management",
                .handle = &call_rpc,
                .rpc = rpc_of<generic_request, generic_response>("System.GarbageCollect"),
                .answer = "-"},
               {.methods = "PUT",
                .path = "/v1/system/reconcile/summaries",
                .acl = "management",
                .handle = &call_rpc,
                .rpc = rpc_of<generic_request, generic_response>("System.ReconcileJobSummaries"),
                .answer = "-"},

               {.methods = "GET",
                .path = "/v1/namespaces",
                .acl = "ns:any",
                .flags = blocking | list,
                .handle = &call_rpc,
                .rpc = rpc_of<namespace_list_request, namespace_list_response>("Namespace.ListNamespaces"),
                .answer = "namespaces"},
               {.methods = "POST PUT", .path = "/v1/namespace", .acl = "management", .flags = body_required, .handle = &put_namespace},
               {.methods = "GET",
                .path = "/v1/namespace/:name",
                .acl = "ns:any",
                .flags = blocking,
                .handle = &call_rpc,
                .rpc = rpc_of<namespace_specific_request, single_namespace_response>("Namespace.GetNamespace"),
                .answer = "namespace",
                .absent = "Namespace not found"},
               {.methods = "POST PUT", .path = "/v1/namespace/:name", .acl = "management", .flags = body_required, .handle = &put_namespace},
               {.methods = "DELETE", .path = "/v1/namespace/:name", .acl = "management", .handle = &delete_namespace},

               {.methods = "GET",
                .path = "/v1/services",
                .acl = "ns:read-job",
                .flags = blocking,
                .handle = &call_rpc,
                .rpc = rpc_of<service_registration_list_request, service_registration_list_response>("ServiceRegistration.List"),
                .answer = "services"},
               {.methods = "GET",
                .path = "/v1/service/:service_name",
                .acl = "ns:read-job",
                .flags = blocking | list,
                .handle = &call_rpc,
                .rpc = rpc_of<service_registration_by_name_request, service_registration_by_name_response>("ServiceRegistration.GetService"),
                .answer = "services",
                .params = "choose"},
               {.methods = "DELETE",
                .path = "/v1/service/:service_name/:id",
                .acl = "ns:delete-service-registration",
                .handle = &call_rpc,
                .rpc = rpc_of<service_registration_delete_by_id_request, service_registration_delete_by_id_response>("ServiceRegistration.DeleteByID"),
                .answer = "-"},

               {.methods = "POST PUT",
                .path = "/v1/search",
                .acl = "by context",
                .flags = body_required,
                .handle = &search,
                .rpc = rpc_of<search_request, search_response>("Search.PrefixSearch")},
               {.methods = "POST PUT",
                .path = "/v1/search/fuzzy",
                .acl = "by context",
                .flags = body_required,
                .handle = &call_rpc,
                .rpc = rpc_of<fuzzy_search_request, fuzzy_search_response>("Search.FuzzySearch")},
           });
}

}  // namespace drover::api
