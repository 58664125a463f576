#include "net/datagram.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_datagram_socket.hpp>
#include <boost/asio/generic/datagram_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/readiness_stream.h"
#include "net/socket.h"

namespace drover::net {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

using udp_socket = asio::generic::datagram_protocol::socket;
constexpr int receive_buffer_bytes = 1024 * 1024;

// Told by the network about an earlier datagram of ours, not about this socket.
bool is_about_a_sender(int number) {
  return number == ECONNREFUSED || number == EHOSTUNREACH || number == ENETUNREACH || number == EMSGSIZE || number == EINTR;
}

class udp final : public datagram_socket {
 public:
  udp(udp_socket socket, endpoint local) : socket_(std::move(socket)), local_(std::move(local)) {}

  awaitable<result<size_t>> receive(std::span<char> into, endpoint& from) override {
    if (++reads_without_wait_ > reads_without_wait_max) {
      reads_without_wait_ = 0;
      co_await yield();
    }
    for (;;) {
      if (!socket_.is_open()) co_return fail(errc::closed, "the socket is closed");
      alignas(sockaddr_in6) char address[sizeof(sockaddr_in6)];
      socklen_t size = sizeof address;
      auto count = ::recvfrom(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(address), &size);
      if (count >= 0) {
        from = from_socket_address(address, size);
        co_return static_cast<size_t>(count);
      }
      if (is_about_a_sender(errno)) continue;
      if (errno != EAGAIN) co_return fail(system_error(errno, "receive on " + to_string(local_)));
      reads_without_wait_ = 0;
      auto [code] = co_await socket_.async_wait(udp_socket::wait_read, asio::as_tuple(asio::use_awaitable));
      if (code == asio::error::operation_aborted)
        co_return socket_.is_open() ? fail(errc::cancelled, "receive cancelled") : fail(errc::closed, "the socket is closed");
      if (code) co_return fail(errc::io, "receive on {}: {}", to_string(local_), code.message());
    }
  }

  result<> send(const endpoint& to, std::string_view data) override {
    if (!socket_.is_open()) return fail(errc::closed, "the socket is closed");
    TRY_ASSIGN(auto address, to_socket_address(to));
    auto count = ::sendto(socket_.native_handle(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL, static_cast<const sockaddr*>(address.data()),
                          static_cast<socklen_t>(address.size()));
    if (count < 0 && errno != EAGAIN) return fail(system_error(errno, "send to " + to_string(to)));
    return {};
  }

  endpoint local() const override { return local_; }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  udp_socket socket_;
  endpoint local_;
  int reads_without_wait_ = 0;
};

}  // namespace

result<std::unique_ptr<datagram_socket>> datagram_socket::bind(loop& l, const endpoint& where) {
  TRY_ASSIGN(auto address, to_socket_address(where));
  if (where.is_unix()) return fail(errc::invalid, "datagrams need an IP address, not {}", to_string(where));
  int family = static_cast<const sockaddr*>(address.data())->sa_family;
  asio::generic::datagram_protocol protocol(family, IPPROTO_UDP);
  udp_socket socket(l);
  error_code code;
  socket.open(protocol, code);
  if (code) return fail(errc::io, "bind {}: {}", to_string(where), code.message());
  ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  if (::bind(socket.native_handle(), static_cast<const sockaddr*>(address.data()), static_cast<socklen_t>(address.size())) < 0)
    return fail(system_error(errno, "bind udp " + to_string(where)));
  auto bound = socket.local_endpoint(code);
  auto local = code ? where : from_socket_address(bound.data(), bound.size());
  return std::make_unique<udp>(std::move(socket), std::move(local));
}

}  // namespace drover::net
