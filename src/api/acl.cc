// Access control: bootstrap, policies, tokens, roles, auth methods, binding rules, login.
#include "schema/acl.h"
#include "api/acl_write.h"
#include "api/call.h"
#include "api/http_api.h"

namespace drover::api {
namespace {

using net::awaitable;

template <class Request>
awaitable<result<reply>> write_quietly(call& c, std::string method, Request request) {
  CO_TRY_ASSIGN(auto response, co_await write<schema::generic_response>(c, std::move(method), std::move(request)));
  auto out = empty_reply();
  out.meta = meta_of(static_cast<const schema::write_meta&>(response));
  co_return out;
}

// The one record that was written.
template <class List>
result<reply> show_first(const call& c, const schema::write_meta& meta, const List& list) {
  if (list.empty() || !list.front()) return fail(errc::unknown, "the servers answered without what they wrote");
  auto out = json_reply(c, schema::view(*list.front()));
  out.meta = meta_of(meta);
  return out;
}

// The body, whose `name` must be that of the path where the path has one.
template <class Record>
result<std::shared_ptr<Record>> named_body(const call& c, std::string Record::* name, std::string_view path_key, std::string_view what) {
  auto record = std::make_shared<Record>();
  TRY(decode_body(c, schema::slot(*record)));
  if (path_key.empty()) return record;
  const auto& wanted = c.path_value(path_key);
  if (((*record).*name).empty()) (*record).*name = wanted;
  if ((*record).*name != wanted) return fail(errc::invalid, "{} does not match request path", what);
  return record;
}

// ---- policies

awaitable<result<reply>> put_policy(call& c) {
  CO_TRY_ASSIGN(auto policy, named_body(c, &schema::acl_policy::name, "name", "ACL policy name"));
  schema::acl_policy_upsert_request request;
  request.policies.push_back(std::move(policy));
  co_return co_await write_quietly(c, "ACL.UpsertPolicies", std::move(request));
}

awaitable<result<reply>> delete_policy(call& c) {
  schema::acl_policy_delete_request request;
  request.names = {c.path_value("name")};
  co_return co_await write_quietly(c, "ACL.DeletePolicies", std::move(request));
}

awaitable<result<reply>> own_policies(call& c) {
  schema::generic_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto found, co_await rpc::call<schema::acl_policy_set_response>(*servers, "ACL.GetClaimPolicies", std::move(request)));
  std::vector<schema::acl_policy_list_stub> list;
  for (const auto& [name, policy] : found.policies)
    list.push_back({.name = name,
                    .description = policy->description,
                    .job_acl = policy->job_acl,
                    .hash = policy->hash,
                    .create_index = policy->create_index,
                    .modify_index = policy->modify_index});
  auto out = json_reply(c, schema::view(list));
  out.meta = meta_of(static_cast<const schema::query_meta&>(found));
  co_return out;
}

// ---- tokens

awaitable<result<reply>> bootstrap(call& c) {
  schema::acl_token_bootstrap_request request;
  if (!body_is_empty(c)) CO_TRY(decode_body(c, schema::slot(request)));
  request.token = nullptr;
  request.reset_index = 0;
  CO_TRY_ASSIGN(auto response, co_await write<schema::acl_token_upsert_response>(c, "ACL.Bootstrap", std::move(request)));
  co_return show_first(c, response, response.tokens);
}

awaitable<result<reply>> put_token(call& c, std::string_view path_key) {
  CO_TRY_ASSIGN(auto token, named_body(c, &schema::acl_token::accessor_id, path_key, "Token accessor ID"));
  schema::acl_token_upsert_request request;
  request.tokens.push_back(std::move(token));
  CO_TRY_ASSIGN(auto response, co_await write<schema::acl_token_upsert_response>(c, "ACL.UpsertTokens", std::move(request)));
  co_return show_first(c, response, response.tokens);
}
awaitable<result<reply>> create_token(call& c) { return put_token(c, ""); }
awaitable<result<reply>> update_token(call& c) { return put_token(c, "accessor_id"); }

awaitable<result<reply>> delete_token(call& c) {
  schema::acl_token_delete_request request;
  request.accessor_ids = {c.path_value("accessor_id")};
  co_return co_await write_quietly(c, "ACL.DeleteTokens", std::move(request));
}

awaitable<result<reply>> own_token(call& c) {
  if (!c.with.acl_enabled) co_return fail(errc::invalid, "ACL support disabled");
  schema::resolve_acl_token_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.secret_id = request.auth_token;
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto found, co_await rpc::call<schema::resolve_acl_token_response>(*servers, "ACL.ResolveToken", std::move(request)));
  if (!found.token) co_return fail(errc::permission_denied, "Permission denied");
  auto out = json_reply(c, schema::view(*found.token));
  out.meta = meta_of(static_cast<const schema::query_meta&>(found));
  co_return out;
}

// ---- roles

awaitable<result<reply>> put_role(call& c, std::string_view path_key) {
  CO_TRY_ASSIGN(auto role, named_body(c, &schema::acl_role::id, path_key, "ACL role ID"));
  schema::acl_roles_upsert_request request;
  request.acl_roles.push_back(std::move(role));
  CO_TRY_ASSIGN(auto response, co_await write<schema::acl_roles_upsert_response>(c, "ACL.UpsertRoles", std::move(request)));
  co_return show_first(c, response, response.acl_roles);
}
awaitable<result<reply>> create_role(call& c) { return put_role(c, ""); }
awaitable<result<reply>> update_role(call& c) { return put_role(c, "role_id"); }

template <class Request, class Response>
awaitable<result<reply>> delete_by(call& c, std::string method, Request request) {
  CO_TRY_ASSIGN(auto response, co_await write<Response>(c, std::move(method), std::move(request)));
  auto out = empty_reply();
  out.meta = meta_of(static_cast<const schema::write_meta&>(response));
  co_return out;
}

awaitable<result<reply>> delete_role(call& c) {
  schema::acl_roles_delete_by_id_request request;
  request.acl_role_ids = {c.path_value("role_id")};
  co_return co_await delete_by<schema::acl_roles_delete_by_id_request, schema::acl_roles_delete_by_id_response>(c, "ACL.DeleteRolesByID", std::move(request));
}

}  // namespace

void add_acl_routes(std::vector<route>& t) {
  using namespace schema;
  t.insert(t.end(), {
                        {.methods = "POST PUT",
                         .path = "/v1/acl/bootstrap",
                         .acl = "",
                         .flags = body_optional,
                         .handle = &bootstrap,
                         .rpc = rpc_of<acl_token_bootstrap_request, acl_token_upsert_response>("ACL.Bootstrap")},
                        {.methods = "GET",
                         .path = "/v1/acl/policies",
                         .acl = "own",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<acl_policy_list_request, acl_policy_list_response>("ACL.ListPolicies"),
                         .answer = "policies"},
                        {.methods = "GET",
                         .path = "/v1/acl/policy/self",
                         .acl = "own",
                         .flags = blocking,
                         .handle = &own_policies,
                         .rpc = rpc_of<generic_request, acl_policy_set_response>("ACL.GetClaimPolicies")},
                        {.methods = "GET",
                         .path = "/v1/acl/policy/:name",
                         .acl = "own",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<acl_policy_specific_request, single_acl_policy_response>("ACL.GetPolicy"),
                         .answer = "policy",
                         .absent = "ACL policy not found"},
                        {.methods = "POST PUT",
                         .path = "/v1/acl/policy/:name",
                         .acl = "management",
                         .flags = body_required,
                         .handle = &put_policy,
                         .rpc = rpc_of<acl_policy_upsert_request, generic_response>("ACL.UpsertPolicies")},
                        {.methods = "DELETE",
                         .path = "/v1/acl/policy/:name",
                         .acl = "management",
                         .handle = &delete_policy,
                         .rpc = rpc_of<acl_policy_delete_request, generic_response>("ACL.DeletePolicies")},
                        {.methods = "GET",
                         .path = "/v1/acl/tokens",
                         .acl = "management",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<acl_token_list_request, acl_token_list_response>("ACL.ListTokens"),
                         .answer = "tokens",
                         .params = "global=global_only"},
                        {.methods = "POST PUT",
                         .path = "/v1/acl/token",
                         .acl = "management",
                         .flags = body_required,
                         .handle = &create_token,
                         .rpc = rpc_of<acl_token_upsert_request, acl_token_upsert_response>("ACL.UpsertTokens")},
                        {.methods = "GET",
                         .path = "/v1/acl/token/self",
                         .acl = "own",
                         .handle = &own_token,
                         .rpc = rpc_of<resolve_acl_token_request, resolve_acl_token_response>("ACL.ResolveToken")},
                        {.methods = "POST PUT",
                         .path = "/v1/acl/token/onetime",
                         .acl = "own",
                         .handle = &call_rpc,
                         .rpc = rpc_of<one_time_token_upsert_request, one_time_token_upsert_response>("ACL.UpsertOneTimeToken")},
                        {.methods = "POST PUT",
                         .path = "/v1/acl/token/onetime/exchange",
                         .acl = "",
                         .flags = body_required,
                         .handle = &call_rpc,
                         .rpc = rpc_of<one_time_token_exchange_request, one_time_token_exchange_response>("ACL.ExchangeOneTimeToken")},
                        {.methods = "GET",
                         .path = "/v1/acl/token/:accessor_id",
                         .acl = "own",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<acl_token_specific_request, single_acl_token_response>("ACL.GetToken"),
                         .answer = "token",
                         .absent = "ACL token not found"},
                        {.methods = "POST PUT",
                         .path = "/v1/acl/token/:accessor_id",
                         .acl = "management",
                         .flags = body_required,
                         .handle = &update_token,
                         .rpc = rpc_of<acl_token_upsert_request, acl_token_upsert_response>("ACL.UpsertTokens")},
                        {.methods = "DELETE",
                         .path = "/v1/acl/token/:accessor_id",
                         .acl = "management",
                         .handle = &delete_token,
                         .rpc = rpc_of<acl_token_delete_request, generic_response>("ACL.DeleteTokens")},
                        {.methods = "GET",
                         .path = "/v1/acl/roles",
                         .acl = "own",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<acl_roles_list_request, acl_roles_list_response>("ACL.ListRoles"),
                         .answer = "acl_roles"},
                        {.methods = "POST PUT",
                         .path = "/v1/acl/role",
                         .acl = "management",
                         .flags = body_required,
                         .handle = &create_role,
                         .rpc = rpc_of<acl_roles_upsert_request, acl_roles_upsert_response>("ACL.UpsertRoles")},
                        {.methods = "GET",
                         .path = "/v1/acl/role/name/:role_name",
                         .acl = "own",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<acl_role_by_name_request, acl_role_by_name_response>("ACL.GetRoleByName"),
                         .answer = "acl_role",
                         .absent = "ACL role not found"},
                        {.methods = "GET",
                         .path = "/v1/acl/role/:role_id",
                         .acl = "own",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<acl_role_by_id_request, acl_role_by_id_response>("ACL.GetRoleByID"),
                         .answer = "acl_role",
                         .absent = "ACL role not found"},
                        {.methods = "POST PUT",
                         .path = "/v1/acl/role/:role_id",
                         .acl = "management",
                         .flags = body_required,
                         .handle = &update_role,
                         .rpc = rpc_of<acl_roles_upsert_request, acl_roles_upsert_response>("ACL.UpsertRoles")},
                        {.methods = "DELETE",
                         .path = "/v1/acl/role/:role_id",
                         .acl = "management",
                         .handle = &delete_role,
                         .rpc = rpc_of<acl_roles_delete_by_id_request, acl_roles_delete_by_id_response>("ACL.DeleteRolesByID")},
                    });
}

}  // namespace drover::api
