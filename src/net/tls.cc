// OpenSSL between two memory buffers, over any byte_stream: so TLS works on every kind of stream, and also on one whose first bytes were
// already read by a protocol that chooses TLS with them.
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

#include <array>

#include "base/ensure.h"
#include "net/event.h"
#include "net/task_scope.h"

namespace drover::net {
namespace {
constexpr size_t record_bytes = 16 * 1024;

std::string openssl_reason() {
  auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown reason";
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : fmt::format("OpenSSL error {:x}", code);
}

class context final : public tls_context {
 public:
  context(SSL_CTX* handle, tls_options options) : handle_(handle), options_(std::move(options)) {}
  ~context() override { SSL_CTX_free(handle_); }
  static result<std::shared_ptr<const tls_context>> create(const SSL_METHOD* method, const tls_options& options, bool server);
  SSL_CTX* handle() const { return handle_; }
  const tls_options& options() const { return options_; }

 private:
  result<> load();
  result<> load_authorities(bool server);
  SSL_CTX* handle_;
  tls_options options_;
};

result<> context::load() {
  const auto& o = options_;
  if (o.certificate_file.empty() != o.key_file.empty())
    return fail(errc::invalid, "a TLS certificate and its key go together: certificate {:?}, key {:?}", o.certificate_file, o.key_file);
  if (o.certificate_file.empty()) return {};
  if (SSL_CTX_use_certificate_chain_file(handle_, o.certificate_file.c_str()) != 1)
    return fail(errc::invalid, "TLS certificate {}: {}", o.certificate_file, openssl_reason());
  if (SSL_CTX_use_PrivateKey_file(handle_, o.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return fail(errc::invalid, "TLS key {}: {}", o.key_file, openssl_reason());
  if (SSL_CTX_check_private_key(handle_) != 1)
    return fail(errc::invalid, "TLS key {} does not belong to certificate {}", o.key_file, o.certificate_file);
  return {};
}

result<> context::load_authorities(bool server) {
  const auto& o = options_;
  if (!o.ca_file.empty() && SSL_CTX_load_verify_file(handle_, o.ca_file.c_str()) != 1)
    return fail(errc::invalid, "TLS CA file {}: {}", o.ca_file, openssl_reason());
  if (!o.ca_directory.empty() && SSL_CTX_load_verify_dir(handle_, o.ca_directory.c_str()) != 1)
    return fail(errc::invalid, "TLS CA directory {}: {}", o.ca_directory, openssl_reason());
  bool own = !o.ca_file.empty() || !o.ca_directory.empty();
  if (!own && !server) SSL_CTX_set_default_verify_paths(handle_);
  if (server && o.verify && own) SSL_CTX_set_verify(handle_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  if (!server && o.verify) SSL_CTX_set_verify(handle_, SSL_VERIFY_PEER, nullptr);
  return {};
}

result<std::shared_ptr<const tls_context>> context::create(const SSL_METHOD* method, const tls_options& options, bool server) {
  if (server && options.certificate_file.empty()) return fail(errc::invalid, "a TLS server needs a certificate file and a key file");
  ERR_clear_error();
  auto* handle = SSL_CTX_new(method);
  ENSURE(handle != nullptr, "OpenSSL gives a context");
  auto made = std::make_shared<context>(handle, options);
  SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
  SSL_CTX_set_mode(handle, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_OFF);
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
  std::string peer_name() const override { return peer_name_; }
  bool is_encrypted() const override { return true; }

 private:
  result<bool> receive();
  awaitable<result<>> flush();
  result<bool> try_flush();
  void collect();
  std::string handshake_failure() const;
  std::string name_of_peer() const;

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
  std::string peer_name_;
};

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
  if (count == unsent_.size())
    unsent_ = std::string();
  else
    unsent_.erase(0, count);
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
    size_t count = 0;
    ERR_clear_error();
    int ok = SSL_read_ex(ssl_, into.data(), into.size(), &count);
    TRY(try_flush());
    if (ok == 1) return count;
    int code = SSL_get_error(ssl_, ok);
    if (code == SSL_ERROR_ZERO_RETURN) return fail(errc::closed, "the other side closed the connection");
    if (code != SSL_ERROR_WANT_READ) return fail(errc::io, "TLS: {}", openssl_reason());
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
    // An end or an error is for try_read to tell.
    if (ok == 1 || SSL_get_error(ssl_, ok) != SSL_ERROR_WANT_READ) co_return result<>();
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
    if (SSL_write_ex(ssl_, data.data() + taken, data.size() - taken, &count) != 1) return fail(errc::io, "TLS: {}", openssl_reason());
    TRY_ASSIGN(flushed, try_flush());
    if (flushed)
      taken += count;
    else
      carried_ = count;
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
    if (SSL_write_ex(ssl_, data.data(), data.size(), &count) != 1) co_return fail(errc::io, "TLS: {}", openssl_reason());
    data.remove_prefix(count);
    CO_TRY(co_await flush());
  }
  co_return result<>();
}

std::string tls_stream::handshake_failure() const {
  auto verified = SSL_get_verify_result(ssl_);
  if (verified == X509_V_OK) return openssl_reason();
  ERR_clear_error();
  return fmt::format("the certificate is not accepted: {}", X509_verify_cert_error_string(verified));
}

std::string tls_stream::name_of_peer() const {
  if (SSL_get_verify_mode(ssl_) == SSL_VERIFY_NONE) return {};
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  if (!certificate) return {};
  std::string name;
  if (auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr))) {
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && name.empty(); ++i) {
      auto* entry = sk_GENERAL_NAME_value(names, i);
      if (entry->type != GEN_DNS) continue;
      name.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(entry->d.dNSName)), ASN1_STRING_length(entry->d.dNSName));
    }
    GENERAL_NAMES_free(names);
  }
  if (!name.empty()) return name;
  char common_name[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common_name, sizeof common_name);
  return common_name;
}

awaitable<result<>> tls_stream::handshake(bool server, std::string name) {
  if (server) {
    SSL_set_accept_state(ssl_);
  } else {
    SSL_set_connect_state(ssl_);
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
      auto reason = handshake_failure();
      // The alert tells the other side why.
      (void)co_await flush();
      co_return fail(errc::unavailable, "TLS handshake with {}: {}", to_string(remote()), reason);
    }
    CO_TRY(co_await flush());
    if (ok == 1) break;
    CO_TRY(co_await under_->wait_readable());
    if (auto came = receive(); !came) co_return wrap(came.error(), "TLS handshake with " + to_string(remote()));
  }
  peer_name_ = name_of_peer();
  co_return result<>();
}

awaitable<result<std::unique_ptr<byte_stream>>> start(std::unique_ptr<byte_stream> under, std::shared_ptr<const tls_context> with, bool server,
                                                      std::string name, time_point deadline) {
  auto ours = std::dynamic_pointer_cast<const context>(std::move(with));
  ENSURE(ours != nullptr, "a TLS context is made by tls_context");
  if (!server && !ours->options().server_name.empty()) name = ours->options().server_name;
  auto stream = std::make_unique<tls_stream>(std::move(under), std::move(ours));
  CO_TRY(co_await with_deadline(stream->handshake(server, std::move(name)), deadline));
  co_return std::unique_ptr<byte_stream>(std::move(stream));
}
}  // namespace

result<std::shared_ptr<const tls_context>> tls_context::client(const tls_options& options) {
  return context::create(TLS_client_method(), options, false);
}
result<std::shared_ptr<const tls_context>> tls_context::server(const tls_options& options) {
  return context::create(TLS_server_method(), options, true);
}

awaitable<result<std::unique_ptr<byte_stream>>> tls_connect(std::unique_ptr<byte_stream> stream, std::shared_ptr<const tls_context> context,
                                                            std::string server_name, time_point deadline) {
  return start(std::move(stream), std::move(context), false, std::move(server_name), deadline);
}
awaitable<result<std::unique_ptr<byte_stream>>> tls_accept(std::unique_ptr<byte_stream> stream, std::shared_ptr<const tls_context> context,
                                                           time_point deadline) {
  return start(std::move(stream), std::move(context), true, {}, deadline);
}

}  // namespace drover::net
