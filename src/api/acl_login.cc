// Auth methods, binding rules, login.
#include "api/acl_write.h"
#include "api/call.h"
#include "api/http_api.h"
#include "schema/acl.h"

namespace drover::api {
namespace {

using net::awaitable;

template <class Record>
result<reply> show(const call& c, const schema::write_meta& meta, const schema::ref<Record>& record) {
  if (!record) return fail(errc::unknown, "the servers answered without what they wrote");
  auto out = json_reply(c, schema::view(*record));
  out.meta = meta_of(meta);
  return out;
}

reply written(const schema::write_meta& meta) {
  auto out = empty_reply();
  out.meta = meta_of(meta);
  return out;
}

awaitable<result<reply>> put_method(call& c, bool named) {
  auto method = std::make_shared<schema::acl_auth_method>();
  CO_TRY(decode_body(c, schema::slot(*method)));
  if (named && method->name.empty()) method->name = c.path_value("method_name");
  if (named && method->name != c.path_value("method_name")) co_return fail(errc::invalid, "ACL auth method name does not match request path");
  schema::acl_auth_method_upsert_request request;
  request.auth_methods.push_back(std::move(method));
  CO_TRY_ASSIGN(auto response, co_await write<schema::acl_auth_method_upsert_response>(c, "ACL.UpsertAuthMethods", std::move(request)));
  co_return show(c, response, response.auth_methods.empty() ? nullptr : response.auth_methods.front());
}
awaitable<result<reply>> create_method(call& c) { return put_method(c, false); }
awaitable<result<reply>> update_method(call& c) { return put_method(c, true); }

awaitable<result<reply>> delete_method(call& c) {
  schema::acl_auth_method_delete_request request;
  request.names = {c.path_value("method_name")};
  CO_TRY_ASSIGN(auto response, co_await write<schema::acl_auth_method_delete_response>(c, "ACL.DeleteAuthMethods", std::move(request)));
  co_return written(response);
}

awaitable<result<reply>> put_rule(call& c, bool named) {
  auto rule = std::make_shared<schema::acl_binding_rule>();
  CO_TRY(decode_body(c, schema::slot(*rule)));
  if (named && rule->id.empty()) rule->id = c.path_value("acl_binding_rule_id");
  if (named && rule->id != c.path_value("acl_binding_rule_id")) co_return fail(errc::invalid, "ACL binding rule ID does not match request path");
  schema::acl_binding_rules_upsert_request request;
  request.acl_binding_rules.push_back(std::move(rule));
  CO_TRY_ASSIGN(auto response, co_await write<schema::acl_binding_rules_upsert_response>(c, "ACL.UpsertBindingRules", std::move(request)));
  co_return show(c, response, response.acl_binding_rules.empty() ? nullptr : response.acl_binding_rules.front());
}
awaitable<result<reply>> create_rule(call& c) { return put_rule(c, false); }
awaitable<result<reply>> update_rule(call& c) { return put_rule(c, true); }

awaitable<result<reply>> delete_rule(call& c) {
  schema::acl_binding_rules_delete_request request;
  request.acl_binding_rule_ids = {c.path_value("acl_binding_rule_id")};
  CO_TRY_ASSIGN(auto response, co_await write<schema::acl_binding_rules_delete_response>(c, "ACL.DeleteBindingRules", std::move(request)));
  co_return written(response);
}

}  // namespace

void add_login_routes(std::vector<route>& t) {
  using namespace schema;
  t.insert(t.end(), {
                        {.methods = "GET",
                         .path = "/v1/acl/auth-methods",
                         .acl = "",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<acl_auth_method_list_request, acl_auth_method_list_response>("ACL.ListAuthMethods"),
                         .answer = "auth_methods"},
                        {.methods = "POST PUT",
                         .path = "/v1/acl/auth-method",
                         .acl = "management",
                         .flags = body_required,
                         .handle = &create_method,
                         .rpc = rpc_of<acl_auth_method_upsert_request, acl_auth_method_upsert_response>("ACL.UpsertAuthMethods")},
                        {.methods = "GET",
                         .path = "/v1/acl/auth-method/:method_name",
                         .acl = "management",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<acl_auth_method_get_request, acl_auth_method_get_response>("ACL.GetAuthMethod"),
                         .answer = "auth_method",
                         .absent = "ACL auth method not found"},
                        {.methods = "POST PUT",
                         .path = "/v1/acl/auth-method/:method_name",
                         .acl = "management",
                         .flags = body_required,
                         .handle = &update_method,
                         .rpc = rpc_of<acl_auth_method_upsert_request, acl_auth_method_upsert_response>("ACL.UpsertAuthMethods")},
                        {.methods = "DELETE",
                         .path = "/v1/acl/auth-method/:method_name",
                         .acl = "management",
                         .handle = &delete_method,
                         .rpc = rpc_of<acl_auth_method_delete_request, acl_auth_method_delete_response>("ACL.DeleteAuthMethods")},
                        {.methods = "GET",
                         .path = "/v1/acl/binding-rules",
                         .acl = "management",
                         .flags = blocking | list,
                         .handle = &call_rpc,
                         .rpc = rpc_of<acl_binding_rules_list_request, acl_binding_rules_list_response>("ACL.ListBindingRules"),
                         .answer = "acl_binding_rules"},
                        {.methods = "POST PUT",
                         .path = "/v1/acl/binding-rule",
                         .acl = "management",
                         .flags = body_required,
                         .handle = &create_rule,
                         .rpc = rpc_of<acl_binding_rules_upsert_request, acl_binding_rules_upsert_response>("ACL.UpsertBindingRules")},
                        {.methods = "GET",
                         .path = "/v1/acl/binding-rule/:acl_binding_rule_id",
                         .acl = "management",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<acl_binding_rule_request, acl_binding_rule_response>("ACL.GetBindingRule"),
                         .answer = "acl_binding_rule",
                         .absent = "ACL binding rule not found"},
                        {.methods = "POST PUT",
                         .path = "/v1/acl/binding-rule/:acl_binding_rule_id",
                         .acl = "management",
                         .flags = body_required,
                         .handle = &update_rule,
                         .rpc = rpc_of<acl_binding_rules_upsert_request, acl_binding_rules_upsert_response>("ACL.UpsertBindingRules")},
                        {.methods = "DELETE",
                         .path = "/v1/acl/binding-rule/:acl_binding_rule_id",
                         .acl = "management",
                         .handle = &delete_rule,
                         .rpc = rpc_of<acl_binding_rules_delete_request, acl_binding_rules_delete_response>("ACL.DeleteBindingRules")},
                        {.methods = "POST PUT",
                         .path = "/v1/acl/login",
                         .acl = "",
                         .flags = body_required,
                         .handle = &call_rpc,
                         .rpc = rpc_of<acl_login_request, acl_login_response>("ACL.Login"),
                         .answer = "acl_token"},
                        {.methods = "POST PUT",
                         .path = "/v1/acl/oidc/auth-url",
                         .acl = "",
                         .flags = body_required,
                         .handle = &call_rpc,
                         .rpc = rpc_of<acloidc_auth_url_request, acloidc_auth_url_response>("ACL.OIDCAuthURL")},
                        {.methods = "POST PUT",
                         .path = "/v1/acl/oidc/complete-auth",
                         .acl = "",
                         .flags = body_required,
                         .handle = &call_rpc,
                         .rpc = rpc_of<acloidc_complete_auth_request, acl_login_response>("ACL.OIDCCompleteAuth"),
                         .answer = "acl_token"},
                    });
}

}  // namespace drover::api
