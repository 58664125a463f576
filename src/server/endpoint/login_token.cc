#include "server/endpoint/login_token.h"

#include "server/endpoint/acl_common.h"
#include "server/endpoint/acl_token_write.h"

namespace drover::server {

using state::table;

result<ref<schema::acl_auth_method>> auth_method_for(const state::snapshot& state, const std::string& name, std::string_view type) {
  if (!name.empty()) {
    auto found = state::find<table::acl_auth_methods>(state, {name, {}, {}});
    if (!found) return fail(errc::invalid, "auth-method \"{}\" not found", name);
    if (found->type != type) return fail(errc::invalid, "auth-method \"{}\" is of type {}, not {}", name, found->type, type);
    return found;
  }
  for (const auto& each : state::collect<table::acl_auth_methods>(state, state::tree_of(table::acl_auth_methods), state::starting({})))
    if (each->default_ && each->type == type) return each;
  return fail(errc::invalid, "missing auth method name, and there is no default one of type {}", type);
}

awaitable<result<schema::acl_login_response>> give_login_token(server_context& context, ref<schema::acl_auth_method> method, login_claims claims) {
  auto state = context.state();
  CO_TRY_ASSIGN(auto bound, bindings_for(state, method->name, claims));
  if (bound.empty()) co_return fail(errc::permission_denied, "Permission denied: no role or policy bindings matched");
  schema::acl_token wanted;
  CO_TRY_ASSIGN(wanted.name, filled_in(method->token_name_format, claims, {{"auth_method_type", method->type}, {"auth_method_name", method->name}}));
  wanted.type = bound.management ? "management" : "client";
  wanted.global = method->token_locality == "global";
  wanted.expiration_ttl = method->max_token_ttl;
  if (!bound.management) {
    wanted.policies = std::move(bound.policies);
    wanted.roles = std::move(bound.roles);
  }
  CO_TRY_ASSIGN(auto token, completed_token(context, state, std::move(wanted)));
  schema::acl_token_upsert_request command;
  command.tokens.push_back(schema::share(token));
  schema::acl_login_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::acl_token_upsert>(command));
  out.acl_token = state::find<table::acl_tokens>(context.state(), {token.accessor_id, {}, {}});
  context.logger.info("logged in", {{"auth_method", method->name}, {"accessor_id", token.accessor_id}});
  co_return out;
}

}  // namespace drover::server
