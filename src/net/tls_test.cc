#include "net/tls.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <filesystem>

#include "net/http_test_server.h"
#include "net/websocket.h"

namespace drover::net {
namespace {

// A CA and certificates signed by it, in a directory of their own.
class authority {
 public:
  authority() : directory_(std::filesystem::temp_directory_path() / fmt::format("drover-tls-test-{}-{}", ::getpid(), ++made)) {
    std::filesystem::create_directories(directory_);
    key_ = EVP_EC_gen("P-256");
    certificate_ = make("Test CA", key_, nullptr, "CA:TRUE", {});
    save("ca", nullptr, certificate_);
  }
  ~authority() {
    X509_free(certificate_);
    EVP_PKEY_free(key_);
    std::filesystem::remove_all(directory_);
  }
  std::string ca() const { return directory_ / "ca.pem"; }
  tls_options issue(const std::string& name, const std::string& alternative) {
    auto* key = EVP_EC_gen("P-256");
    auto* certificate = make(name, key, certificate_, "CA:FALSE", alternative);
    save(name, key, certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return {.certificate_file = directory_ / (name + ".pem"), .key_file = directory_ / (name + "-key.pem")};
  }

 private:
  X509* make(const std::string& name, EVP_PKEY* key, X509* issuer, const char* basic, const std::string& alternative) {
    auto* x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++made);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    auto* subject = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : subject);
    add_extension(x, NID_basic_constraints, basic);
    if (!alternative.empty()) add_extension(x, NID_subject_alt_name, alternative.c_str());
    X509_sign(x, key_, EVP_sha256());
    return x;
  }
  static void add_extension(X509* x, int id, const char* value) {
    auto* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value);
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
  }
  void save(const std::string& name, EVP_PKEY* key, X509* certificate) {
    auto* file = ::fopen((directory_ / (name + ".pem")).c_str(), "w");
    PEM_write_X509(file, certificate);
    ::fclose(file);
    if (!key) return;
    file = ::fopen((directory_ / (name + "-key.pem")).c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    ::fclose(file);
  }

  static inline int made = 0;
  std::filesystem::path directory_;
  EVP_PKEY* key_;
  X509* certificate_;
};

struct net_tls : testing::Test {
  loop l;
  authority trusted;
  authority other;
};

awaitable<void> say_who(http_exchange& x) {
  if (x.is_websocket()) {
    auto socket = must(co_await x.upgrade_websocket({}));
    while (auto message = co_await socket->read()) co_await socket->send_text(message->data + " back");
    co_return;
  }
  auto& r = x.request();
  co_await x.respond({200, {}, fmt::format("{} {} {}", r.encrypted, r.peer_name, r.body)});
}

http_client_options https(const test_server& s, tls_options options) {
  return {.address = "https://" + to_string(s.where), .tls = must(tls_context::client(options))};
}

TEST_F(net_tls, https_requests_streams_and_websockets) {
  auto server_options = trusted.issue("server.global.nomad", "DNS:server.global.nomad,IP:127.0.0.1");
  run_test(l, [](loop& l, authority& ca, tls_options server_options) -> awaitable<void> {
    test_server s(l, say_who, {}, must(tls_context::server(server_options)));
    auto c = must(http_client::create(https(s, {.ca_file = ca.ca()})));
    for (size_t size : {0u, 10u, 16'384u, 16'385u, 3'000'000u}) {
      auto answer = must(co_await c->request({.method = "PUT", .body = std::string(size, 'x')}));
      EXPECT_TRUE(answer.body == "true  " + std::string(size, 'x')) << size;
    }
    EXPECT_EQ(s.server.stats().connections, 1u);
    auto w = must(co_await websocket_connect("wss://" + to_string(s.where), {.tls = must(tls_context::client({.ca_file = ca.ca()}))}));
    must(co_await w->send_text("there and"));
    EXPECT_EQ(must(co_await w->read()).data, "there and back");
    must(co_await w->close());
    c.reset();
    co_await s.stop();
  }(l, trusted, server_options));
}

TEST_F(net_tls, certificates_are_checked) {
  struct row {
    const char* name;
    tls_options options;
    const char* refusal;
  };
  auto server_options = trusted.issue("server", "DNS:server.global.nomad");
  run_test(l, [](loop& l, authority& trusted, authority& other, tls_options server_options) -> awaitable<void> {
    test_server s(l, say_who, {}, must(tls_context::server(server_options)));
    for (const auto& [name, options, refusal] : {
             row{"right CA and name", {.ca_file = trusted.ca(), .server_name = "server.global.nomad"}, ""},
             row{"no verification", {.verify = false}, ""},
             row{"wrong CA", {.ca_file = other.ca(), .server_name = "server.global.nomad"}, "the certificate is not accepted: "},
             row{"wrong name", {.ca_file = trusted.ca(), .server_name = "client.global.nomad"}, "the certificate is not accepted: hostname mismatch"},
             row{"address not in it", {.ca_file = trusted.ca()}, "the certificate is not accepted: IP address mismatch"},
         }) {
      auto c = must(http_client::create(https(s, options)));
      auto answer = co_await c->request({});
      if (!*refusal) {
        EXPECT_TRUE(answer) << name << ": " << answer.error().text();
      } else {
        EXPECT_FALSE(answer) << name;
        if (!answer) EXPECT_NE(answer.error().text().find(refusal), std::string::npos) << answer.error().text();
      }
    }
    co_await s.stop();
  }(l, trusted, other, server_options));
}

TEST_F(net_tls, a_server_may_ask_for_the_clients_certificate) {
  auto server_options = trusted.issue("server", "DNS:localhost");
  server_options.ca_file = trusted.ca();
  auto client_options = trusted.issue("cli", "DNS:cli.global.nomad");
  auto stranger = other.issue("stranger", "DNS:cli.global.nomad");
  run_test(l, [](loop& l, authority& trusted, tls_options server_options, std::vector<tls_options> clients) -> awaitable<void> {
    test_server s(l, say_who, {}, must(tls_context::server(server_options)));
    std::vector<std::string> answers;
    for (auto options : clients) {
      options.ca_file = trusted.ca();
      options.server_name = "localhost";
      auto c = must(http_client::create(https(s, options)));
      auto answer = co_await c->request({});
      answers.push_back(answer ? answer->body : "refused");
    }
    EXPECT_EQ(answers, (std::vector<std::string>{"true cli.global.nomad ", "refused", "refused"}));
    co_await s.stop();
  }(l, trusted, server_options, {client_options, {}, stranger}));
}

TEST_F(net_tls, bad_files_are_named) {
  auto good = trusted.issue("good", "DNS:x");
  auto second = trusted.issue("second", "DNS:x");
  EXPECT_EQ(tls_context::server({}).error().message(), "a TLS server needs a certificate file and a key file");
  EXPECT_NE(tls_context::server({.certificate_file = "/no/such.pem", .key_file = "/no/key"}).error().message().find("TLS certificate /no/such.pem: "),
            std::string::npos);
  auto mixed = tls_context::server({.certificate_file = good.certificate_file, .key_file = second.key_file});
  EXPECT_FALSE(mixed);
  EXPECT_FALSE(tls_context::client({.certificate_file = good.certificate_file}));
  EXPECT_FALSE(tls_context::client({.ca_file = "/no/ca"}));
}

TEST_F(net_tls, plain_bytes_to_a_tls_port_end_the_connection) {
  auto server_options = trusted.issue("server", "DNS:localhost");
  run_test(l, [](loop& l, tls_options server_options) -> awaitable<void> {
    test_server s(l, say_who, {}, must(tls_context::server(server_options)));
    auto raw = co_await raw_dialogue(s.where, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(raw.find("HTTP/1.1 200"), raw.npos);
    co_await s.stop();
  }(l, server_options));
}

}  // namespace
}  // namespace drover::net
