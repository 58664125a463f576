// Stream sockets of every family through one class: Asio's generic protocol, so that the templates are instantiated once.
#include "net/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/text.h"
#include "net/descriptor.h"
#include "net/readiness_stream.h"
#include "net/socket.h"

namespace drover::net {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {
constexpr int accept_backlog = 4096;
// After so many connections that already stood in line, a coroutine lets the others run.
constexpr int accepts_without_wait_max = 16;
class socket_stream final : public readiness_stream<generic_socket> {
 public:
  explicit socket_stream(generic_socket socket) : readiness_stream(std::move(socket)) { remember_remote(); }

  awaitable<result<>> shutdown() override {
    error_code code;
    handle_.shutdown(asio::socket_base::shutdown_send, code);
    if (code) co_return failed(code, "shutdown");
    co_return result<>();
  }
  result<int> release() {
    error_code code;
    int descriptor = handle_.release(code);
    if (code) return failed(code, "release");
    return descriptor;
  }
  endpoint remote() const override { return from_socket_address(remote_, remote_size_); }
  endpoint local() const override {
    error_code code;
    auto address = handle_.local_endpoint(code);
    return code ? endpoint{} : from_socket_address(address.data(), address.size());
  }

 private:
  ssize_t read_now(std::span<char> into) override { return ::recv(handle_.native_handle(), into.data(), into.size(), MSG_DONTWAIT); }
  ssize_t write_now(std::string_view data) override { return ::send(handle_.native_handle(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL); }

  // Kept, because after a reset the kernel no longer tells. A Unix client has no name.
  void remember_remote() {
    error_code code;
    auto address = handle_.remote_endpoint(code);
    if (code || address.size() > sizeof remote_) return;
    remote_size_ = static_cast<uint8_t>(address.size());
    memcpy(remote_, address.data(), remote_size_);
  }

  alignas(sockaddr_in6) char remote_[sizeof(sockaddr_in6)];
  uint8_t remote_size_ = 0;
};

class socket_listener final : public listener {
 public:
  socket_listener(asio::basic_socket_acceptor<asio::generic::stream_protocol> acceptor, endpoint where)
      : acceptor_(std::move(acceptor)), where_(std::move(where)) {}
  ~socket_listener() override { close(); }

  // Attempt and wait, not async_accept: Asio gives a connection's first coroutine the memory of this one, so this one should be small too.
  awaitable<result<std::unique_ptr<byte_stream>>> accept() override {
    if (++accepts_without_wait_ > accepts_without_wait_max) {
      accepts_without_wait_ = 0;
      co_await yield();
    }
    for (;;) {
      auto taken = try_accept();
      if (!taken || *taken) co_return taken;
      accepts_without_wait_ = 0;
      auto [code] = co_await acceptor_.async_wait(asio::socket_base::wait_read, asio::as_tuple(asio::use_awaitable));
      if (code) co_return failed(code);
    }
  }
  endpoint local() const override { return where_; }
  void close() override {
    if (!acceptor_.is_open()) return;
    error_code ignored;
    acceptor_.close(ignored);
    if (where_.is_unix()) ::unlink(where_.path.c_str());
  }

 private:
  // Null: nobody is at the door.
  result<std::unique_ptr<byte_stream>> try_accept() {
    error_code code;
    auto socket = acceptor_.accept(code);
    if (code == asio::error::would_block || code == asio::error::try_again) return nullptr;
    if (code) return failed(code);
    return make_stream(std::move(socket));
  }
  std::unexpected<error> failed(const error_code& code) const {
    if (!acceptor_.is_open()) return fail(errc::closed, "the listener is closed");
    if (code == asio::error::operation_aborted) return fail(errc::cancelled, "accept cancelled");
    return fail(errc::io, "accept on {}: {}", to_string(where_), code.message());
  }

  asio::basic_socket_acceptor<asio::generic::stream_protocol> acceptor_;
  endpoint where_;
  int accepts_without_wait_ = 0;
};

// Does a process still answer behind this socket file?
bool answers(const sockaddr_un& address, socklen_t size) {
  int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  bool ok = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), size) == 0 || errno == EAGAIN;
  ::close(probe);
  return ok;
}

result<> bind_unix(int handle, const endpoint& where, int mode) {
  TRY_ASSIGN(auto address, to_socket_address(where));
  auto* unix_address = reinterpret_cast<const sockaddr_un*>(address.data());
  auto size = static_cast<socklen_t>(address.size());
  struct stat found;
  if (::lstat(where.path.c_str(), &found) == 0) {
    if (!S_ISSOCK(found.st_mode)) return fail(errc::exists, "{} exists and is not a socket; choose another path or remove it", where.path);
    if (answers(*unix_address, size)) return fail(errc::exists, "another process listens on {}", to_string(where));
    ::unlink(where.path.c_str());
  }
  // The file must never be open to others, not even between bind and chmod.
  mode_t before = ::umask(static_cast<mode_t>(~mode) & 0777);
  int bound = ::bind(handle, reinterpret_cast<const sockaddr*>(unix_address), size);
  int number = errno;
  ::umask(before);
  if (bound < 0) return fail(system_error(number, "listen on " + to_string(where)));
  return {};
}

result<> bind_tcp(int handle, const endpoint& where) {
  TRY_ASSIGN(auto address, to_socket_address(where));
  int yes = 1;
  ::setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(handle, static_cast<const sockaddr*>(address.data()), static_cast<socklen_t>(address.size())) < 0)
    return fail(system_error(errno, "listen on " + to_string(where)));
  return {};
}
}  // namespace

result<int> release_socket(byte_stream& stream) {
  auto* socket = dynamic_cast<socket_stream*>(&stream);
  if (socket == nullptr) return fail(errc::unsupported, "this stream is more than a socket");
  return socket->release();
}

std::unique_ptr<byte_stream> make_stream(generic_socket socket) {
  int yes = 1;
  // Fails harmlessly on Unix sockets.
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return std::make_unique<socket_stream>(std::move(socket));
}

result<asio::generic::stream_protocol::endpoint> to_socket_address(const endpoint& e) {
  if (e.is_unix()) {
    if (e.path.size() >= sizeof(sockaddr_un::sun_path))
      return fail(errc::invalid, "socket path {} is {} characters long; at most {} work", e.path, e.path.size(), sizeof(sockaddr_un::sun_path) - 1);
    return asio::generic::stream_protocol::endpoint(asio::local::stream_protocol::endpoint(e.path));
  }
  std::string_view host = e.host == "localhost" ? "127.0.0.1" : e.host.empty() ? "0.0.0.0" : std::string_view(e.host);
  error_code code;
  auto address = asio::ip::make_address(std::string(host), code);
  if (code) return fail(errc::invalid, "{:?} is not an IP address", e.host);
  return asio::generic::stream_protocol::endpoint(asio::ip::tcp::endpoint(address, e.port));
}

endpoint from_socket_address(const void* data, size_t size) {
  auto* generic = static_cast<const sockaddr*>(data);
  endpoint e;
  if (size == 0) return e;
  if (generic->sa_family == AF_INET) {
    auto* v4 = static_cast<const sockaddr_in*>(data);
    e.host = asio::ip::address_v4(ntohl(v4->sin_addr.s_addr)).to_string();
    e.port = ntohs(v4->sin_port);
  } else if (generic->sa_family == AF_INET6) {
    auto* v6 = static_cast<const sockaddr_in6*>(data);
    asio::ip::address_v6::bytes_type raw;
    memcpy(raw.data(), &v6->sin6_addr, raw.size());
    asio::ip::address_v6 address(raw, v6->sin6_scope_id);
    e.host = address.is_v4_mapped() ? asio::ip::make_address_v4(asio::ip::v4_mapped, address).to_string() : address.to_string();
    e.port = ntohs(v6->sin6_port);
  } else if (generic->sa_family == AF_UNIX && size > offsetof(sockaddr_un, sun_path)) {
    auto* local = static_cast<const sockaddr_un*>(data);
    e.path.assign(local->sun_path, strnlen(local->sun_path, size - offsetof(sockaddr_un, sun_path)));
  }
  return e;
}

result<std::unique_ptr<listener>> listener::listen(loop& l, const endpoint& where, int unix_mode) {
  TRY_ASSIGN(auto address, to_socket_address(where));
  error_code code;
  asio::basic_socket_acceptor<asio::generic::stream_protocol> acceptor(l);
  acceptor.open(address.protocol(), code);
  if (code) return fail(errc::io, "listen on {}: {}", to_string(where), code.message());
  ::fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);
  if (where.is_unix()) {
    TRY(bind_unix(acceptor.native_handle(), where, unix_mode));
  } else {
    TRY(bind_tcp(acceptor.native_handle(), where));
  }
  acceptor.listen(accept_backlog, code);
  if (!code) acceptor.non_blocking(true, code);
  if (code) return fail(errc::io, "listen on {}: {}", to_string(where), code.message());
  auto bound = acceptor.local_endpoint(code);
  auto local = where.is_unix() || code ? where : from_socket_address(bound.data(), bound.size());
  return std::make_unique<socket_listener>(std::move(acceptor), std::move(local));
}

result<std::pair<std::unique_ptr<byte_stream>, std::unique_ptr<byte_stream>>> stream_pair(loop& l) {
  int handles[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, handles) < 0) return fail(system_error(errno, "socketpair"));
  asio::generic::stream_protocol protocol(AF_UNIX, 0);
  auto first = make_stream(generic_socket(l, protocol, handles[0]));
  auto second = make_stream(generic_socket(l, protocol, handles[1]));
  return std::pair(std::move(first), std::move(second));
}

awaitable<result<>> byte_stream::read_exactly(std::span<char> into) {
  while (!into.empty()) {
    CO_TRY_ASSIGN(auto count, co_await read_some(into));
    if (count == 0) co_return fail(errc::closed, "the other side closed the connection {} bytes early", into.size());
    into = into.subspan(count);
  }
  co_return result<>();
}

}  // namespace drover::net
