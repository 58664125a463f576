#include "api/node_stream.h"

#include "api/cors.h"
#include "api/http_api.h"
#include "base/text.h"
#include "codec/msgpack.h"
#include "schema/alloc_rpc.h"

namespace drover::api {
namespace {

using net::awaitable;
using node_stream = std::unique_ptr<rpc::message_stream>;

template <class Request>
awaitable<result<node_stream>> open_stream(call& c, std::string_view method, Request request) {
  CO_TRY_ASSIGN(auto target, target_of(c, method, &request.alloc_id, nullptr));
  co_return co_await rpc::open(*target.channel, std::move(target.method), std::move(request));
}

struct piece {
  bool ended = false;
  std::string payload{};
  std::optional<schema::rpc_error> failure{};
};

awaitable<result<piece>> next_piece(rpc::message_stream& from) {
  auto message = co_await from.read();
  if (!message) co_return std::unexpected(message.error());
  if (!*message) co_return piece{.ended = true};
  CO_TRY_ASSIGN(auto wrapper, codec::from_msgpack<schema::stream_err_wrapper>(**message));
  co_return piece{.payload = std::move(wrapper.payload.data), .failure = std::move(wrapper.error)};
}

result<std::string> path_param(const call& c) {
  auto path = c.query("path");
  if (path.empty()) return fail(errc::invalid, "must provide a file name: ?path=");
  return std::string(path);
}

result<std::string> origin_param(const call& c) {
  auto origin = c.query("origin");
  if (origin.empty()) return std::string("start");
  if (origin != "start" && origin != "end") return fail(errc::invalid, "origin must be start or end, not \"{}\"", origin);
  return std::string(origin);
}

result<int64_t> offset_param(const call& c) {
  TRY_ASSIGN(auto offset, int_param(c, "offset", 0));
  if (offset < 0) return fail(errc::invalid, "offset is {}; it must not be negative", offset);
  return offset;
}

// What a task wrote must not run as a page of this origin.
net::http_headers untrusted_headers() {
  return {{"Content-Security-Policy", "sandbox"}, {"X-Content-Type-Options", "nosniff"}, {"X-XSS-Protection", "1; mode=block"}};
}

std::string harmless_type(const std::string& type) {
  if (type.empty() || type.starts_with("text/html") || type.starts_with("application/xhtml")) return "text/plain; charset=utf-8";
  return type;
}

// The bytes of a file between two places, as they are.
awaitable<result<reply>> send_bytes(call& c, int64_t offset, int64_t limit) {
  CO_TRY_ASSIGN(auto path, path_param(c));
  schema::fs_stat_request stat;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(stat)));
  stat.alloc_id = c.path_value("alloc_id");
  stat.path = path;
  CO_TRY_ASSIGN(auto target, target_of(c, "FileSystem.Stat", &stat.alloc_id, nullptr));
  CO_TRY_ASSIGN(auto found, co_await rpc::call<schema::fs_stat_response>(*target.channel, target.method, stat));
  if (!found.info) co_return fail(errc::not_found, "file \"{}\" does not exist", path);
  if (found.info->is_dir) co_return fail(errc::invalid, "file \"{}\" is a directory", path);

  schema::fs_stream_request request;
  static_cast<schema::query_options&>(request) = stat;
  request.alloc_id = stat.alloc_id;
  request.path = std::move(path);
  request.offset = offset;
  request.origin = "start";
  request.limit = limit;
  request.plain_text = true;
  CO_TRY_ASSIGN(auto stream, co_await open_stream(c, "FileSystem.Stream", std::move(request)));
  co_return co_await send_stream(c, std::move(stream), harmless_type(found.info->content_type), untrusted_headers());
}

}  // namespace

awaitable<result<reply>> send_stream(call& c, node_stream from, std::string content_type, net::http_headers headers) {
  CO_TRY_ASSIGN(auto first, co_await next_piece(*from));
  if (first.failure) co_return text_reply(static_cast<int>(first.failure->code.value_or(500)), first.failure->message);
  headers.add("Content-Type", std::move(content_type));
  add_cors_headers(c.request, headers);
  CO_TRY(co_await c.exchange.start_stream(200, std::move(headers)));
  auto next = std::move(first);
  while (!next.ended && !next.failure) {
    if (!next.payload.empty()) CO_TRY(co_await c.exchange.write(std::move(next.payload)));
    auto read = co_await next_piece(*from);
    // The head is sent; an end without the last chunk is all that tells the client of a failure.
    if (!read) co_return reply{.answered = true};
    next = *std::move(read);
  }
  CO_TRY(co_await c.exchange.finish());
  co_return reply{.answered = true};
}

awaitable<result<reply>> stream_logs(call& c) {
  schema::fs_logs_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.alloc_id = c.path_value("alloc_id");
  request.task = c.query("task");
  request.log_type = c.query("type");
  if (request.task.empty()) co_return fail(errc::invalid, "must provide task name");
  if (request.log_type != "stdout" && request.log_type != "stderr") co_return fail(errc::invalid, "must provide log type (stdout/stderr)");
  CO_TRY_ASSIGN(request.follow, bool_param(c, "follow"));
  CO_TRY_ASSIGN(request.plain_text, bool_param(c, "plain"));
  CO_TRY_ASSIGN(request.offset, offset_param(c));
  CO_TRY_ASSIGN(request.origin, origin_param(c));
  bool plain = request.plain_text;
  CO_TRY_ASSIGN(auto stream, co_await open_stream(c, "FileSystem.Logs", std::move(request)));
  co_return co_await send_stream(c, std::move(stream), plain ? "text/plain" : "application/json");
}

awaitable<result<reply>> stream_file(call& c) {
  schema::fs_stream_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.alloc_id = c.path_value("alloc_id");
  CO_TRY_ASSIGN(request.path, path_param(c));
  CO_TRY_ASSIGN(request.follow, bool_param(c, "follow", true));
  CO_TRY_ASSIGN(request.offset, offset_param(c));
  CO_TRY_ASSIGN(request.origin, origin_param(c));
  CO_TRY_ASSIGN(auto stream, co_await open_stream(c, "FileSystem.Stream", std::move(request)));
  co_return co_await send_stream(c, std::move(stream), "application/json");
}

awaitable<result<reply>> cat_file(call& c) { return send_bytes(c, 0, 0); }

awaitable<result<reply>> read_file_at(call& c) {
  auto offset = offset_param(c);
  if (!offset) co_return std::unexpected(offset.error());
  if (c.query("limit").empty()) co_return fail(errc::invalid, "limit is missing: a number of bytes, or -1 for all");
  CO_TRY_ASSIGN(auto limit, int_param(c, "limit", 0));
  if (limit == 0) co_return reply{.content_type = "text/plain; charset=utf-8"};
  co_return co_await send_bytes(c, *offset, limit < 0 ? 0 : limit);
}

awaitable<result<reply>> send_snapshot(call& c) {
  schema::alloc_specific_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.alloc_id = c.path_value("alloc_id");
  if (c.with.own == nullptr) co_return fail(errc::not_found, "this agent runs no client, and so no allocation \"{}\"", request.alloc_id);
  CO_TRY_ASSIGN(auto stream, co_await rpc::open(*c.with.own, "FileSystem.Snapshot", std::move(request)));
  co_return co_await send_stream(c, std::move(stream), "application/octet-stream", {});
}

}  // namespace drover::api
