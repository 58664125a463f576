#include "api/http_api.h"

#include "api/agent_access.h"
#include "api/call.h"
#include "api/cors.h"
#include "api/router.h"
#include "schema/acl.h"

namespace drover::api {

http_api::http_api(services with) : with_(std::move(with)), router_(std::make_unique<router>(routes())), access_(std::make_unique<agent_access>(with_)) {}
http_api::~http_api() = default;

net::http_handler http_api::handler() {
  return [this](net::http_exchange& exchange) { return serve(exchange); };
}

net::http_handler http_api::task_handler() {
  return [this](net::http_exchange& exchange) { return serve_task(exchange); };
}

net::awaitable<void> http_api::serve_task(net::http_exchange& exchange) {
  schema::generic_request ask;
  ask.region = with_.region;
  ask.auth_token = token_of(exchange.request());
  ask.allow_stale = true;
  if (ask.auth_token.empty()) co_return co_await answer(exchange, text_reply(401, "Unauthorized"));
  auto known = co_await rpc::call<schema::acl_who_am_i_response>(*with_.servers, "ACL.WhoAmI", std::move(ask));
  if (!known && known.error().code() != errc::permission_denied) co_return co_await answer(exchange, fail(known.error()));
  if (!known || !known->identity || (!known->identity->acl_token && known->identity->claims.is_null()))
    co_return co_await answer(exchange, text_reply(403, "Forbidden"));
  co_await serve(exchange);
}

net::http_response http_api::finish(reply answer) const {
  net::http_response out{.status = answer.status, .headers = std::move(answer.headers), .body = std::move(answer.body)};
  for (const auto& [name, text] : with_.response_headers) out.headers.set(name, text);
  if (!answer.content_type.empty() && !out.headers.has("Content-Type")) out.headers.add("Content-Type", std::string(answer.content_type));
  if (answer.meta) {
    // The spelling on the wire that Nomad's servers have.
    out.headers.add("X-Nomad-Index", std::to_string(answer.meta->index));
    if (answer.meta->is_query) {
      out.headers.add("X-Nomad-Knownleader", answer.meta->known_leader ? "true" : "false");
      out.headers.add("X-Nomad-Lastcontact", std::to_string(answer.meta->last_contact.ms()));
      if (!answer.meta->next_token.empty()) out.headers.add("X-Nomad-Nexttoken", answer.meta->next_token);
    }
  }
  return out;
}

net::awaitable<void> http_api::answer(net::http_exchange& exchange, result<reply> outcome) const {
  if (outcome && outcome->answered) co_return;
  if (!outcome && outcome.error().code() == errc::cancelled) co_return;
  const auto& request = exchange.request();
  if (!outcome && http_status(outcome.error().code()) >= 500 && outcome.error().code() != errc::unsupported)
    with_.logger.warn("request failed", {{"method", request.method}, {"path", request.raw_path()}, {"error", outcome.error().text()}});
  // A stream that broke after its head was sent has nothing more to say to this client.
  if (exchange.answered()) co_return;
  co_await exchange.respond(finish(outcome ? *std::move(outcome) : error_reply(outcome.error())));
}

namespace {
// An unknown path is a bare 404, as Nomad's clients know it.
reply no_route(bool path_known) { return path_known ? text_reply(405, "Invalid method") : reply{.status = 404, .content_type = {}}; }
}  // namespace

// Held queries wait in here, and a coroutine keeps a place for every object that it ever makes: what answers is a coroutine of its own.
net::awaitable<void> http_api::call_route(net::http_exchange& exchange, route_match found) {
  call c{.with = with_, .exchange = exchange, .request = exchange.request(), .route = *found.route, .path_values = std::move(found.values)};
  co_await answer(exchange, co_await c.route.row->handle(c));
}

bool http_api::is_checked_here(const route& row) const { return with_.acl_enabled && (row.flags & of_agent) != 0 && !row.acl.empty(); }

// What this agent answers by itself is checked here; everything else by the servers.
net::awaitable<void> http_api::call_agent_route(net::http_exchange& exchange, route_match found) {
  call c{.with = with_, .exchange = exchange, .request = exchange.request(), .route = *found.route, .path_values = std::move(found.values)};
  if (auto may = co_await access_->check(c); !may) co_return co_await answer(exchange, std::unexpected(std::move(may).error()));
  co_await answer(exchange, co_await c.route.row->handle(c));
}

// For the few requests that a page of another origin makes.
net::awaitable<void> http_api::call_from_page(net::http_exchange& exchange) {
  auto found = router_->find(exchange.request().method, exchange.request().path);
  if (found.route == nullptr) co_return co_await answer(exchange, no_route(found.path_known));
  net::http_headers allowed;
  add_cors_headers(exchange.request(), allowed);
  call c{.with = with_, .exchange = exchange, .request = exchange.request(), .route = *found.route, .path_values = std::move(found.values)};
  result<reply> outcome = fail(errc::cancelled, "not asked yet");
  auto may = is_checked_here(*c.route.row) ? co_await access_->check(c) : result<>{};
  if (may) outcome = co_await c.route.row->handle(c);
  else outcome = std::unexpected(std::move(may).error());
  if (!outcome && outcome.error().code() == errc::cancelled) co_return;
  auto shown = outcome ? *std::move(outcome) : error_reply(outcome.error());
  for (const auto& [name, text] : allowed.entries()) shown.headers.set(name, text);
  co_await answer(exchange, std::move(shown));
}

net::awaitable<void> http_api::serve(net::http_exchange& exchange) {
  auto& request = exchange.request();
  if (auto preflight = cors_preflight(request)) return answer(exchange, *std::move(preflight));
  // What waits forgets its request: what the answer needs of it is noted now.
  if (request.headers.has("Origin") && cors_methods(request.path)) return call_from_page(exchange);
  auto found = router_->find(request.method, request.path);
  if (found.route == nullptr) return answer(exchange, no_route(found.path_known));
  const auto& row = *found.route->row;
  if (is_checked_here(row)) return call_agent_route(exchange, std::move(found));
  return call_route(exchange, std::move(found));
}

}  // namespace drover::api
