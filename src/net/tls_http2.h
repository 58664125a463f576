// TLS for HTTP/2: the client says that it speaks nothing else (ALPN "h2"), which servers of gRPC insist on. As tls.h otherwise.
#pragma once

#include <memory>

#include "net/tls.h"

namespace drover::net {

result<std::shared_ptr<const tls_context>> tls_client_of_http2(const tls_options& options);

}  // namespace drover::net
