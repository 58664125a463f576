#include "client/service/check.h"

#include "base/text.h"
#include "client/limits.h"
#include "client/service/address.h"
#include "net/http_client.h"
#include "net/task_scope.h"

namespace drover::client {

namespace {
using net::awaitable;

result<net::endpoint> where_to(const planned_check& p, const schema::allocation& alloc) {
  auto mode = p.check.address_mode.empty() ? (p.custom_address.empty() ? "host" : "auto") : p.check.address_mode;
  auto label = p.check.port_label.empty() ? p.service_port_label : p.check.port_label;
  auto custom = mode == "auto" ? p.custom_address : std::string();
  TRY_ASSIGN(auto found, find_address({.custom = custom, .mode = mode, .port_label = label}, alloc, p.task));
  if (found.port <= 0) return fail(errc::invalid, "check \"{}\" has no port to ask", p.check.name);
  // A port without an address is one of this machine.
  net::endpoint out{.host = found.host.empty() ? "127.0.0.1" : found.host, .port = static_cast<uint16_t>(found.port), .path = {}};
  return out;
}

// At the end of a character.
void cut(std::string& text, size_t most) {
  if (text.size() <= most) return;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  text.resize(most);
}

awaitable<result<check_outcome>> check_tcp(planned_check, net::endpoint to) {
  auto stream = co_await net::dial(to);
  if (!stream) co_return fail(stream.error());
  co_return check_outcome{.passed = true, .status_code = 0, .output = "nomad: tcp ok", .warning = false};
}

result<net::http_client_request> http_question(const planned_check& p) {
  net::http_client_request request;
  request.method = p.check.method.empty() ? "GET" : to_upper(p.check.method);
  request.target = p.check.path.starts_with('/') ? p.check.path : "/" + p.check.path;
  for (auto& [name, texts] : p.check.header)
    for (auto& text : texts) request.headers.add(name, text);
  if (!request.headers.has("User-Agent")) request.headers.add("User-Agent", "drover");
  request.body = p.check.body;
  return request;
}

awaitable<result<check_outcome>> check_http(planned_check p, net::endpoint to) {
  net::http_client_options options;
  options.address = fmt::format("{}://{}", p.check.protocol.empty() ? "http" : to_lower(p.check.protocol), net::to_string(to));
  if (p.check.tls_skip_verify || !p.check.tls_server_name.empty()) {
    net::tls_options tls;
    tls.verify = tls.verify_name = !p.check.tls_skip_verify;
    tls.server_name = p.check.tls_server_name;
    CO_TRY_ASSIGN(options.tls, net::tls_context::client(tls));
  }
  CO_TRY_ASSIGN(auto client, net::http_client::create(std::move(options)));
  CO_TRY_ASSIGN(auto request, http_question(p));
  CO_TRY_ASSIGN(auto answer, co_await client->open(std::move(request)));
  check_outcome out;
  out.status_code = answer->status();
  out.passed = out.status_code < 400;
  if (out.status_code == 200) {
    out.output = "nomad: http ok";
    co_return out;
  }
  while (out.output.size() < limits::check_output_bytes_max) {
    auto more = co_await answer->read();
    if (!more || more->empty()) break;
    out.output += *more;
  }
  co_return out;
}

awaitable<result<check_outcome>> check_grpc(net::loop& l, planned_check p, net::endpoint to) {
  CO_TRY(co_await ask_grpc_health(l, {.host = to.host,
                                      .port = to.port,
                                      .service = p.check.grpc_service,
                                      .use_tls = p.check.grpc_use_tls,
                                      .skip_verify = p.check.tls_skip_verify,
                                      .server_name = p.check.tls_server_name}));
  co_return check_outcome{.passed = true, .status_code = 0, .output = "nomad: grpc ok", .warning = false};
}

// Exit code 1 is a warning, as everywhere in the monitoring world; it counts as a failure unless the check says otherwise.
awaitable<result<check_outcome>> check_script(planned_check p, script_runner script) {
  auto command = p.check.args;
  command.insert(command.begin(), p.check.command);
  CO_TRY_ASSIGN(auto ran, co_await script(std::move(command)));
  bool forgiven = ran.code == 1 && p.check.on_update == "ignore_warnings";
  co_return check_outcome{.passed = ran.code == 0 || forgiven, .status_code = 0, .output = std::move(ran.output), .warning = ran.code == 1};
}

awaitable<result<check_outcome>> run_kind(net::loop& l, planned_check p, schema::ref<schema::allocation> alloc, script_runner script) {
  auto kind = to_lower(p.check.type);
  if (kind == "script") co_return co_await check_script(std::move(p), std::move(script));
  CO_TRY_ASSIGN(auto to, where_to(p, *alloc));
  if (kind == "http") co_return co_await check_http(std::move(p), std::move(to));
  if (kind == "grpc") co_return co_await check_grpc(l, std::move(p), std::move(to));
  co_return co_await check_tcp(std::move(p), std::move(to));
}
}  // namespace

awaitable<check_outcome> run_check(net::loop& l, planned_check planned, schema::ref<schema::allocation> alloc, script_runner script) {
  auto timeout = planned.check.timeout.ns > 0 ? std::min(planned.check.timeout, limits::check_timeout_max) : limits::check_timeout_max;
  auto done = co_await net::with_deadline(run_kind(l, std::move(planned), std::move(alloc), std::move(script)), net::after(timeout));
  if (!done)
    co_return check_outcome{
        .passed = false,
        .status_code = 0,
        .output = done.error().code() == errc::timeout ? fmt::format("nomad: timed out after {}", to_string(timeout)) : "nomad: " + done.error().text(),
        .warning = false};
  if (!is_valid_utf8(done->output)) done->output = "nomad: the output is not text";
  cut(done->output, limits::check_output_bytes_max);
  co_return *std::move(done);
}

}  // namespace drover::client
