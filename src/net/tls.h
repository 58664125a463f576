// TLS 1.2+ over any byte_stream (OpenSSL). A context is immutable after create() and may be shared by many streams and threads; replace
// the shared_ptr to reload certificates.
#pragma once

#include <memory>
#include <string>

#include "net/stream.h"

namespace drover::net {

struct tls_options {
  // PEM files. A server needs both; a client gives them when the server asks for a certificate.
  std::string certificate_file{}, key_file{};
  // CAs that the other side's certificate must chain to. Both empty: a client trusts the system's, a server verifies nobody.
  std::string ca_file{}, ca_directory{};
  // Client: check the chain and the name. Server: require a certificate of the client.
  bool verify = true;
  // Client: the name in the certificate and in SNI, if not the dialled host ("server.global.nomad").
  std::string server_name{};
};

class tls_context {
 public:
  static result<std::shared_ptr<const tls_context>> client(const tls_options& options);
  static result<std::shared_ptr<const tls_context>> server(const tls_options& options);
  virtual ~tls_context() = default;
};

// Does the handshake. `server_name` is used unless the context names one.
awaitable<result<std::unique_ptr<byte_stream>>> tls_connect(std::unique_ptr<byte_stream> stream, std::shared_ptr<const tls_context> context,
                                                            std::string server_name, time_point deadline = never);
awaitable<result<std::unique_ptr<byte_stream>>> tls_accept(std::unique_ptr<byte_stream> stream, std::shared_ptr<const tls_context> context,
                                                           time_point deadline = never);

}  // namespace drover::net
