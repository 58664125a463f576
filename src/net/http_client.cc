#include "net/http_client.h"

#include <array>
#include <vector>

#include "base/ensure.h"
#include "base/text.h"
#include "net/gzip.h"
#include "net/http_dial.h"
#include "net/http_parser.h"
#include "net/task_scope.h"

namespace drover::net {

namespace {
constexpr size_t read_bytes = 64 * 1024;

struct client_core {
  http_url url;
  endpoint where;
  http_client_options options;
  std::vector<std::unique_ptr<byte_stream>> idle;
};

// One answer being read, and the connection it comes on. The connection goes back to the client's idle ones only when the answer was read
// to its end and both sides keep it.
class exchange final : public http_body_reader {
 public:
  exchange(std::shared_ptr<client_core> core, std::unique_ptr<byte_stream> stream, bool to_head)
      : core_(std::move(core)), stream_(std::move(stream)), parser_(http_parser::for_response(response_, to_head)), to_head_(to_head) {}

  int status() const override { return response_.status; }
  const http_headers& headers() const override { return response_.headers; }
  awaitable<result<std::string>> read() override;
  awaitable<result<std::string>> read_all(size_t bytes_max) override;

  awaitable<result<>> send(std::string head, std::string body);
  awaitable<result<>> read_head();
  // Did any byte of the answer arrive?
  bool started() const { return started_; }

 private:
  awaitable<result<>> fill();
  result<> feed(std::string_view data);
  void finish();

  std::shared_ptr<client_core> core_;
  std::unique_ptr<byte_stream> stream_;
  http_response response_;
  http_parser parser_;
  std::string pending_;
  std::unique_ptr<gzip_decoder> gzip_;
  bool gzip_started_ = false;
  bool to_head_;
  bool started_ = false;
};

awaitable<result<>> exchange::send(std::string head, std::string body) {
  CO_TRY(co_await stream_->write_all(head));
  if (!body.empty()) CO_TRY(co_await stream_->write_all(body));
  co_return result<>();
}

result<> exchange::feed(std::string_view data) {
  pending_.append(data);
  TRY_ASSIGN(auto used, parser_.feed(pending_));
  pending_.erase(0, used);
  return {};
}

awaitable<result<>> exchange::fill() {
  CO_TRY(co_await stream_->wait_readable());
  // Shared by nothing that awaits: it is used up before this function returns.
  thread_local std::array<char, read_bytes> buffer;
  auto count = stream_->try_read(buffer);
  if (!count && count.error().code() == errc::closed) co_return parser_.end_of_stream();
  if (!count) co_return fail(count.error());
  started_ = started_ || *count > 0;
  co_return feed(std::string_view(buffer.data(), *count));
}

awaitable<result<>> exchange::read_head() {
  for (;;) {
    while (!parser_.header_done()) CO_TRY(co_await fill());
    if (response_.status >= 200 || response_.status == 101) break;
    // An interim answer (100 Continue, 103): the real one follows.
    response_ = {};
    parser_ = http_parser::for_response(response_, to_head_);
    CO_TRY(feed({}));
  }
  if (response_.headers.get("Content-Encoding") == "gzip" && !to_head_) {
    gzip_ = std::make_unique<gzip_decoder>();
    response_.headers.remove("Content-Encoding");
    response_.headers.remove("Content-Length");
  }
  co_return result<>();
}

awaitable<result<std::string>> exchange::read() {
  for (;;) {
    if (!response_.body.empty()) {
      auto piece = std::exchange(response_.body, {});
      if (!gzip_) co_return piece;
      gzip_started_ = true;
      CO_TRY_ASSIGN(auto plain, gzip_->write(piece, http_response_body_bytes_max));
      if (!plain.empty()) co_return plain;
    }
    if (parser_.done()) {
      if (gzip_ && !gzip_->finished() && gzip_started_) co_return fail(errc::corrupt, "invalid gzip data: it ends too early");
      finish();
      co_return std::string();
    }
    CO_TRY(co_await fill());
  }
}

awaitable<result<std::string>> exchange::read_all(size_t bytes_max) {
  std::string all;
  for (;;) {
    CO_TRY_ASSIGN(auto piece, co_await read());
    if (piece.empty()) co_return all;
    if (all.size() + piece.size() > bytes_max) co_return fail(errc::too_large, "the answer is longer than the limit of {} bytes", bytes_max);
    if (all.empty()) all = std::move(piece);
    else all += piece;
  }
}

void exchange::finish() {
  if (!stream_ || !parser_.keep_alive() || !pending_.empty() || core_->idle.size() >= http_idle_connections_max) return;
  core_->idle.push_back(std::move(stream_));
}

// When a request must be over, and what to say if it is not.
struct deadline_note {
  deadline_note(const http_client_request& request, const std::string& address)
      : deadline(request.timeout.ns > 0 ? after(request.timeout) : never), timeout(request.timeout) {
    if (deadline != never) what = fmt::format("{} {} at {}", request.method, request.target, address);
  }
  std::unexpected<error> explain(const error& e) const {
    if (e.code() != errc::timeout || deadline == never) return fail(e);
    return fail(errc::timeout, "{}: no answer within {}", what, to_string(timeout));
  }
  time_point deadline;
  duration timeout;
  std::string what;
};

class client final : public http_client {
 public:
  explicit client(std::shared_ptr<client_core> core) : core_(std::move(core)) {}
  awaitable<result<http_response>> request(http_client_request request) override;
  awaitable<result<std::unique_ptr<http_body_reader>>> open(http_client_request request) override;
  const http_url& address() const override { return core_->url; }

 private:
  awaitable<result<http_response>> request_whole(http_client_request request);
  awaitable<result<std::unique_ptr<http_body_reader>>> open_untimed(http_client_request request);
  awaitable<result<std::unique_ptr<exchange>>> try_once(const http_client_request& request, bool reuse, bool& started);
  std::unique_ptr<byte_stream> take_idle();
  std::string head(const http_client_request& request) const;

  std::shared_ptr<client_core> core_;
};

std::unique_ptr<byte_stream> client::take_idle() {
  while (!core_->idle.empty()) {
    auto stream = std::move(core_->idle.back());
    core_->idle.pop_back();
    // A server that closed it meanwhile, or says something unasked, is not used again.
    char probe;
    auto unasked = stream->try_read({&probe, 1});
    if (unasked && *unasked == 0) return stream;
  }
  return nullptr;
}

std::string client::head(const http_client_request& request) const {
  const auto& url = core_->url;
  auto prefix = url.target.ends_with('/') ? std::string_view(url.target).substr(0, url.target.size() - 1) : std::string_view(url.target);
  auto out = fmt::format("{} {}{}{} HTTP/1.1\r\n", request.method, prefix, request.target.starts_with('/') ? "" : "/", request.target);
  auto add = [&](std::string_view name, std::string_view value) { out += fmt::format("{}: {}\r\n", name, value); };
  bool has_host = false;
  for (const http_headers* headers : {&request.headers, static_cast<const http_headers*>(&core_->options.headers)}) {
    for (const auto& [name, value] : headers->entries()) {
      // The request's own headers win over those of every request.
      if (headers != &request.headers && request.headers.has(name)) continue;
      has_host = has_host || equals_ignoring_case(name, "Host");
      add(name, value);
    }
  }
  if (!has_host) add("Host", url.scheme == "unix" ? "localhost" : to_string(core_->where));
  if (request.accept_gzip) add("Accept-Encoding", "gzip");
  bool expects_body = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (!request.body.empty() || expects_body) add("Content-Length", std::to_string(request.body.size()));
  return out + "\r\n";
}

awaitable<result<std::unique_ptr<exchange>>> client::try_once(const http_client_request& request, bool reuse, bool& started) {
  std::unique_ptr<byte_stream> stream = reuse ? take_idle() : nullptr;
  bool fresh = stream == nullptr;
  if (fresh) {
    CO_TRY_ASSIGN(stream, co_await http_dial(core_->url, core_->options.tls, after(core_->options.connect_timeout)));
  }
  auto e = std::make_unique<exchange>(core_, std::move(stream), request.method == "HEAD");
  auto sent = co_await e->send(head(request), request.body);
  // A server may answer and close before it has read the whole body: its answer counts.
  if (!sent && sent.error().code() != errc::closed) co_return fail(sent.error());
  auto answered = co_await e->read_head();
  started = fresh || e->started();
  if (!answered) co_return fail(answered.error());
  co_return e;
}

awaitable<result<std::unique_ptr<http_body_reader>>> client::open_untimed(http_client_request request) {
  bool safe = request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS";
  bool started = true;
  auto e = co_await try_once(request, true, started);
  if (!e && !started && safe && e.error().code() == errc::closed) e = co_await try_once(request, false, started);
  if (!e) co_return fail(e.error());
  co_return *std::move(e);
}

awaitable<result<http_response>> client::request_whole(http_client_request request) {
  size_t bytes_max = request.response_bytes_max;
  CO_TRY_ASSIGN(auto reader, co_await open_untimed(std::move(request)));
  CO_TRY_ASSIGN(auto body, co_await reader->read_all(bytes_max));
  co_return http_response{reader->status(), reader->headers(), std::move(body)};
}

awaitable<result<http_response>> client::request(http_client_request request) {
  deadline_note note(request, core_->options.address);
  auto answer = co_await with_deadline(request_whole(std::move(request)), note.deadline);
  if (!answer) co_return note.explain(answer.error());
  co_return answer;
}

awaitable<result<std::unique_ptr<http_body_reader>>> client::open(http_client_request request) {
  deadline_note note(request, core_->options.address);
  auto answer = co_await with_deadline(open_untimed(std::move(request)), note.deadline);
  if (!answer) co_return note.explain(answer.error());
  co_return answer;
}
}  // namespace

result<std::unique_ptr<http_client>> http_client::create(http_client_options options) {
  auto core = std::make_shared<client_core>();
  TRY_ASSIGN(core->url, parse_url(options.address));
  core->where = http_endpoint(core->url);
  core->options = std::move(options);
  return std::make_unique<client>(std::move(core));
}

}  // namespace drover::net
