#include "client/driver/shim_process.h"

#include <unistd.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "client/limits.h"

namespace drover::client {

namespace asio = boost::asio;

shim_process::shim_process(net::loop& l, net::blocking_pool&, exec::exec_session session, std::shared_ptr<session_end> end)
    : session_(std::move(session)), end_(std::move(end)), in_(l), out_(l), err_(l) {
  if (session_.stdin_fd() >= 0) in_.assign(session_.stdin_fd());
  if (session_.stdout_fd() >= 0) out_.assign(session_.stdout_fd());
  if (session_.stderr_fd() >= 0) err_.assign(session_.stderr_fd());
}

// The descriptors belong to the session, which closes them.
shim_process::~shim_process() {
  for (auto* d : {&in_, &out_, &err_})
    if (d->is_open()) d->release();
}

std::optional<exec_process::chunk> shim_process::try_read(descriptor& from, bool is_stderr) {
  if (!from.is_open()) return std::nullopt;
  std::string data(limits::file_chunk_bytes, '\0');
  auto n = ::read(from.native_handle(), data.data(), data.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (n <= 0) {  // a terminal whose other side is closed gives EIO
    from.release();
    return chunk{is_stderr, {}};
  }
  data.resize(static_cast<size_t>(n));
  return chunk{is_stderr, std::move(data)};
}

awaitable<result<>> shim_process::wait_readable() {
  using namespace asio::experimental::awaitable_operators;
  boost::system::error_code first, second;
  if (out_.is_open() && err_.is_open()) {
    co_await (out_.async_wait(descriptor::wait_read, asio::redirect_error(asio::use_awaitable, first)) ||
              err_.async_wait(descriptor::wait_read, asio::redirect_error(asio::use_awaitable, second)));
  } else {
    auto& only = out_.is_open() ? out_ : err_;
    co_await only.async_wait(descriptor::wait_read, asio::redirect_error(asio::use_awaitable, first));
    if (first) co_return fail(errc::cancelled, "cancelled");
  }
  co_return result<>{};
}

awaitable<result<std::optional<exec_process::chunk>>> shim_process::read() {
  while (out_.is_open() || err_.is_open()) {
    if (auto c = try_read(out_, false)) co_return c;
    if (auto c = try_read(err_, true)) co_return c;
    CO_TRY(co_await wait_readable());
  }
  co_return std::optional<chunk>{};
}

awaitable<result<>> shim_process::write(std::string data) {
  size_t done = 0;
  while (done < data.size()) {
    if (!in_.is_open()) co_return fail(errc::closed, "the input of the command is closed");
    auto n = ::write(in_.native_handle(), data.data() + done, data.size() - done);
    if (n >= 0) {
      done += static_cast<size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return fail(errc::closed, "the command no longer reads its input");
    boost::system::error_code failed;
    co_await in_.async_wait(descriptor::wait_write, asio::redirect_error(asio::use_awaitable, failed));
    if (failed) co_return fail(errc::cancelled, "cancelled");
  }
  co_return result<>{};
}

void shim_process::close_stdin() {
  if (!in_.is_open()) return;
  in_.release();
  session_.close_stdin();
}

result<> shim_process::resize(uint16_t rows, uint16_t columns) { return session_.resize(rows, columns); }

awaitable<result<int>> shim_process::wait() {
  co_await end_->done.wait();
  co_return end_->code;
}

}  // namespace drover::client
