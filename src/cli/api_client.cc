#include "cli/api_client.h"

#include "base/bytes.h"
#include "base/text.h"
#include "cli/api_stream.h"
#include "cli/limits.h"
#include "net/blocking.h"
#include "net/task_scope.h"

namespace drover::cli {

api_client::api_client(api_options options) : options_(std::move(options)) {}
api_client::~api_client() = default;

std::string path_word(std::string_view text) { return net::percent_encode(text); }

api_client::connection& api_client::connected() {
  if (!connection_) connection_ = std::make_unique<connection>();
  return *connection_;
}

namespace {

result<std::shared_ptr<const net::tls_context>> tls_of(const api_options& o) {
  bool special = !o.ca_file.empty() || !o.ca_directory.empty() || !o.certificate_file.empty() || !o.tls_server_name.empty() || !o.tls_verify;
  if (!o.address.starts_with("https:") || !special) return std::shared_ptr<const net::tls_context>();
  return net::tls_context::client({.certificate_file = o.certificate_file,
                                   .key_file = o.key_file,
                                   .ca_file = o.ca_file,
                                   .ca_directory = o.ca_directory,
                                   .verify = o.tls_verify,
                                   .server_name = o.tls_server_name});
}

net::http_headers headers_of(const api_options& options) {
  net::http_headers out;
  if (!options.token.empty()) out.add("X-Nomad-Token", options.token);
  if (!options.basic_auth.empty()) out.add("Authorization", "Basic " + base64_encode(options.basic_auth));
  return out;
}

std::unexpected<error> refusal(int status, std::string_view body) {
  auto code = status == 404 ? errc::not_found : status == 403 ? errc::permission_denied : status < 500 ? errc::invalid : errc::unknown;
  return fail(code, "Unexpected response code: {} ({})", status, trim(body));
}

api_answer answer_of(net::http_response response) {
  api_answer out{.status = response.status, .body = std::move(response.body), .index = 0, .next_token = {}, .headers = {}};
  if (auto text = response.headers.get("X-Nomad-Index")) out.index = parse_uint(*text).value_or(0);
  if (auto text = response.headers.get("X-Nomad-NextToken")) out.next_token = *text;
  return out;
}

// One cause, and what may be done about it.
std::unexpected<error> unreachable(const api_request& request, const api_options& options, error cause) {
  auto code = cause.code();
  if (code != errc::unavailable && code != errc::io) return fail(std::move(cause));
  auto text = cause.text();
  if (text.find("TLS") != std::string::npos)
    return fail(code,
                "{}\n\nThe agent's certificate is checked with -ca-cert (NOMAD_CACERT) and -tls-server-name (NOMAD_TLS_SERVER_NAME); if the agent asks for "
                "one, yours is shown with -client-cert and -client-key (NOMAD_CLIENT_CERT, NOMAD_CLIENT_KEY).",
                text);
  return fail(code, "{} \"{}{}\": {}\n\nNo agent answers at {}. Is one running there? The address is set with -address or NOMAD_ADDR.",
              request.method == "GET"      ? "Get"
              : request.method == "DELETE" ? "Delete"
                                           : "Put",
              options.address, request.path, replace_all(cause.text(), ": Connection refused", ": connect: connection refused"), options.address);
}

result<net::http_client*> http_of(api_client& api) {
  auto& connection = api.connected();
  if (!connection.http) {
    TRY_ASSIGN(auto tls, tls_of(api.options()));
    auto made = net::http_client::create({.address = api.options().address, .tls = std::move(tls), .headers = headers_of(api.options())});
    if (!made) return wrap(made.error(), fmt::format("invalid address '{}'", api.options().address));
    connection.http = *std::move(made);
  }
  return connection.http.get();
}

std::string target_of(const api_request& request, const api_options& options) {
  net::http_query query;
  for (const auto& [name, value] : request.query) query.add(name, value);
  const auto& ns = request.namespace_.empty() ? options.namespace_ : request.namespace_;
  if (!ns.empty()) query.add("namespace", ns);
  if (!options.region.empty()) query.add("region", options.region);
  if (request.index > 0) {
    query.add("index", std::to_string(request.index));
    query.add("wait", fmt::format("{}ms", blocking_wait.ms()));
  }
  auto text = query.text();
  return text.empty() ? request.path : request.path + "?" + text;
}

net::awaitable<result<api_answer>> exchange(api_client& api, api_request request) {
  CO_TRY_ASSIGN(auto* http, http_of(api));
  net::http_client_request wire{.method = request.method, .target = target_of(request, api.options()), .body = request.body};
  if (!request.body.empty()) wire.headers.add("Content-Type", "application/json");
  for (const auto& [name, text] : request.headers) wire.headers.set(name, text);
  auto response = co_await http->request(std::move(wire));
  if (!response) co_return unreachable(request, api.options(), std::move(response).error());
  if (response->status >= 400 && !request.any_status) co_return refusal(response->status, response->body);
  std::vector<std::pair<std::string, std::string>> headers;
  if (request.any_status)
    for (const auto& [name, text] : response->headers.entries()) headers.emplace_back(name, text);
  auto out = answer_of(*std::move(response));
  out.headers = std::move(headers);
  co_return out;
}

// Takes the next request that nobody has taken, until there is none.
net::awaitable<void> work_off(api_client& api, std::vector<api_request>& from, std::vector<result<api_answer>>& into, size_t& next) {
  while (next < from.size()) {
    size_t i = next++;
    into[i] = co_await exchange(api, std::move(from[i]));
  }
}

net::awaitable<result<>> read_stream(api_client& api, api_request request, const std::function<bool(std::string_view)>& take) {
  CO_TRY_ASSIGN(auto reader, co_await open_stream(api, std::move(request)));
  for (;;) {
    CO_TRY_ASSIGN(auto piece, co_await reader->read());
    if (piece.empty() || !take(piece)) co_return result<>();
  }
}

}  // namespace

result<api_answer> api_client::send(api_request request) { return net::run_to_completion(connected().loop, exchange(*this, std::move(request))); }

std::vector<result<api_answer>> api_client::send_all(std::vector<api_request> requests) {
  std::vector<result<api_answer>> out(requests.size(), fail(errc::cancelled, "not asked"));
  size_t next = 0;
  auto all = [&]() -> net::awaitable<void> {
    net::task_scope scope(connected().loop, log::logger("cli"));
    for (size_t i = 0; i < std::min(parallel_requests_max, requests.size()); i++) scope.spawn(work_off(*this, requests, out, next));
    co_await scope.join();
  };
  net::run_to_completion(connected().loop, all());
  return out;
}

result<> api_client::stream(api_request request, const std::function<bool(std::string_view)>& take) {
  return net::run_to_completion(connected().loop, read_stream(*this, std::move(request), take));
}

net::awaitable<result<std::unique_ptr<net::http_body_reader>>> open_stream(api_client& api, api_request request) {
  CO_TRY_ASSIGN(auto* http, http_of(api));
  net::http_client_request wire{.method = request.method, .target = target_of(request, api.options()), .body = request.body};
  for (const auto& [name, text] : request.headers) wire.headers.set(name, text);
  auto reader = co_await http->open(std::move(wire));
  if (!reader) co_return unreachable(request, api.options(), std::move(reader).error());
  if ((*reader)->status() >= 400 && !request.any_status) {
    CO_TRY_ASSIGN(auto body, co_await (*reader)->read_all(input_bytes_max));
    co_return refusal((*reader)->status(), body);
  }
  co_return reader;
}

net::awaitable<result<std::unique_ptr<net::websocket>>> open_websocket(api_client& api, api_request request) {
  const auto& options = api.options();
  CO_TRY_ASSIGN(auto tls, tls_of(options));
  net::websocket_connect_options connect{.headers = headers_of(options), .tls = std::move(tls)};
  std::string url = options.address;
  if (url.starts_with("unix:")) {
    connect.dial_address = url;
    url = "http://localhost";
  } else if (url.find("://") == std::string::npos) {
    url = "http://" + url;
  }
  co_return co_await net::websocket_connect(url + target_of(request, options), std::move(connect));
}

}  // namespace drover::cli
