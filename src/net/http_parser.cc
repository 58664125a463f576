#include "net/http_parser.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "base/ensure.h"
#include "base/text.h"

namespace drover::net {
namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

struct http_parser::implementation {
  virtual ~implementation() = default;
  virtual size_t put(std::string_view data, error_code& code) = 0;
  virtual void put_eof(error_code& code) = 0;
  virtual bool header_done() const = 0;
  virtual bool done() const = 0;
  virtual bool keep_alive() const = 0;
  virtual bool is_http_1_0() const = 0;
  virtual bool started() const = 0;

  bool expects_continue = false;
  size_t header_bytes = 0;
  size_t header_bytes_max = 64 * 1024;
  size_t body_bytes_max = SIZE_MAX;
  int failure_status = 400;
};

namespace {
// Body space is reserved from Content-Length only up to here; beyond that it grows with what really arrives.
constexpr uint64_t body_reserve_max = 1024 * 1024;

// Enough for most clients, and half the memory of letting the vector double.
constexpr size_t header_count_usual = 6;

std::string text(string_view v) { return std::string(v.data(), v.size()); }

template <bool is_request, class Message>
class message_parser final : public http_parser::implementation, private http::basic_parser<is_request> {
  using base = http::basic_parser<is_request>;

 public:
  message_parser(Message& into, const http_limits& limits, bool skip_body) : into_(into), limits_(limits) {
    header_bytes_max = limits.header_bytes_max;
    body_bytes_max = limits.request_body_bytes_max;
    base::eager(true);
    base::header_limit(static_cast<uint32_t>(header_bytes_max));
    base::body_limit(static_cast<uint64_t>(body_bytes_max));
    if (skip_body) base::skip(true);
  }
  size_t put(std::string_view data, error_code& code) override { return base::put(boost::asio::const_buffer(data.data(), data.size()), code); }
  void put_eof(error_code& code) override { base::put_eof(code); }
  bool header_done() const override { return base::is_header_done(); }
  bool done() const override { return base::is_done(); }
  bool keep_alive() const override { return base::keep_alive(); }
  bool is_http_1_0() const override { return version_ == 10; }
  bool started() const override { return base::got_some(); }

 private:
  void on_request_impl(http::verb, string_view method, string_view target, int version, error_code&) override {
    if constexpr (is_request) {
      into_.method = text(method);
      into_.target = text(target);
      into_.headers.reserve(header_count_usual);
      if (!limits_.large_body_path.empty() && std::string_view(into_.target).substr(0, into_.target.find('?')) == limits_.large_body_path) {
        body_bytes_max = limits_.large_body_bytes_max;
        base::body_limit(static_cast<uint64_t>(body_bytes_max));
      }
    }
    version_ = version;
  }
  void on_response_impl(int status, string_view, int version, error_code&) override {
    if constexpr (!is_request) into_.status = status;
    version_ = version;
  }
  void on_field_impl(http::field field, string_view name, string_view value, error_code&) override {
    if (field == http::field::expect && equals_ignoring_case(std::string_view(value.data(), value.size()), "100-continue")) expects_continue = true;
    into_.headers.add(text(name), text(value));
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    if (length) into_.body.reserve(std::min(*length, body_reserve_max));
  }
  size_t on_body_impl(string_view body, error_code&) override {
    into_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override {
    into_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  Message& into_;
  const http_limits& limits_;
  int version_ = 11;
};
}  // namespace

http_parser::http_parser(std::unique_ptr<implementation> impl) : impl_(std::move(impl)) {}
http_parser::http_parser(http_parser&&) noexcept = default;
http_parser& http_parser::operator=(http_parser&&) noexcept = default;
http_parser::~http_parser() = default;

http_parser http_parser::for_request(http_request& into, const http_limits& limits) {
  return http_parser(std::make_unique<message_parser<true, http_request>>(into, limits, false));
}

http_parser http_parser::for_response(http_response& into, bool to_head) {
  static const http_limits limits{.header_bytes_max = 64 * 1024, .request_body_bytes_max = SIZE_MAX};
  return http_parser(std::make_unique<message_parser<false, http_response>>(into, limits, to_head));
}

result<size_t> http_parser::feed(std::string_view data) {
  error_code code;
  bool in_header = !impl_->header_done();
  size_t used = impl_->put(data, code);
  if (in_header) {
    // Beast looks at the limit call by call; the sum is ours to keep.
    if (!impl_->header_done()) impl_->header_bytes += used;
    if (impl_->header_bytes + (impl_->header_done() ? 0 : data.size() - used) > impl_->header_bytes_max) code = http::error::header_limit;
  }
  if (!code || code == http::error::need_more) return used;
  if (code == http::error::header_limit || code == http::error::buffer_overflow) {
    impl_->failure_status = 431;
    return fail(errc::too_large, "the request line and headers are longer than the limit of {} bytes", impl_->header_bytes_max);
  }
  if (code == http::error::body_limit) {
    impl_->failure_status = 413;
    return fail(errc::too_large, "the request body is longer than the limit of {} bytes", impl_->body_bytes_max);
  }
  return fail(errc::invalid, "malformed HTTP message: {}", code.message());
}

result<> http_parser::end_of_stream() {
  error_code code;
  if (!impl_->started()) return fail(errc::closed, "the other side closed the connection");
  impl_->put_eof(code);
  if (code) return fail(errc::closed, "the other side closed the connection in the middle of a message");
  return {};
}

bool http_parser::header_done() const { return impl_->header_done(); }
bool http_parser::done() const { return impl_->done(); }
bool http_parser::keep_alive() const { return impl_->keep_alive(); }
bool http_parser::is_http_1_0() const { return impl_->is_http_1_0(); }
bool http_parser::expects_continue() const { return impl_->expects_continue; }
int http_parser::failure_status() const { return impl_->failure_status; }

}  // namespace drover::net
