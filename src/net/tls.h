// TLS 1.2+ over any byte_stream (OpenSSL). A context is immutable after create() and may be shared by many streams and threads; replace
// the shared_ptr to reload certificates.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/stream.h"

namespace drover::net {

struct tls_options {
  // PEM files. A server needs both; a client gives them when the server asks for a certificate.
  std::string certificate_file{}, key_file{};
  // CAs that the other side's certificate must chain to. Both empty: a client trusts the system's, a server verifies nobody.
  std::string ca_file{}, ca_directory{};
  // Client: check the chain and the name. Server: require a certificate of the client.
  bool verify = true;
  // Client: false: the chain is checked, the name in the certificate may be any.
  bool verify_name = true;
  // Client: the name in the certificate and in SNI, if not the dialled host ("server.global.nomad").
  std::string server_name{};
  // "tls10" to "tls13"; "": tls12.
  std::string min_version{};
  // Go's names with commas between ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), for versions up to 1.2; "": those that keep past traffic secret.
  std::string cipher_suites{};
  // Asked with every name of a certificate that was verified (peer_names below); its error refuses the connection.
  std::function<result<>(const std::vector<std::string>& names)> check_peer{};
};

class tls_context {
 public:
  // Errors name the file and what is wrong with it.
  static result<std::shared_ptr<const tls_context>> client(const tls_options& options);
  static result<std::shared_ptr<const tls_context>> server(const tls_options& options);
  // The same, expecting another name: costs no reading of files.
  virtual std::shared_ptr<const tls_context> expecting(std::string server_name) const = 0;
  virtual ~tls_context() = default;
};

// Does the handshake. `server_name` is used unless the context names one.
awaitable<result<std::unique_ptr<byte_stream>>> tls_connect(std::unique_ptr<byte_stream> stream, std::shared_ptr<const tls_context> context,
                                                            std::string server_name, time_point deadline = never);
awaitable<result<std::unique_ptr<byte_stream>>> tls_accept(std::unique_ptr<byte_stream> stream, std::shared_ptr<const tls_context> context,
                                                           time_point deadline = never);

// Every name of the verified certificate of the other side: its DNS names, and its common name if it is none of them. Empty without TLS, and
// where nothing was verified. Only for the stream that tls_connect or tls_accept gave, not for one around it.
std::vector<std::string> peer_names(const byte_stream& stream);

}  // namespace drover::net
