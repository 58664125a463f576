#include "client/driver/docker/api.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "base/text.h"
#include "client/driver/docker/limits.h"
#include "codec/json.h"
#include "net/task_scope.h"

namespace drover::client::docker {

namespace {
constexpr std::string_view newest_version = "1.44";

// "1.9" is older than "1.41".
std::pair<int64_t, int64_t> version_number(std::string_view text) {
  auto dot = text.find('.');
  if (dot == std::string_view::npos) return {0, 0};
  return {parse_int(text.substr(0, dot)).value_or(0), parse_int(text.substr(dot + 1)).value_or(0)};
}

struct file_closer {
  int fd;
  ~file_closer() {
    if (fd >= 0) ::close(fd);
  }
};

// An answer that ends with its connection. Requires: the request said "Connection: close".
awaitable<result<std::string>> read_rest(net::byte_stream& stream) {
  std::string all;
  std::array<char, 16 * 1024> part;
  for (;;) {
    CO_TRY_ASSIGN(auto n, co_await stream.read_some(part));
    if (n == 0) co_return all;
    if (all.size() + n > limits::answer_bytes_max) co_return fail(errc::too_large, "dockerd's answer is longer than {} bytes", limits::answer_bytes_max);
    all.append(part.data(), n);
  }
}

result<int> status_of(std::string_view head) {
  int status = 0;
  if (head.size() < 12 || !head.starts_with("HTTP/1.") || std::from_chars(head.data() + 9, head.data() + 12, status).ec != std::errc())
    return fail(errc::corrupt, "dockerd's socket does not answer in HTTP");
  return status;
}
}  // namespace

const value* find_at(const value& v, std::string_view path) {
  const value* at = &v;
  for (auto name : split(path, '.')) {
    at = at->find(name);
    if (!at) return nullptr;
  }
  return at;
}
std::string text_at(const value& v, std::string_view path) {
  auto* found = find_at(v, path);
  auto* text = found ? found->as_string() : nullptr;
  return text ? *text : std::string();
}
int64_t integer_at(const value& v, std::string_view path) {
  auto* found = find_at(v, path);
  if (!found) return 0;
  if (auto* n = found->as_int()) return *n;
  auto* d = found->as_double();
  return d ? static_cast<int64_t>(*d) : 0;
}
bool boolean_at(const value& v, std::string_view path) {
  auto* found = find_at(v, path);
  auto* b = found ? found->as_bool() : nullptr;
  return b && *b;
}

awaitable<result<>> api::remove_container(std::string container) {
  auto gone = co_await call({.method = "DELETE", .target = fmt::format("/containers/{}?force=1&v=1", container)});
  if (!gone && gone.error().code() == errc::conflict && gone.error().text().find("already in progress") != std::string::npos)
    gone = co_await call({.method = "POST", .target = fmt::format("/containers/{}/wait?condition=removed", container)});
  if (gone || gone.error().code() == errc::not_found) co_return result<>{};
  co_return fail(gone.error());
}

result<> check_status(int status, std::string_view body, std::string_view what) {
  if (status < 400) return {};
  std::string sentence;
  if (auto decoded = codec::value_from_json(body)) sentence = text_at(*decoded, "message");
  if (sentence.empty()) sentence = std::string(trim(body.substr(0, 500)));
  if (sentence.empty()) sentence = fmt::format("status {}", status);
  auto code = status == 404 ? errc::not_found : status == 409 ? errc::conflict : status >= 500 ? errc::unavailable : errc::invalid;
  return fail(code, "{}: {}", what, sentence);
}

api::api(net::loop& l, net::blocking_pool& pool, std::string socket_path, std::unique_ptr<net::http_client> client)
    : loop_(l), pool_(pool), socket_path_(std::move(socket_path)), client_(std::move(client)) {}

result<std::unique_ptr<api>> api::create(net::loop& l, net::blocking_pool& pool, const std::string& endpoint) {
  TRY_ASSIGN(auto where, net::parse_endpoint(endpoint));
  if (!where.is_unix() || where.path.size() > 100)
    return fail(errc::invalid,
                "endpoint of the docker driver must be a unix socket such as \"unix:///var/run/docker.sock\" (at most 100 characters), not \"{}\"", endpoint);
  TRY_ASSIGN(auto client, net::http_client::create({.address = "unix://" + where.path, .headers = {{"Host", "docker"}}}));
  return std::unique_ptr<api>(new api(l, pool, where.path, std::move(client)));
}

awaitable<result<std::string>> api::version_prefix() {
  if (!prefix_.empty()) co_return prefix_;
  net::http_client_request request;
  request.target = "/version";
  request.timeout = limits::ping_timeout;
  request.response_bytes_max = limits::answer_bytes_max;
  CO_TRY_ASSIGN(auto answer, co_await client_->request(std::move(request)));
  CO_TRY(check_status(answer.status, answer.body, "version"));
  CO_TRY_ASSIGN(auto decoded, codec::value_from_json(answer.body));
  auto theirs = text_at(decoded, "ApiVersion");
  if (version_number(theirs) < std::pair<int64_t, int64_t>(1, 24))
    co_return fail(errc::unsupported, "dockerd speaks version \"{}\" of its API; 1.24 or later is needed", theirs);
  prefix_ = fmt::format("/v{}", version_number(theirs) < version_number(newest_version) ? std::string_view(theirs) : newest_version);
  co_return prefix_;
}

awaitable<result<net::http_client_request>> api::make_request(api_call what) {
  CO_TRY_ASSIGN(auto prefix, co_await version_prefix());
  net::http_client_request request;
  request.method = std::move(what.method);
  request.target = prefix + what.target;
  request.headers = std::move(what.headers);
  request.timeout = what.timeout;
  request.response_bytes_max = limits::answer_bytes_max;
  if (!what.body.is_null()) {
    request.body = codec::value_to_json(what.body);
    request.headers.set("Content-Type", "application/json");
  }
  co_return request;
}

awaitable<result<value>> api::call(api_call what) {
  auto name = what.method + " " + what.target.substr(0, what.target.find('?'));
  CO_TRY_ASSIGN(auto request, co_await make_request(std::move(what)));
  auto answer = co_await client_->request(std::move(request));
  if (!answer)
    co_return fail(answer.error().code() == errc::closed ? errc::unavailable : answer.error().code(), "dockerd: {}: {}", name, answer.error().text());
  CO_TRY(check_status(answer->status, answer->body, "dockerd"));
  if (trim(answer->body).empty()) co_return value();
  co_return codec::value_from_json(answer->body);
}

awaitable<result<std::unique_ptr<net::http_body_reader>>> api::open(api_call what) {
  CO_TRY_ASSIGN(auto request, co_await make_request(std::move(what)));
  CO_TRY_ASSIGN(auto reader, co_await client_->open(std::move(request)));
  if (reader->status() < 400) co_return reader;
  CO_TRY_ASSIGN(auto body, co_await reader->read_all(limits::error_bytes_max));
  CO_TRY(check_status(reader->status(), body, "dockerd"));
  co_return reader;
}

awaitable<result<api::taken_over>> api::take_over(std::string target, value body) {
  CO_TRY_ASSIGN(auto prefix, co_await version_prefix());
  taken_over out;
  net::endpoint where;
  where.path = socket_path_;
  CO_TRY_ASSIGN(out.stream, co_await net::dial(where, {.deadline = net::after(limits::ping_timeout)}));
  auto text = codec::value_to_json(body);
  CO_TRY(
      co_await out.stream->write_all(fmt::format("POST {}{} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                                                 "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                                                 prefix, target, text.size(), text)));
  std::array<char, 4096> part;
  size_t end = std::string::npos;
  while ((end = out.already.find("\r\n\r\n")) == std::string::npos) {
    CO_TRY_ASSIGN(auto n, co_await out.stream->read_some(part));
    if (n == 0) co_return fail(errc::unavailable, "dockerd closed the connection");
    out.already.append(part.data(), n);
    if (out.already.size() > limits::head_bytes_max)
      co_return fail(errc::too_large, "dockerd's answer has a head of more than {} bytes", limits::head_bytes_max);
  }
  auto head = out.already.substr(0, end);
  out.already.erase(0, end + 4);
  CO_TRY_ASSIGN(auto status, status_of(head));
  // 101, or 200 from older ones: from here on the connection is the stream.
  if (status == 101 || status == 200) co_return out;
  CO_TRY(check_status(status, out.already, "dockerd"));
  co_return fail(errc::unsupported, "dockerd did not hand over the connection (status {})", status);
}

awaitable<result<std::string>> api::upload(std::string target, std::string body) {
  CO_TRY_ASSIGN(auto prefix, co_await version_prefix());
  net::http_client_request request;
  request.method = "POST";
  request.target = prefix + target;
  request.headers = {{"Content-Type", "application/x-tar"}};
  request.body = std::move(body);
  request.timeout = limits::upload_timeout;
  request.response_bytes_max = limits::answer_bytes_max;
  CO_TRY_ASSIGN(auto answer, co_await client_->request(std::move(request)));
  CO_TRY(check_status(answer.status, answer.body, "dockerd"));
  co_return answer.body;
}

// By hand, because the file may be larger than what one holds in memory.
awaitable<result<std::string>> api::upload_file(std::string target, std::string path) {
  CO_TRY_ASSIGN(auto prefix, co_await version_prefix());
  file_closer file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat info{};
  if (file.fd < 0 || ::fstat(file.fd, &info) < 0) co_return fail(system_error(errno, "open " + path));
  if (!S_ISREG(info.st_mode)) co_return fail(errc::invalid, "{} is not a file", path);
  net::endpoint where;
  where.path = socket_path_;
  CO_TRY_ASSIGN(auto stream, co_await net::dial(where, {.deadline = net::after(limits::ping_timeout)}));
  CO_TRY(
      co_await stream->write_all(fmt::format("POST {}{} HTTP/1.0\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/x-tar\r\n"
                                             "Content-Length: {}\r\n\r\n",
                                             prefix, target, info.st_size)));
  std::string part(256 * 1024, '\0');
  for (int64_t left = info.st_size; left > 0;) {
    auto n = co_await pool_.run([&] { return ::read(file.fd, part.data(), std::min<size_t>(part.size(), static_cast<size_t>(left))); });
    if (n <= 0) co_return fail(errc::io, "{} became shorter while it was read", path);
    // dockerd may refuse before it has read everything: its answer says why.
    if (auto sent = co_await stream->write_all(std::string_view(part).substr(0, static_cast<size_t>(n))); !sent) break;
    left -= n;
  }
  CO_TRY_ASSIGN(auto answer, co_await read_rest(*stream));
  CO_TRY_ASSIGN(auto status, status_of(answer));
  auto end = answer.find("\r\n\r\n");
  auto body = end == std::string::npos ? std::string() : answer.substr(end + 4);
  CO_TRY(check_status(status, body, "dockerd"));
  co_return body;
}

}  // namespace drover::client::docker
