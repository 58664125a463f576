// TLS to somebody whose CAs are given as text, in a record and not in a file. As tls.h otherwise.
#pragma once

#include <memory>
#include <string_view>

#include "net/tls.h"

namespace drover::net {

// Trusts the CAs of `pem` (one certificate or several) and no others. errc::invalid: it holds none, or one that cannot be read.
result<std::shared_ptr<const tls_context>> tls_client_trusting(std::string_view pem);

}  // namespace drover::net
