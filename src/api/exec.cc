// GET /v1/client/allocation/:alloc_id/exec and GET /v1/job/:job_id/action: a command inside a task over a WebSocket. The client sends {"stdin": {...}}, {"tty_size": {...}} and
// {} as heartbeat; the node's output goes back as it is. Failures after the handshake are close codes: 1011 for ours, 1008 for the client's.
#include "api/http_api.h"
#include "api/limits.h"
#include "api/node_stream.h"
#include "codec/json.h"
#include "codec/msgpack.h"
#include "net/task_scope.h"
#include "net/websocket.h"
#include "schema/alloc_rpc.h"
#include "schema/exec_input.h"

namespace drover::api {
namespace {

using net::awaitable;

result<std::vector<std::string>> command_param(const call& c) {
  auto text = c.query("command");
  if (text.empty()) return fail(errc::invalid, "command is missing: a JSON list of words");
  auto parsed = codec::value_from_json(text);
  const auto* list = parsed ? parsed->as_list() : nullptr;
  if (list == nullptr) return fail(errc::invalid, "failed to decode command: it must be a JSON list of words");
  if (list->empty()) return fail(errc::invalid, "command is an empty list");
  if (list->size() > exec_command_words_max) return fail(errc::invalid, "command has {} words; at most {} are allowed", list->size(), exec_command_words_max);
  std::vector<std::string> out;
  for (const auto& word : *list) {
    if (word.as_string() == nullptr) return fail(errc::invalid, "failed to decode command: word {} is a {}", out.size(), word.kind());
    out.push_back(*word.as_string());
  }
  return out;
}

result<schema::alloc_exec_request> request_of(const call& c) {
  schema::alloc_exec_request out;
  TRY(fill_options(c, static_cast<schema::query_options&>(out)));
  out.task = c.query("task");
  if (out.task.empty()) return fail(errc::invalid, "task name is missing: ?task=");
  TRY_ASSIGN(out.tty, bool_param(c, "tty"));
  return out;
}

result<schema::alloc_exec_request> exec_request_of(const call& c) {
  TRY_ASSIGN(auto out, request_of(c));
  out.alloc_id = c.path_value("alloc_id");
  TRY_ASSIGN(out.cmd, command_param(c));
  return out;
}

result<schema::alloc_exec_request> action_request_of(const call& c) {
  TRY_ASSIGN(auto out, request_of(c));
  out.job_id = c.path_value("job_id");
  out.alloc_id = c.query("allocID");
  out.action = c.query("action");
  if (out.alloc_id.empty()) return fail(errc::invalid, "allocation ID is missing: ?allocID=");
  if (out.action.empty()) return fail(errc::invalid, "action name is missing: ?action=");
  return out;
}

uint16_t close_code_of(int64_t status) { return status >= 500 ? net::close_code::internal_error : net::close_code::policy_violation; }

// The browser cannot set headers, so the token comes first when asked for.
awaitable<result<>> take_handshake(net::websocket& socket, schema::alloc_exec_request& request) {
  CO_TRY_ASSIGN(auto message, co_await socket.read());
  auto parsed = codec::value_from_json(message.data);
  const auto* version = parsed ? parsed->find("version") : nullptr;
  if (version == nullptr || version->as_int() == nullptr || *version->as_int() != 1)
    co_return fail(errc::invalid, "unexpected handshake: {{\"version\": 1}} must come first");
  if (const auto* token = parsed->find("auth_token"); token != nullptr && token->as_string() != nullptr) request.auth_token = *token->as_string();
  co_return result<>();
}

// Ends quietly: the other direction notices by itself.
awaitable<void> pump_input(net::websocket& socket, rpc::message_stream& to) {
  for (;;) {
    auto message = co_await socket.read();
    if (!message) break;
    auto input = codec::from_json<schema::exec_streaming_input>(message->data);
    if (!input) continue;
    if (!co_await to.write(codec::to_msgpack(schema::node_input(*std::move(input))))) break;
  }
  to.close_write();
}

awaitable<result<>> pump_output(net::websocket& socket, rpc::message_stream& from) {
  for (;;) {
    CO_TRY_ASSIGN(auto message, co_await from.read());
    if (!message) co_return result<>();
    CO_TRY_ASSIGN(auto wrapper, codec::from_msgpack<schema::stream_err_wrapper>(*message));
    if (wrapper.error) {
      auto status = wrapper.error->code.value_or(500);
      co_return fail(status == 404   ? errc::not_found
                     : status == 403 ? errc::permission_denied
                     : status < 500  ? errc::invalid
                                     : errc::unknown,
                     "{}", wrapper.error->message);
    }
    CO_TRY(co_await socket.send_text(std::move(wrapper.payload.data)));
  }
}

awaitable<result<>> run(call& c, net::websocket& socket, schema::alloc_exec_request request) {
  CO_TRY_ASSIGN(bool handshake, bool_param(c, "ws_handshake"));
  if (handshake) CO_TRY(co_await take_handshake(socket, request));
  CO_TRY_ASSIGN(auto target, target_of(c, "Allocations.Exec", &request.alloc_id, nullptr));
  CO_TRY_ASSIGN(auto stream, co_await rpc::open(*target.channel, std::move(target.method), std::move(request)));
  net::task_scope input(c.with.loop, c.with.logger);
  input.spawn(pump_input(socket, *stream));
  result<> done = fail(errc::cancelled, "the session was given up");
  try {
    done = co_await pump_output(socket, *stream);
  } catch (const std::exception& e) {
    if (!net::is_cancellation(e)) throw;
  }
  // Also when cancelled: the input uses both ends.
  co_await net::keep_going();
  co_await input.stop();
  co_return done;
}

awaitable<result<reply>> run_session(call& c, result<schema::alloc_exec_request> request) {
  if (!request) co_return fail(request.error());
  if (!c.exchange.is_websocket()) co_return fail(errc::invalid, "this is a WebSocket: ask for the upgrade");
  net::websocket_options options;
  options.limits.message_bytes_max = exec_message_bytes_max;
  CO_TRY_ASSIGN(auto socket, co_await c.exchange.upgrade_websocket(options));
  auto done = co_await run(c, *socket, *std::move(request));
  if (done) co_await socket->close(net::close_code::normal);
  else co_await socket->close(close_code_of(http_status(done.error().code())), done.error().text());
  co_return reply{.answered = true};
}

}  // namespace

awaitable<result<reply>> exec(call& c) { return run_session(c, exec_request_of(c)); }

awaitable<result<reply>> run_action(call& c) { return run_session(c, action_request_of(c)); }

}  // namespace drover::api
