#include "api/http_api.h"

#include "api/call.h"
#include "api/router.h"

namespace drover::api {

http_api::http_api(services with) : with_(std::move(with)), router_(std::make_unique<router>(routes())) {}
http_api::~http_api() = default;

net::http_handler http_api::handler() {
  return [this](net::http_exchange& exchange) { return serve(exchange); };
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

std::optional<net::http_response> http_api::outcome(net::http_exchange& exchange, result<reply> answer) const {
  if (answer && answer->answered) return std::nullopt;
  if (!answer && answer.error().code() == errc::cancelled) return std::nullopt;
  const auto& request = exchange.request();
  if (!answer && http_status(answer.error().code()) >= 500 && answer.error().code() != errc::unsupported)
    with_.logger.warn("request failed", {{"method", request.method}, {"path", request.raw_path()}, {"error", answer.error().text()}});
  // A stream that broke after its head was sent has nothing more to say to this client.
  if (exchange.answered()) return std::nullopt;
  return finish(answer ? *std::move(answer) : error_reply(answer.error()));
}

// Held queries wait in here: little may live in this frame.
net::awaitable<void> http_api::serve(net::http_exchange& exchange) {
  auto& request = exchange.request();
  auto found = router_->find(request.method, request.path);
  std::optional<net::http_response> response;
  if (found.route != nullptr) {
    call c{.with = with_, .exchange = exchange, .request = request, .route = *found.route, .path_values = std::move(found.values)};
    response = outcome(exchange, co_await found.route->row->handle(c));
  } else {
    // An unknown path is a bare 404, as Nomad's clients know it.
    response = finish(found.path_known ? text_reply(405, "Invalid method") : reply{.status = 404, .content_type = {}});
  }
  if (response) co_await exchange.respond(*std::move(response));
}

}  // namespace drover::api
