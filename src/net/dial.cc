#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fcntl.h>

#include <vector>

#include "base/text.h"
#include "net/socket.h"
#include "net/task_scope.h"

namespace drover::net {
namespace asio = boost::asio;
using generic_endpoint = asio::generic::stream_protocol::endpoint;

namespace {
result<uint16_t> parse_port(std::string_view text, std::string_view whole) {
  auto number = parse_uint(text);
  if (!number || *number > 65535) return fail(errc::invalid, "address {:?}: port {:?} is not a number from 0 to 65535", whole, text);
  return static_cast<uint16_t>(*number);
}

awaitable<result<std::vector<generic_endpoint>>> resolve(const endpoint& where) {
  std::vector<generic_endpoint> found;
  if (auto literal = to_socket_address(where); literal || where.is_unix()) {
    CO_TRY_ASSIGN(auto address, std::move(literal));
    found.push_back(address);
    // "localhost" may listen on either family.
    if (where.host == "localhost") found.emplace_back(asio::ip::tcp::endpoint(asio::ip::address_v6::loopback(), where.port));
    co_return found;
  }
  asio::ip::tcp::resolver resolver(co_await asio::this_coro::executor);
  auto [code, names] =
      co_await resolver.async_resolve(where.host, std::to_string(where.port), asio::ip::resolver_base::numeric_service, asio::as_tuple(asio::use_awaitable));
  if (code == asio::error::operation_aborted) co_return fail(errc::cancelled, "dial cancelled");
  if (code) co_return fail(errc::unavailable, "resolving {}: {}", where.host, code.message());
  for (const auto& name : names) found.emplace_back(name.endpoint());
  co_return found;
}

awaitable<result<std::unique_ptr<byte_stream>>> dial_any(endpoint where) {
  CO_TRY_ASSIGN(auto addresses, co_await resolve(where));
  result<std::unique_ptr<byte_stream>> last = fail(errc::unavailable, "{} has no address", to_string(where));
  for (const auto& address : addresses) {
    generic_socket socket(co_await asio::this_coro::executor);
    auto [code] = co_await socket.async_connect(address, asio::as_tuple(asio::use_awaitable));
    if (code == asio::error::operation_aborted) co_return fail(errc::cancelled, "dial cancelled");
    if (!code) {
      ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
      co_return make_stream(std::move(socket));
    }
    last = fail(errc::unavailable, "dial {}: {}", to_string(where), code.message());
  }
  co_return last;
}
}  // namespace

result<endpoint> parse_endpoint(std::string_view text) {
  std::string_view rest = text;
  endpoint e;
  for (std::string_view scheme : {"unix://", "unix:"}) {
    if (!rest.starts_with(scheme)) continue;
    e.path = rest.substr(scheme.size());
    if (!e.path.starts_with('/')) return fail(errc::invalid, "address {:?}: a Unix socket is written unix:///path", text);
    return e;
  }
  if (rest.starts_with("tcp://")) rest.remove_prefix(6);
  auto colon = rest.rfind(':');
  if (rest.starts_with('[')) {
    auto end = rest.find(']');
    if (end == rest.npos || colon != end + 1) return fail(errc::invalid, "address {:?}: IPv6 is written [address]:port", text);
    e.host = rest.substr(1, end - 1);
  } else {
    if (colon == rest.npos) return fail(errc::invalid, "address {:?} has no port; write host:port", text);
    e.host = rest.substr(0, colon);
    if (e.host.find(':') != e.host.npos) return fail(errc::invalid, "address {:?}: IPv6 is written [address]:port", text);
  }
  TRY_ASSIGN(e.port, parse_port(rest.substr(colon + 1), text));
  return e;
}

std::string to_string(const endpoint& e) {
  if (e.is_unix()) return "unix://" + e.path;
  if (e.host.find(':') != e.host.npos) return fmt::format("[{}]:{}", e.host, e.port);
  return fmt::format("{}:{}", e.host, e.port);
}

awaitable<result<std::unique_ptr<byte_stream>>> dial(endpoint where, dial_options options) {
  auto text = to_string(where);
  auto stream = co_await with_deadline(dial_any(std::move(where)), options.deadline);
  if (!stream && stream.error().code() == errc::timeout) co_return fail(errc::timeout, "dial {}: timed out", text);
  co_return stream;
}

}  // namespace drover::net
