// Inside net/ only: from a URL to a connected stream.
#pragma once

#include <memory>

#include "net/http.h"
#include "net/stream.h"
#include "net/tls.h"

namespace drover::net {

endpoint http_endpoint(const http_url& url);
// With the TLS handshake for https and wss; no context: the system's CAs.
awaitable<result<std::unique_ptr<byte_stream>>> http_dial(http_url url, std::shared_ptr<const tls_context> tls, time_point deadline);

}  // namespace drover::net
