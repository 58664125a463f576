// GET /v1/event/stream: changes of the state as lines of JSON.
#include "schema/event.h"
#include "api/call.h"
#include "api/http_api.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/msgpack.h"

namespace drover::api {
namespace {

using net::awaitable;

// "Topic" or "Topic:key", any number of times; none: everything.
result<std::map<std::string, std::vector<std::string>>> topics_of(const call& c) {
  std::map<std::string, std::vector<std::string>> out;
  for (auto each : c.request.query.get_all("topic")) {
    auto colon = each.find(':');
    if (colon != each.npos && each.find(':', colon + 1) != each.npos)
      return fail(errc::invalid, "Invalid topic query: error parsing topics: Invalid key value pair for topic, topic: {}", each);
    auto key = colon == each.npos ? std::string_view("*") : each.substr(colon + 1);
    out[std::string(each.substr(0, colon))].emplace_back(key);
  }
  if (out.empty()) out["*"].emplace_back("*");
  return out;
}

struct event_message {
  bool ended = false;
  std::string line{};
  std::optional<schema::rpc_error> failure{};
};

awaitable<result<event_message>> next_message(rpc::message_stream& from) {
  CO_TRY_ASSIGN(auto message, co_await from.read());
  if (!message) co_return event_message{.ended = true};
  CO_TRY_ASSIGN(auto wrapper, codec::from_msgpack<schema::event_stream_wrapper>(*message));
  event_message out{.failure = std::move(wrapper.error)};
  if (wrapper.event) out.line = std::move(wrapper.event->data.data);
  co_return out;
}

awaitable<result<reply>> stream_events(call& c) {
  schema::event_stream_request request;
  auto index = parse_uint(c.query("index").empty() ? "0" : c.query("index"));
  if (!index || *index > INT64_MAX) co_return fail(errc::invalid, "Unable to parse index: \"{}\" is no index", c.query("index"));
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.index = static_cast<int64_t>(*index);
  request.min_query_index = 0;
  CO_TRY_ASSIGN(request.topics, topics_of(c));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto stream, co_await rpc::open(*servers, "Event.Stream", std::move(request)));
  CO_TRY_ASSIGN(auto next, co_await next_message(*stream));
  if (next.failure) co_return text_reply(static_cast<int>(next.failure->code.value_or(500)), next.failure->message);
  CO_TRY(co_await c.exchange.start_stream(200, {{"Content-Type", "application/json"}, {"Cache-Control", "no-cache"}}));
  while (!next.ended && !next.failure) {
    CO_TRY(co_await c.exchange.write(std::move(next.line) + '\n'));
    auto read = co_await next_message(*stream);
    // The head is sent: an end without the last chunk is what tells the client that it must subscribe again.
    if (!read) co_return reply{.answered = true};
    next = *std::move(read);
  }
  // The same as a line, for who reads to the end.
  if (next.failure) {
    std::string text;
    codec::append_json_string(text, next.failure->message);
    CO_TRY(co_await c.exchange.write("{\"Error\":" + text + "}\n"));
    co_return reply{.answered = true};
  }
  CO_TRY(co_await c.exchange.finish());
  co_return reply{.answered = true};
}

}  // namespace

void add_event_routes(std::vector<route>& t) {
  t.push_back({.methods = "GET", .path = "/v1/event/stream", .acl = "per topic", .flags = streaming, .handle = &stream_events});
}

}  // namespace drover::api
