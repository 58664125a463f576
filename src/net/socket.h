// Inside net/ only: Asio's sockets, and addresses between our form and the kernel's.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include <memory>

#include "net/stream.h"

namespace drover::net {

using generic_socket = boost::asio::generic::stream_protocol::socket;

// Owns a connected socket; sets it non-blocking and TCP_NODELAY.
std::unique_ptr<byte_stream> make_stream(generic_socket socket);
// Only literal addresses, "localhost" and "" (any).
result<boost::asio::generic::stream_protocol::endpoint> to_socket_address(const endpoint& e);
endpoint from_socket_address(const void* data, size_t size);

}  // namespace drover::net
