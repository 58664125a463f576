// operator/snapshot: the state of the whole cluster as a file, out and in.
#include "api/call.h"
#include "api/http_api.h"
#include "api/limits.h"
#include "codec/msgpack.h"
#include "schema/operator_rpc.h"
#include "schema/snapshot_rpc.h"

namespace drover::api {
namespace {

using net::awaitable;

reply refusal(int64_t code, const std::string& text) { return text_reply(code >= 400 && code < 600 ? static_cast<int>(code) : 500, text); }

awaitable<result<std::string>> next_message(rpc::message_stream& from) {
  CO_TRY_ASSIGN(auto message, co_await from.read());
  if (!message) co_return fail(errc::closed, "the server ended the snapshot too early");
  co_return *std::move(message);
}

awaitable<result<reply>> save(call& c) {
  schema::snapshot_save_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto stream, co_await rpc::open(*servers, "Operator.SnapshotSave", std::move(request)));
  CO_TRY_ASSIGN(auto first, co_await next_message(*stream));
  CO_TRY_ASSIGN(auto head, codec::from_msgpack<schema::snapshot_save_response>(first));
  if (!head.error_msg.empty()) co_return refusal(head.error_code, head.error_msg);
  CO_TRY(co_await c.exchange.start_stream(200, {{"Digest", head.snapshot_checksum}, {"Content-Type", "application/x-gzip"}}));
  for (;;) {
    auto message = co_await stream->read();
    // The head is sent: only an end without the last chunk tells the client of a failure. The digest finds it too.
    if (!message) co_return reply{.answered = true};
    if (!*message) break;
    auto piece = codec::from_msgpack<schema::stream_err_wrapper>(**message);
    if (!piece) co_return reply{.answered = true};
    if (piece->error && piece->error->message == "EOF") break;
    if (piece->error) co_return reply{.answered = true};
    if (!piece->payload.empty()) CO_TRY(co_await c.exchange.write(std::move(piece->payload.data)));
  }
  CO_TRY(co_await c.exchange.finish());
  co_return reply{.answered = true};
}

awaitable<result<>> send_file(rpc::message_stream& to, std::string file) {
  schema::stream_err_wrapper piece;
  for (size_t at = 0; at < file.size(); at += snapshot_piece_bytes) {
    piece.payload = bytes(file.substr(at, snapshot_piece_bytes));
    CO_TRY(co_await to.write(codec::to_msgpack(piece)));
  }
  piece.payload = {};
  piece.error = schema::rpc_error{"EOF", std::nullopt};
  CO_TRY(co_await to.write(codec::to_msgpack(piece)));
  to.close_write();
  co_return result<>();
}

awaitable<result<reply>> restore(call& c) {
  if (c.request.body.empty()) co_return fail(errc::invalid, "Request body is empty: send the snapshot file");
  schema::snapshot_restore_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto stream, co_await rpc::open(*servers, "Operator.SnapshotRestore", std::move(request)));
  auto sent = co_await send_file(*stream, std::move(c.request.body));
  // A server that refuses the first pieces answers before it has read the rest.
  auto answer = co_await stream->read();
  if (!answer) co_return fail(answer.error());
  if (!*answer) co_return sent ? fail(errc::closed, "the server ended the restore without an answer") : fail(sent.error());
  CO_TRY_ASSIGN(auto done, codec::from_msgpack<schema::snapshot_restore_response>(**answer));
  if (!done.error_msg.empty()) co_return refusal(done.error_code, done.error_msg);
  auto out = empty_reply();
  out.meta = meta_of(static_cast<const schema::query_meta&>(done));
  co_return out;
}

}  // namespace

void add_snapshot_routes(std::vector<route>& t) {
  t.insert(t.end(), {
                        {.methods = "GET", .path = "/v1/operator/snapshot", .acl = "operator:snapshot-save", .flags = streaming, .handle = &save},
                        {.methods = "PUT POST", .path = "/v1/operator/snapshot", .acl = "management", .flags = body_required, .handle = &restore},
                    });
}

}  // namespace drover::api
