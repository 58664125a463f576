// Inside net/ only: what sockets and other descriptors share, a stream made of non-blocking attempts and waits for readiness.
// `Handle` is Asio's socket or stream_descriptor.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/stream.h"

namespace drover::net {

// After so many reads that never waited, a coroutine lets the others run.
inline constexpr int reads_without_wait_max = 16;

template <class Handle>
class readiness_stream : public byte_stream {
 protected:
  using error_code = boost::system::error_code;

 public:
  explicit readiness_stream(Handle handle) : handle_(std::move(handle)) {
    error_code ignored;
    handle_.native_non_blocking(true, ignored);
  }

  awaitable<result<size_t>> read_some(std::span<char> into) override {
    if (++reads_without_wait_ > reads_without_wait_max) {
      reads_without_wait_ = 0;
      co_await yield();
    }
    for (;;) {
      auto count = try_read(into);
      if (!count && count.error().code() == errc::closed) co_return size_t{0};
      if (!count || *count > 0 || into.empty()) co_return count;
      reads_without_wait_ = 0;
      CO_TRY(co_await wait_readable());
    }
  }

  awaitable<result<>> write_all(std::string_view data) override {
    for (;;) {
      CO_TRY_ASSIGN(auto count, try_write(data));
      data.remove_prefix(count);
      if (data.empty()) co_return result<>();
      auto [code] = co_await handle_.async_wait(Handle::wait_write, boost::asio::as_tuple(boost::asio::use_awaitable));
      if (code) co_return failed(code, "write");
    }
  }

  awaitable<result<>> wait_readable() override {
    auto [code] = co_await handle_.async_wait(Handle::wait_read, boost::asio::as_tuple(boost::asio::use_awaitable));
    if (code) co_return failed(code, "read");
    co_return result<>();
  }

  void when_readable(std::function<void()> callback) override {
    handle_.async_wait(Handle::wait_read, [callback = std::move(callback)](error_code) { callback(); });
  }

  result<size_t> try_read(std::span<char> into) override {
    if (!handle_.is_open()) return fail(errc::closed, "the connection is closed");
    if (into.empty()) return 0;
    auto count = read_now(into);
    if (count > 0) return static_cast<size_t>(count);
    if (count == 0) return fail(errc::closed, "the other side closed the connection");
    if (errno == EAGAIN || errno == EINTR) return 0;
    return failed(error_code(errno, boost::system::system_category()), "read");
  }

  result<size_t> try_write(std::string_view data) override {
    if (!handle_.is_open()) return fail(errc::closed, "the connection is closed");
    if (data.empty()) return 0;
    auto count = write_now(data);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno == EAGAIN || errno == EINTR) return 0;
    return failed(error_code(errno, boost::system::system_category()), "write");
  }

  void close() override {
    closed_ = true;
    error_code ignored;
    handle_.close(ignored);
  }

  int native_handle() const override { return handle_.is_open() ? const_cast<Handle&>(handle_).native_handle() : -1; }

 protected:
  // As the system calls: a count, 0 at the end, -1 and errno.
  virtual ssize_t read_now(std::span<char> into) = 0;
  virtual ssize_t write_now(std::string_view data) = 0;

  std::unexpected<error> failed(const error_code& code, std::string_view doing) const {
    namespace e = boost::asio::error;
    if (code == e::operation_aborted) return closed_ ? fail(errc::closed, "the connection was closed") : fail(errc::cancelled, "{} cancelled", doing);
    if (code == e::connection_reset || code == e::broken_pipe || code == e::bad_descriptor) return fail(errc::closed, "{}: {}", doing, code.message());
    return fail(errc::io, "{}: {}", doing, code.message());
  }

  Handle handle_;

 private:
  uint8_t reads_without_wait_ = 0;
  bool closed_ = false;
};

}  // namespace drover::net
