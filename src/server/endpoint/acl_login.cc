// Auth methods, binding rules and ACL.Login.
#include <algorithm>

#include "base/text.h"
#include "server/client_assertion.h"
#include "server/endpoint/access_endpoints.h"
#include "server/endpoint/acl_common.h"
#include "server/endpoint/login_token.h"
#include "server/endpoint/oidc.h"

namespace drover::server {
namespace {

using schema::acl_auth_method;
using schema::acl_binding_rule;
using state::table;

constexpr std::string_view redacted = "redacted";

// What proves this cluster to the provider: the client's secret, and the key that signs its assertion.
template <class Config>
auto secrets_of(Config& config) {
  std::vector<decltype(&config.oidc_client_secret)> out{&config.oidc_client_secret};
  if (config.oidc_client_assertion && config.oidc_client_assertion->private_key) out.push_back(&config.oidc_client_assertion->private_key->pem_key);
  return out;
}

// Without these secrets. Servers of other regions, who replicate it, get it whole.
ref<acl_auth_method> without_secret(ref<acl_auth_method> method) {
  if (!method || !method->config) return method;
  auto out = *method;
  for (auto* each : secrets_of(*out.config))
    if (!each->empty()) *each = redacted;
  return schema::share(std::move(out));
}

result<> list_methods(const read& r, const schema::acl_auth_method_list_request& request, schema::acl_auth_method_list_response& out) {
  r.watch(state::watch_table(table::acl_auth_methods));
  page on(request);
  state::visit<table::acl_auth_methods>(r.state, state::starting(request.prefix), [&](const ref<acl_auth_method>& each) {
    if (on.takes(each->name, *each))
      out.auth_methods.push_back(
          {.name = each->name, .type = each->type, .default_ = each->default_, .create_index = each->create_index, .modify_index = each->modify_index});
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::acl_auth_methods);
  return {};
}

result<> get_method(const read& r, const schema::acl_auth_method_get_request& request, schema::acl_auth_method_get_response& out) {
  r.watch(state::watch_record(table::acl_auth_methods, request.method_name));
  out.auth_method = without_secret(state::find<table::acl_auth_methods>(r.state, {request.method_name, {}, {}}));
  out.index = out.auth_method ? out.auth_method->modify_index : r.state.index(table::acl_auth_methods);
  return {};
}

result<> get_methods(const read& r, const schema::acl_auth_methods_get_request& request, schema::acl_auth_methods_get_response& out) {
  r.watch(state::watch_table(table::acl_auth_methods));
  for (const auto& name : request.names)
    if (auto found = state::find<table::acl_auth_methods>(r.state, {name, {}, {}})) out.auth_methods[name] = std::move(found);
  out.index = r.state.index(table::acl_auth_methods);
  return {};
}

awaitable<result<schema::acl_auth_method_upsert_response>> upsert_methods(server_context& context, schema::acl_auth_method_upsert_request request) {
  CO_TRY(need_acl(context));
  if (request.auth_methods.empty()) co_return fail(errc::invalid, "must specify as least one auth method");
  auto state = context.state();
  const auto& limits = context.options.acl;
  for (auto& each : request.auth_methods) {
    if (!each) co_return fail(errc::invalid, "an auth method is null");
    auto method = *each;
    auto stored = state::find<table::acl_auth_methods>(state, {method.name, {}, {}});
    if (stored && !method.config) method.config = stored->config;
    // As they were shown; the real ones stay.
    if (stored && stored->config && method.config) {
      auto given = secrets_of(*method.config);
      auto kept = secrets_of(*stored->config);
      for (size_t i = 0; i < std::min(given.size(), kept.size()); ++i)
        if (*given[i] == redacted) *given[i] = *kept[i];
    }
    if (auto checked = complete_auth_method(method, limits.token_min_expiration, limits.token_max_expiration); !checked)
      co_return fail(errc::invalid, "auth method {} invalid: {}", &each - request.auth_methods.data(), checked.error().text());
    if (method.config->oidc_client_assertion && !is_signed_by_cluster(*method.config))
      if (auto signs = sign_client_assertion(*method.config, assertion_claims(*method.config, context.clock.now(), {}), context.clock.now()); !signs)
        co_return fail(errc::invalid, "invalid OIDCClientAssertion: {}", signs.error().text());
    if (method.default_)
      for (const auto& other : state::collect<table::acl_auth_methods>(state, state::tree_of(table::acl_auth_methods), state::starting({})))
        if (other->default_ && other->type == method.type && other->name != method.name)
          co_return fail(errc::invalid, "default auth method for type {} already exists: {}", method.type, other->name);
    method.modify_time = context.clock.now();
    method.create_time = stored ? stored->create_time : method.modify_time;
    each = schema::share(std::move(method));
  }
  request.auth_token.clear();
  schema::acl_auth_method_upsert_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::acl_auth_method_upsert>(request));
  auto after = context.state();
  for (const auto& each : request.auth_methods) out.auth_methods.push_back(without_secret(state::find<table::acl_auth_methods>(after, {each->name, {}, {}})));
  co_return out;
}

awaitable<result<schema::acl_auth_method_delete_response>> delete_methods(server_context& context, schema::acl_auth_method_delete_request request) {
  CO_TRY(need_acl(context));
  if (request.names.empty()) co_return fail(errc::invalid, "must specify as least one auth method");
  for (const auto& name : request.names)
    if (!state::find<table::acl_auth_methods>(context.state(), {name, {}, {}})) co_return fail(errc::not_found, "ACL auth-method not found");
  request.auth_token.clear();
  schema::acl_auth_method_delete_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::acl_auth_method_delete>(request));
  co_return out;
}

// ---- binding rules

result<> list_rules(const read& r, const schema::acl_binding_rules_list_request& request, schema::acl_binding_rules_list_response& out) {
  r.watch(state::watch_table(table::acl_binding_rules));
  page on(request);
  state::visit<table::acl_binding_rules>(r.state, state::starting(request.prefix), [&](const ref<acl_binding_rule>& each) {
    if (on.takes(each->id, *each))
      out.acl_binding_rules.push_back({.id = each->id,
                                       .description = each->description,
                                       .auth_method = each->auth_method,
                                       .create_index = each->create_index,
                                       .modify_index = each->modify_index});
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::acl_binding_rules);
  return {};
}

result<> get_rule(const read& r, const schema::acl_binding_rule_request& request, schema::acl_binding_rule_response& out) {
  r.watch(state::watch_record(table::acl_binding_rules, request.acl_binding_rule_id));
  out.acl_binding_rule = state::find<table::acl_binding_rules>(r.state, {request.acl_binding_rule_id, {}, {}});
  out.index = out.acl_binding_rule ? out.acl_binding_rule->modify_index : r.state.index(table::acl_binding_rules);
  return {};
}

result<> get_rules(const read& r, const schema::acl_binding_rules_request& request, schema::acl_binding_rules_response& out) {
  r.watch(state::watch_table(table::acl_binding_rules));
  for (const auto& id : request.acl_binding_rule_ids)
    if (auto found = state::find<table::acl_binding_rules>(r.state, {id, {}, {}})) out.acl_binding_rules[id] = std::move(found);
  out.index = r.state.index(table::acl_binding_rules);
  return {};
}

awaitable<result<schema::acl_binding_rules_upsert_response>> upsert_rules(server_context& context, schema::acl_binding_rules_upsert_request request) {
  CO_TRY(need_acl(context));
  if (request.acl_binding_rules.empty()) co_return fail(errc::invalid, "must specify as least one binding rule");
  auto state = context.state();
  for (auto& each : request.acl_binding_rules) {
    if (!each) co_return fail(errc::invalid, "a binding rule is null");
    auto rule = *each;
    auto stored = rule.id.empty() ? nullptr : state::find<table::acl_binding_rules>(state, {rule.id, {}, {}});
    if (!rule.id.empty() && !stored) co_return fail(errc::invalid, "cannot find binding rule {}", rule.id);
    if (stored && rule.auth_method.empty()) rule.auth_method = stored->auth_method;
    if (stored && rule.auth_method != stored->auth_method)
      co_return fail(errc::invalid, "cannot update auth method for binding rule, create a new rule instead");
    if (auto checked = check_binding_rule(rule); !checked)
      co_return fail(errc::invalid, "binding rule {} invalid: {}", &each - request.acl_binding_rules.data(), checked.error().text());
    if (!request.allow_missing_auth_methods && !state::find<table::acl_auth_methods>(state, {rule.auth_method, {}, {}}))
      co_return fail(errc::invalid, "ACL auth method {} not found", rule.auth_method);
    if (rule.id.empty()) rule.id = context.random.uuid();
    rule.modify_time = context.clock.now();
    rule.create_time = stored ? stored->create_time : rule.modify_time;
    each = schema::share(std::move(rule));
  }
  request.auth_token.clear();
  schema::acl_binding_rules_upsert_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::acl_binding_rule_upsert>(request));
  auto after = context.state();
  for (const auto& each : request.acl_binding_rules) out.acl_binding_rules.push_back(state::find<table::acl_binding_rules>(after, {each->id, {}, {}}));
  co_return out;
}

awaitable<result<schema::acl_binding_rules_delete_response>> delete_rules(server_context& context, schema::acl_binding_rules_delete_request request) {
  CO_TRY(need_acl(context));
  if (request.acl_binding_rule_ids.empty()) co_return fail(errc::invalid, "must specify as least one binding rule");
  for (const auto& id : request.acl_binding_rule_ids)
    if (!state::find<table::acl_binding_rules>(context.state(), {id, {}, {}})) co_return fail(errc::not_found, "ACL binding rule not found");
  request.auth_token.clear();
  schema::acl_binding_rules_delete_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::acl_binding_rule_delete>(request));
  co_return out;
}

// ---- login

awaitable<result<schema::acl_login_response>> log_in(server_context& context, std::shared_ptr<login_keys> keys, schema::acl_login_request request) {
  schema::acl_login_response response;
  CO_TRY_ASSIGN(bool answered, co_await answered_elsewhere(context, "ACL.Login", "JWT", request, response));
  if (answered) co_return std::move(response);
  CO_TRY(need_acl(context));
  if (request.login_token.empty()) co_return fail(errc::invalid, "missing login token");
  if (request.login_token.size() > acl_token_bytes_max) co_return fail(errc::invalid, "the login token has more than {} bytes", acl_token_bytes_max);
  CO_TRY_ASSIGN(auto method, auth_method_for(context.state(), request.auth_method_name, "JWT"));
  CO_TRY_ASSIGN(auto raw, co_await keys->verify(method, std::move(request.login_token)));
  CO_TRY(check_claims(*method, raw, context.clock.now()));
  CO_TRY_ASSIGN(auto claims, mapped_claims(*method, raw));
  co_return co_await give_login_token(context, std::move(method), std::move(claims));
}

// The keys of identity providers live as long as the method.
void add_login(rpc::method_table& table, server_context& context) {
  auto keys = std::make_shared<login_keys>();
  table.add<schema::acl_login_request, schema::acl_login_response>(
      "ACL.Login", [&context, keys](rpc::call_context, schema::acl_login_request request) { return log_in(context, keys, std::move(request)); });
  add_oidc_methods(table, context, keys);
}

}  // namespace

void add_auth_method_methods(rpc::method_table& table, server_context& context) {
  add_acl_read<&list_methods>(table, context, "ACL.ListAuthMethods");
  add_acl_read<&get_method>(table, context, "ACL.GetAuthMethod");
  add_acl_read<&get_methods>(table, context, "ACL.GetAuthMethods");
  add_authoritative_write(table, context, "ACL.UpsertAuthMethods", &upsert_methods);
  add_authoritative_write(table, context, "ACL.DeleteAuthMethods", &delete_methods);
  add_acl_read<&list_rules>(table, context, "ACL.ListBindingRules");
  add_acl_read<&get_rule>(table, context, "ACL.GetBindingRule");
  add_acl_read<&get_rules>(table, context, "ACL.GetBindingRules");
  add_authoritative_write(table, context, "ACL.UpsertBindingRules", &upsert_rules);
  add_authoritative_write(table, context, "ACL.DeleteBindingRules", &delete_rules);
  add_login(table, context);
}

}  // namespace drover::server
