// Identities of nodes.
#include "api/call.h"
#include "api/http_api.h"
#include "schema/acl.h"

namespace drover::api {
namespace {

using net::awaitable;

template <class Request, class Response>
awaitable<result<reply>> ask_node(call& c, std::string_view method, Request request) {
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  if (auto id = c.query("node_id"); !id.empty()) request.node_id = id;
  CO_TRY_ASSIGN(auto target, target_of(c, method, nullptr, &request.node_id));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<Response>(*target.channel, target.method, std::move(request)));
  co_return json_reply(c, schema::view(response));
}

awaitable<result<reply>> show(call& c) {
  co_return co_await ask_node<schema::node_identity_get_req, schema::node_identity_get_resp>(c, "NodeIdentity.Get", {});
}

awaitable<result<reply>> renew(call& c) {
  schema::node_identity_renew_req request;
  if (!body_is_empty(c)) CO_TRY(decode_body(c, schema::slot(request)));
  co_return co_await ask_node<schema::node_identity_renew_req, schema::node_identity_renew_resp>(c, "NodeIdentity.Renew", std::move(request));
}

}  // namespace

void add_identity_routes(std::vector<route>& t) {
  using namespace schema;
  t.insert(
      t.end(),
      {
          {.methods = "GET", .path = "/v1/client/identity", .acl = "node:read", .flags = on_node, .handle = &show},
          {.methods = "POST PUT", .path = "/v1/client/identity/renew", .acl = "node:write", .flags = on_node | body_optional, .handle = &renew},
          {.methods = "POST PUT",
           .path = "/v1/acl/identity/client-introduction-token",
           .acl = "node:write",
           .flags = body_required,
           .handle = &call_rpc,
           .rpc = rpc_of<acl_create_client_introduction_token_request, acl_create_client_introduction_token_response>("ACL.CreateClientIntroductionToken")},
      });
}

}  // namespace drover::api
