// Inside net/ only: what the handshakes of both sides share.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/stream.h"
#include "net/websocket.h"

namespace drover::net {

enum class websocket_role { server, client };
// `received`: bytes that came behind the handshake.
std::unique_ptr<websocket> make_websocket(std::unique_ptr<byte_stream> stream, std::string received, websocket_role role, websocket_limits limits);
// For masks and keys.
std::string random_bytes(size_t count);
// Sec-WebSocket-Accept for a Sec-WebSocket-Key.
std::string websocket_accept_key(std::string_view key);

}  // namespace drover::net
