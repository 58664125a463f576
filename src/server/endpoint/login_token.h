// What every kind of login ends with: from the claims of somebody who proved who they are to a token of this cluster. Loop thread only.
#pragma once

#include <string>

#include "schema/acl.h"
#include "server/login.h"
#include "server/reads.h"

namespace drover::server {

// The auth method that a login names, or the default one of that type. errc::invalid: there is none, or it is of another type.
result<ref<schema::acl_auth_method>> auth_method_for(const state::snapshot& state, const std::string& name, std::string_view type);

// The token that the binding rules give to these claims. errc::permission_denied: they give nothing.
awaitable<result<schema::acl_login_response>> give_login_token(server_context& context, ref<schema::acl_auth_method> method, login_claims claims);

// A login is answered by the leader of its region or, where its tokens are global, by that of the authoritative one.
// True: it was answered elsewhere, into `response`. Requires: all of it outlives the call.
template <class Request, class Response>
awaitable<result<bool>> answered_elsewhere(server_context& context, std::string_view name, std::string_view type, Request& request, Response& response) {
  if (context.forward == nullptr) co_return false;
  if (!context.forward->leads_alone(request.region)) {
    CO_TRY_ASSIGN(auto where, co_await context.forward->route(write_route_of(name, request, schema::slot(response))));
    if (where == place::answered) co_return true;
  }
  const auto& home = context.options.acl.authoritative_region;
  auto method = auth_method_for(context.state(), request.auth_method_name, type);
  if (!method || (*method)->token_locality != "global" || home.empty() || context.forward->is_own(home)) co_return false;
  request.region = home;
  CO_TRY_ASSIGN(auto where, co_await context.forward->route(write_route_of(name, request, schema::slot(response))));
  co_return where == place::answered;
}

}  // namespace drover::server
