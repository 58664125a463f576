// OpenSSL between two memory buffers, over any byte_stream: so TLS works on every kind of stream, and also on one whose first bytes were
// already read by a protocol that chooses TLS with them.
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include "base/ensure.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "crypto/limits.h"
#include "crypto/role_name.h"
#include "net/event.h"
#include "net/task_scope.h"
#include "net/tls_http2.h"
#include "net/tls_trusting.h"

namespace drover::net {
namespace {
constexpr size_t record_bytes = 16 * 1024;

// What the failure means for the one who configures; OpenSSL's own words otherwise.
std::string failure_reason() {
  auto code = ERR_peek_error();
  auto text = crypto::openssl_reason();
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return text;
  switch (ERR_GET_REASON(code)) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG: return "the other side does not speak TLS";
    case SSL_R_HTTP_REQUEST: return "a plain HTTP request came where TLS is spoken";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return "the other side showed no certificate";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: return "the other side requires a certificate, and none was shown to it";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA: return "the other side does not trust the CA of the certificate that was shown to it";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED: return "the other side refuses the certificate that was shown to it";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED: return "the certificate that was shown to the other side has expired";
    default: return text;
  }
}

class context final : public tls_context {
 public:
  context(SSL_CTX* handle, tls_options options) : handle_(handle), options_(std::move(options)) {}
  ~context() override { SSL_CTX_free(handle_); }
  static result<std::shared_ptr<const tls_context>> create(const SSL_METHOD* method, const tls_options& options, bool server);
  std::shared_ptr<const tls_context> expecting(std::string server_name) const override {
    auto options = options_;
    options.server_name = std::move(server_name);
    options.verify_name = true;
    SSL_CTX_up_ref(handle_);
    return std::make_shared<context>(handle_, std::move(options));
  }
  SSL_CTX* handle() const { return handle_; }
  const tls_options& options() const { return options_; }

 private:
  result<> load();
  result<> load_authorities(bool server);
  result<> limit_protocol();
  SSL_CTX* handle_;
  tls_options options_;
};

// A file that cannot be read says why by itself: OpenSSL's reasons do not.
result<> check_readable(std::string_view what, const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(errc::invalid, "TLS {} {}: {}", what, path, std::system_category().message(errno));
  return {};
}

result<> context::load() {
  const auto& o = options_;
  if (o.certificate_file.empty() != o.key_file.empty())
    return fail(errc::invalid, "a TLS certificate and its key go together: certificate {:?}, key {:?}", o.certificate_file, o.key_file);
  if (o.certificate_file.empty()) return {};
  TRY(check_readable("certificate", o.certificate_file));
  TRY(check_readable("key", o.key_file));
  if (SSL_CTX_use_certificate_chain_file(handle_, o.certificate_file.c_str()) != 1)
    return fail(errc::invalid, "TLS certificate {} is no PEM certificate: {}", o.certificate_file, failure_reason());
  // No terminal is asked for a password.
  SSL_CTX_set_default_passwd_cb(handle_, [](char*, int, int, void*) { return 0; });
  if (SSL_CTX_use_PrivateKey_file(handle_, o.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    bool other = ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH;
    auto reason = failure_reason();
    if (other) return fail(errc::invalid, "TLS key {} does not belong to certificate {}", o.key_file, o.certificate_file);
    return fail(errc::invalid, "TLS key {} is no unencrypted PEM private key: {}", o.key_file, reason);
  }
  if (SSL_CTX_check_private_key(handle_) != 1) return fail(errc::invalid, "TLS key {} does not belong to certificate {}", o.key_file, o.certificate_file);
  return {};
}

result<> context::limit_protocol() {
  constexpr std::pair<std::string_view, int> versions[] = {
      {"", TLS1_2_VERSION}, {"tls10", TLS1_VERSION}, {"tls11", TLS1_1_VERSION}, {"tls12", TLS1_2_VERSION}, {"tls13", TLS1_3_VERSION}};
  const auto* version = std::ranges::find(versions, options_.min_version, &std::pair<std::string_view, int>::first);
  if (version == std::end(versions)) return fail(errc::invalid, "the TLS version \"{}\" is unknown: use tls10, tls11, tls12 or tls13", options_.min_version);
  SSL_CTX_set_min_proto_version(handle_, version->second);
  std::string list;
  for (auto name : split(options_.cipher_suites, ',')) {
    std::string wanted(trim(name));
    if (wanted.empty()) continue;
    // Go left out the end of these two names.
    if (wanted.ends_with("_CHACHA20_POLY1305")) wanted += "_SHA256";
    std::string known = OPENSSL_cipher_name(wanted.c_str());
    if (known == "(NONE)")
      return fail(errc::invalid, "the TLS cipher suite \"{}\" is unknown: use names like TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", trim(name));
    list += (list.empty() ? "" : ":") + known;
  }
  if (list.empty()) list = "ECDHE+AESGCM:ECDHE+CHACHA20";
  if (SSL_CTX_set_cipher_list(handle_, list.c_str()) != 1)
    return fail(errc::invalid, "the TLS cipher suites \"{}\" cannot be used: {}", options_.cipher_suites, failure_reason());
  return {};
}

int verify_peer(X509_STORE_CTX* chain, void*);

result<> context::load_authorities(bool server) {
  const auto& o = options_;
  if (!o.ca_file.empty()) {
    TRY(check_readable("CA file", o.ca_file));
    if (SSL_CTX_load_verify_file(handle_, o.ca_file.c_str()) != 1)
      return fail(errc::invalid, "TLS CA file {} holds no PEM certificate: {}", o.ca_file, failure_reason());
    // Which CAs a client's certificate may come from, for clients that hold several.
    if (server) SSL_CTX_set_client_CA_list(handle_, SSL_load_client_CA_file(o.ca_file.c_str()));
  }
  if (!o.ca_directory.empty() && SSL_CTX_load_verify_dir(handle_, o.ca_directory.c_str()) != 1)
    return fail(errc::invalid, "TLS CA directory {}: {}", o.ca_directory, failure_reason());
  bool own = !o.ca_file.empty() || !o.ca_directory.empty();
  if (!own && !server) SSL_CTX_set_default_verify_paths(handle_);
  if (server && o.verify && own) SSL_CTX_set_verify(handle_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  if (!server && o.verify) SSL_CTX_set_verify(handle_, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(handle_, &verify_peer, nullptr);
  return {};
}

result<std::shared_ptr<const tls_context>> context::create(const SSL_METHOD* method, const tls_options& options, bool server) {
  if (server && options.certificate_file.empty()) return fail(errc::invalid, "a TLS server needs a certificate file and a key file");
  ERR_clear_error();
  auto* handle = SSL_CTX_new(method);
  ENSURE(handle != nullptr, "OpenSSL gives a context");
  auto made = std::make_shared<context>(handle, options);
  SSL_CTX_set_mode(handle, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // No session outlives its connection: each is checked against the CAs of its day.
  SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(handle, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(handle, 0);
  TRY(made->limit_protocol());
  TRY(made->load());
  TRY(made->load_authorities(server));
  return std::shared_ptr<const tls_context>(std::move(made));
}

class tls_stream final : public byte_stream {
 public:
  tls_stream(std::unique_ptr<byte_stream> under, std::shared_ptr<const context> with)
      : under_(std::move(under)), context_(std::move(with)), ssl_(SSL_new(context_->handle())) {
    ENSURE(ssl_ != nullptr, "OpenSSL gives a connection");
    input_ = BIO_new(BIO_s_mem());
    output_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_, input_, output_);
    SSL_set_app_data(ssl_, this);
  }
  ~tls_stream() override { SSL_free(ssl_); }

  awaitable<result<>> handshake(bool server, std::string name);

  awaitable<result<size_t>> read_some(std::span<char> into) override {
    for (;;) {
      auto count = try_read(into);
      if (!count && count.error().code() == errc::closed) co_return size_t{0};
      if (!count || *count > 0 || into.empty()) co_return count;
      CO_TRY(co_await wait_readable());
    }
  }
  awaitable<result<>> write_all(std::string_view data) override;
  awaitable<result<>> wait_readable() override;
  void when_readable(std::function<void()> callback) override { under_->when_readable(std::move(callback)); }
  result<size_t> try_read(std::span<char> into) override;
  result<size_t> try_write(std::string_view data) override;
  awaitable<result<>> shutdown() override {
    SSL_shutdown(ssl_);
    CO_TRY(co_await flush());
    co_return co_await under_->shutdown();
  }
  void close() override { under_->close(); }
  endpoint remote() const override { return under_->remote(); }
  endpoint local() const override { return under_->local(); }
  int native_handle() const override { return under_->native_handle(); }
  // The one that says most, of all.
  std::string peer_name() const override { return crypto::telling_name(peer_names_); }
  const std::vector<std::string>& peer_names() const { return peer_names_; }
  bool accept_peer(X509_STORE_CTX* chain);
  bool is_encrypted() const override { return true; }

 private:
  result<bool> receive();
  awaitable<result<>> flush();
  result<bool> try_flush();
  void collect();
  std::string handshake_failure() const;

  std::unique_ptr<byte_stream> under_;
  std::shared_ptr<const context> context_;
  SSL* ssl_;
  BIO* input_;
  BIO* output_;
  // Encrypted, not yet sent.
  std::string unsent_;
  // Plain bytes that try_write encrypted but did not report, because their record was not sent whole.
  size_t carried_ = 0;
  bool sending_ = false;
  event send_ended_;
  std::vector<std::string> peer_names_;
  // Why the other side's certificate was not accepted.
  std::string refusal_;
  // What ended the connection while reading.
  std::string broken_;
  // The name or address that the other side's certificate must have.
  std::string expected_;
};

// As Go's servers answer.
constexpr std::string_view answer_to_plain_http = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

// True: bytes came. False: none are there yet.
result<bool> tls_stream::receive() {
  std::array<char, record_bytes> buffer;
  TRY_ASSIGN(auto count, under_->try_read(buffer));
  if (count == 0) return false;
  BIO_write(input_, buffer.data(), static_cast<int>(count));
  return true;
}

void tls_stream::collect() {
  size_t waiting = BIO_ctrl_pending(output_);
  if (waiting == 0) return;
  size_t before = unsent_.size();
  unsent_.resize(before + waiting);
  BIO_read(output_, unsent_.data() + before, static_cast<int>(waiting));
}

// True: nothing is left to send.
result<bool> tls_stream::try_flush() {
  collect();
  if (sending_) return false;
  if (unsent_.empty()) return true;
  TRY_ASSIGN(auto count, under_->try_write(unsent_));
  if (count == unsent_.size()) unsent_ = std::string();
  else unsent_.erase(0, count);
  return unsent_.empty();
}

awaitable<result<>> tls_stream::flush() {
  for (;;) {
    while (sending_) co_await send_ended_.wait();
    collect();
    if (unsent_.empty()) co_return result<>();
    sending_ = true;
    struct leave {
      tls_stream& self;
      ~leave() {
        self.sending_ = false;
        self.send_ended_.notify_all();
      }
    } leaving{*this};
    auto piece = std::exchange(unsent_, {});
    CO_TRY(co_await under_->write_all(piece));
  }
}

result<size_t> tls_stream::try_read(std::span<char> into) {
  if (into.empty()) return 0;
  for (;;) {
    if (!broken_.empty()) return fail(errc::io, "TLS: {}", broken_);
    size_t count = 0;
    ERR_clear_error();
    int ok = SSL_read_ex(ssl_, into.data(), into.size(), &count);
    TRY(try_flush());
    if (ok == 1) return count;
    int code = SSL_get_error(ssl_, ok);
    if (code == SSL_ERROR_ZERO_RETURN) return fail(errc::closed, "the other side closed the connection");
    if (code != SSL_ERROR_WANT_READ) {
      broken_ = failure_reason();
      return fail(errc::io, "TLS: {}", broken_);
    }
    TRY_ASSIGN(bool came, receive());
    if (!came) return 0;
  }
}

awaitable<result<>> tls_stream::wait_readable() {
  for (;;) {
    char probe;
    size_t count = 0;
    ERR_clear_error();
    int ok = SSL_peek_ex(ssl_, &probe, 1, &count);
    if (ok == 1) co_return result<>();
    int code = SSL_get_error(ssl_, ok);
    // An end or an error is for try_read to tell; OpenSSL tells an error only once.
    if (code != SSL_ERROR_WANT_READ && code != SSL_ERROR_ZERO_RETURN) broken_ = failure_reason();
    if (code != SSL_ERROR_WANT_READ) co_return result<>();
    CO_TRY(try_flush());
    CO_TRY(co_await under_->wait_readable());
    auto came = receive();
    if (!came && came.error().code() == errc::closed) co_return result<>();
    if (!came) co_return fail(came.error());
  }
}

result<size_t> tls_stream::try_write(std::string_view data) {
  size_t taken = 0;
  TRY_ASSIGN(bool flushed, try_flush());
  while (flushed && taken < data.size()) {
    size_t count = 0;
    ERR_clear_error();
    if (SSL_write_ex(ssl_, data.data() + taken, data.size() - taken, &count) != 1) return fail(errc::io, "TLS: {}", failure_reason());
    TRY_ASSIGN(flushed, try_flush());
    if (flushed) taken += count;
    else carried_ = count;
  }
  return taken;
}

awaitable<result<>> tls_stream::write_all(std::string_view data) {
  ENSURE(carried_ <= data.size(), "what try_write did not take goes to write_all");
  data.remove_prefix(std::exchange(carried_, 0));
  CO_TRY(co_await flush());
  while (!data.empty()) {
    size_t count = 0;
    ERR_clear_error();
    if (SSL_write_ex(ssl_, data.data(), data.size(), &count) != 1) co_return fail(errc::io, "TLS: {}", failure_reason());
    data.remove_prefix(count);
    CO_TRY(co_await flush());
  }
  co_return result<>();
}

std::string tls_stream::handshake_failure() const {
  if (refusal_.empty()) return failure_reason();
  ERR_clear_error();
  return "the certificate is not accepted: " + refusal_;
}

// The certificate and what is wrong with it.
std::string chain_failure(X509_STORE_CTX* chain, const std::string& expected) {
  int code = X509_STORE_CTX_get_error(chain);
  std::string reason = X509_verify_cert_error_string(code);
  const auto* bad = X509_STORE_CTX_get_current_cert(chain);
  if (bad == nullptr) return reason;
  auto info = crypto::describe(*bad);
  auto who = fmt::format("\"{}\"", info.common_name);
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return fmt::format("{}: {} expired at {}", reason, who, to_rfc3339(info.not_after));
    case X509_V_ERR_CERT_NOT_YET_VALID: return fmt::format("{}: {} begins at {}; is the clock right?", reason, who, to_rfc3339(info.not_before));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return fmt::format("{}: {} is signed by \"{}\", which is no trusted CA", reason, who, info.issuer_common_name);
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return fmt::format("{}: {} names \"{}\" as its CA, but the trusted CA of that name has another key", reason, who, info.issuer_common_name);
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: {
      auto names = info.names();
      names.insert(names.end(), info.addresses.begin(), info.addresses.end());
      return fmt::format("{}: expected \"{}\", it is for {}", reason, expected, join(names, ", "));
    }
    default: return fmt::format("{}: {}", reason, who);
  }
}

bool tls_stream::accept_peer(X509_STORE_CTX* chain) {
  if (X509_verify_cert(chain) != 1) {
    refusal_ = chain_failure(chain, expected_);
    return false;
  }
  const auto* leaf = X509_STORE_CTX_get0_cert(chain);
  const auto& check = context_->options().check_peer;
  if (leaf == nullptr || !check) return true;
  auto accepted = check(crypto::describe(*leaf).names());
  if (accepted) return true;
  refusal_ = accepted.error().text();
  X509_STORE_CTX_set_error(chain, X509_V_ERR_CERT_REJECTED);
  return false;
}

int verify_peer(X509_STORE_CTX* chain, void*) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  bool accepted = static_cast<tls_stream*>(SSL_get_app_data(ssl))->accept_peer(chain);
  return accepted || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE ? 1 : 0;
}

awaitable<result<>> tls_stream::handshake(bool server, std::string name) {
  if (server) {
    SSL_set_accept_state(ssl_);
  } else {
    SSL_set_connect_state(ssl_);
    expected_ = name;
    in6_addr ignored;
    bool is_address = inet_pton(AF_INET, name.c_str(), &ignored) == 1 || inet_pton(AF_INET6, name.c_str(), &ignored) == 1;
    if (is_address) {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), name.c_str());
    } else if (!name.empty()) {
      SSL_set_tlsext_host_name(ssl_, name.c_str());
      SSL_set1_host(ssl_, name.c_str());
    }
  }
  for (;;) {
    ERR_clear_error();
    int ok = SSL_do_handshake(ssl_);
    int code = SSL_get_error(ssl_, ok);
    if (ok != 1 && code != SSL_ERROR_WANT_READ) {
      bool is_http = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_HTTP_REQUEST;
      auto reason = handshake_failure();
      // Who speaks no TLS understands no alert; others learn from it why.
      if (is_http) (void)under_->try_write(answer_to_plain_http);
      else (void)co_await flush();
      co_return fail(errc::unavailable, "TLS handshake with {}: {}", to_string(remote()), reason);
    }
    CO_TRY(co_await flush());
    if (ok == 1) break;
    CO_TRY(co_await under_->wait_readable());
    if (auto came = receive(); !came) co_return wrap(came.error(), "TLS handshake with " + to_string(remote()));
  }
  if (const X509* certificate = SSL_get0_peer_certificate(ssl_); certificate != nullptr && SSL_get_verify_mode(ssl_) != SSL_VERIFY_NONE)
    peer_names_ = crypto::describe(*certificate).names();
  co_return result<>();
}

awaitable<result<std::unique_ptr<byte_stream>>> start(std::unique_ptr<byte_stream> under, std::shared_ptr<const tls_context> with, bool server,
                                                      std::string name, time_point deadline) {
  auto ours = std::dynamic_pointer_cast<const context>(std::move(with));
  ENSURE(ours != nullptr, "a TLS context is made by tls_context");
  if (!server && !ours->options().server_name.empty()) name = ours->options().server_name;
  if (!ours->options().verify_name) name.clear();
  auto stream = std::make_unique<tls_stream>(std::move(under), std::move(ours));
  CO_TRY(co_await with_deadline(stream->handshake(server, std::move(name)), deadline));
  co_return std::unique_ptr<byte_stream>(std::move(stream));
}
}  // namespace

result<std::shared_ptr<const tls_context>> tls_context::client(const tls_options& options) { return context::create(TLS_client_method(), options, false); }
result<std::shared_ptr<const tls_context>> tls_client_of_http2(const tls_options& options) {
  TRY_ASSIGN(auto made, tls_context::client(options));
  static constexpr unsigned char h2[] = {2, 'h', '2'};
  ENSURE(SSL_CTX_set_alpn_protos(std::static_pointer_cast<const context>(made)->handle(), h2, sizeof h2) == 0, "OpenSSL takes a list of protocols");
  return made;
}
result<std::shared_ptr<const tls_context>> tls_client_trusting(std::string_view pem) {
  if (pem.size() > crypto::pem_bytes_max) return fail(errc::too_large, "a text of {} bytes is too long; the limit is {}", pem.size(), crypto::pem_bytes_max);
  TRY_ASSIGN(auto made, tls_context::client({}));
  auto* store = X509_STORE_new();
  ENSURE(store != nullptr, "OpenSSL gives a store of certificates");
  // The context owns it, and with it goes what the system trusts.
  SSL_CTX_set_cert_store(std::static_pointer_cast<const context>(made)->handle(), store);
  std::unique_ptr<BIO, decltype(&BIO_free)> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  int count = 0;
  for (;; ++count) {
    std::unique_ptr<X509, decltype(&X509_free)> each(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr), &X509_free);
    if (!each) break;
    X509_STORE_add_cert(store, each.get());
  }
  bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  auto reason = crypto::openssl_reason();
  if (!at_end) return fail(errc::invalid, "CA certificate {} cannot be read: {}", count + 1, reason);
  if (count == 0) return fail(errc::invalid, "the text holds no PEM certificate");
  return made;
}
result<std::shared_ptr<const tls_context>> tls_context::server(const tls_options& options) { return context::create(TLS_server_method(), options, true); }

awaitable<result<std::unique_ptr<byte_stream>>> tls_connect(std::unique_ptr<byte_stream> stream, std::shared_ptr<const tls_context> context,
                                                            std::string server_name, time_point deadline) {
  return start(std::move(stream), std::move(context), false, std::move(server_name), deadline);
}
awaitable<result<std::unique_ptr<byte_stream>>> tls_accept(std::unique_ptr<byte_stream> stream, std::shared_ptr<const tls_context> context,
                                                           time_point deadline) {
  return start(std::move(stream), std::move(context), true, {}, deadline);
}

std::vector<std::string> peer_names(const byte_stream& stream) {
  const auto* ours = dynamic_cast<const tls_stream*>(&stream);
  return ours == nullptr ? std::vector<std::string>() : ours->peer_names();
}

}  // namespace drover::net
