#include "net/tls.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "crypto/certificate.h"
#include "crypto/role_name.h"
#include "net/http_test_server.h"
#include "net/task_scope.h"
#include "net/tls_trusting.h"
#include "net/websocket.h"

namespace drover::net {
namespace {

timestamp now() { return timestamp(std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count()); }

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
}

// A CA and certificates signed by it, in a directory of their own.
class authority {
 public:
  authority() : directory_(std::filesystem::temp_directory_path() / fmt::format("drover-tls-test-{}-{}", ::getpid(), ++made)) {
    std::filesystem::create_directories(directory_);
    pair_ = must(crypto::make_authority({.subject = {.common_name = "Test CA"}, .from = now() - hours(24 * 30)}));
    write(ca(), pair_.certificate);
  }
  ~authority() { std::filesystem::remove_all(directory_); }
  std::string ca() const { return directory_ / "ca.pem"; }
  tls_options issue(const std::string& name, std::vector<std::string> dns_names, std::vector<std::string> addresses = {}, timestamp from = now() - minutes(1),
                    int64_t days = 1) {
    auto pair = must(crypto::make_certificate(
        pair_, {.common_name = name, .dns_names = std::move(dns_names), .addresses = std::move(addresses), .from = from, .days = days}));
    tls_options out{.certificate_file = directory_ / (name + ".pem"), .key_file = directory_ / (name + "-key.pem")};
    write(out.certificate_file, pair.certificate);
    write(out.key_file, pair.key);
    return out;
  }

 private:
  static inline int made = 0;
  std::filesystem::path directory_;
  crypto::certified_key pair_;
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
  auto server_options = trusted.issue("server.global.nomad", {"server.global.nomad"}, {"127.0.0.1"});
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
  auto server_options = trusted.issue("server", {"server.global.nomad"});
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
  auto server_options = trusted.issue("server", {"localhost"});
  server_options.ca_file = trusted.ca();
  auto client_options = trusted.issue("cli", {"cli.global.nomad"});
  auto stranger = other.issue("stranger", {"cli.global.nomad"});
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

// What each side got of a handshake between the two: "" or the error's text.
struct both_sides {
  std::string client, server;
  std::vector<std::string> names_of_server, names_of_client;
};

awaitable<void> accept_side(std::unique_ptr<byte_stream> stream, std::shared_ptr<const tls_context> context, both_sides& out) {
  auto done = co_await tls_accept(std::move(stream), std::move(context));
  if (!done) {
    out.server = done.error().text();
    co_return;
  }
  out.names_of_client = peer_names(**done);
  co_await (*done)->write_all("x");
  co_await (*done)->shutdown();
}

// The client also reads: with TLS 1.3 it learns only then that its certificate was refused.
awaitable<both_sides> shake_hands(loop& l, std::shared_ptr<const tls_context> client, std::shared_ptr<const tls_context> server, std::string name) {
  both_sides out;
  auto [left, right] = must(stream_pair(l));
  task_scope scope(l, log::logger("test"));
  scope.spawn(accept_side(std::move(right), std::move(server), out));
  auto done = co_await tls_connect(std::move(left), std::move(client), std::move(name));
  if (done) {
    out.names_of_server = peer_names(**done);
    char byte;
    auto count = co_await (*done)->read_some({&byte, 1});
    if (!count) out.client = count.error().text();
  } else {
    out.client = done.error().text();
  }
  co_await scope.join();
  co_return out;
}

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(net_tls, refusals_say_why) {
  auto good = trusted.issue("server", {"server.global.nomad"}, {"10.1.1.1"});
  auto expired = trusted.issue("expired", {"server.global.nomad"}, {}, now() - hours(24 * 9));
  auto early = trusted.issue("early", {"server.global.nomad"}, {}, now() + hours(24));
  auto foreign = other.issue("foreign", {"server.global.nomad"});
  struct row {
    tls_options server;
    tls_options client;
    std::string name, sentence;
  };
  run_test(l,
           [](loop& l, std::vector<row> rows) -> awaitable<void> {
             for (auto& [server, client, name, sentence] : rows) {
               auto both = co_await shake_hands(l, must(tls_context::client(client)), must(tls_context::server(server)), name);
               if (sentence.empty()) EXPECT_EQ(both.client, "") << name;
               else EXPECT_THAT(both.client, HasSubstr(sentence));
             }
           }(l, {{good, {.ca_file = trusted.ca()}, "server.global.nomad", ""},
                 {good, {.ca_file = trusted.ca(), .verify_name = false}, "other.name", ""},
                 {good, {.ca_file = trusted.ca()}, "other.name", "expected \"other.name\", it is for server.global.nomad, server, 10.1.1.1"},
                 {good, {.ca_file = trusted.ca()}, "10.1.1.2", "expected \"10.1.1.2\", it is for server.global.nomad, server, 10.1.1.1"},
                 {expired, {.ca_file = trusted.ca(), .verify_name = false}, "", "\"expired\" expired at "},
                 {early, {.ca_file = trusted.ca(), .verify_name = false}, "", "is the clock right?"},
                 {foreign, {.ca_file = trusted.ca(), .verify_name = false}, "", "\"foreign\" is signed by \"Test CA "},
                 {foreign, {.verify = false}, "", ""}}));
}

TEST_F(net_tls, every_name_of_the_peer_is_known_and_may_be_refused) {
  auto server = trusted.issue("server.global.nomad", {"localhost", "server.global.nomad"});
  server.ca_file = trusted.ca();
  server.check_peer = [](const std::vector<std::string>& names) -> result<> {
    if (crypto::may_connect(names, "global")) return {};
    return fail(errc::permission_denied, "it is neither of a server nor of a client of region global, but for {}", names.front());
  };
  auto client = trusted.issue("client.global.nomad", {"localhost", "a.test", "client.global.nomad"});
  auto cli = trusted.issue("cli.global.nomad", {"cli.global.nomad"});
  run_test(l, [](loop& l, std::string ca, tls_options server, tls_options client, tls_options cli) -> awaitable<void> {
    auto accepting = must(tls_context::server(server));
    client.ca_file = cli.ca_file = ca;
    auto any_name = must(tls_context::client(client));
    auto both = co_await shake_hands(l, any_name->expecting("server.global.nomad"), accepting, "10.0.0.1");
    EXPECT_THAT(both.names_of_server, ElementsAre("localhost", "server.global.nomad"));
    EXPECT_THAT(both.names_of_client, ElementsAre("localhost", "a.test", "client.global.nomad"));
    auto east = co_await shake_hands(l, any_name->expecting("server.east.nomad"), accepting, "10.0.0.1");
    EXPECT_THAT(east.client, HasSubstr("expected \"server.east.nomad\", it is for localhost, server.global.nomad"));
    cli.verify_name = client.verify_name = false;
    auto refused = co_await shake_hands(l, must(tls_context::client(cli)), accepting, "");
    EXPECT_THAT(refused.server,
                HasSubstr("the certificate is not accepted: it is neither of a server nor of a client of region global, but for cli.global.nomad"));
    EXPECT_THAT(refused.client, HasSubstr("the other side refuses the certificate"));
    auto bare = co_await shake_hands(l, must(tls_context::client({.ca_file = ca, .verify_name = false})), accepting, "");
    EXPECT_THAT(bare.server, HasSubstr("the other side showed no certificate"));
    EXPECT_THAT(bare.client, HasSubstr("the other side requires a certificate, and none was shown to it"));
  }(l, trusted.ca(), server, client, cli));
}

TEST_F(net_tls, versions_and_cipher_suites_are_limited) {
  auto server = trusted.issue("server", {"localhost"});
  run_test(l, [](loop& l, std::string ca, tls_options server) -> awaitable<void> {
    auto modern = server, narrow = server;
    modern.min_version = "tls13";
    narrow.cipher_suites = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    for (const auto& options : {server, modern, narrow}) {
      auto both = co_await shake_hands(l, must(tls_context::client({.ca_file = ca})), must(tls_context::server(options)), "localhost");
      EXPECT_EQ(both.client + both.server, "");
    }
  }(l, trusted.ca(), server));
  server.min_version = "tls9";
  EXPECT_EQ(tls_context::server(server).error().message(), "the TLS version \"tls9\" is unknown: use tls10, tls11, tls12 or tls13");
  server.min_version = "";
  server.cipher_suites = "TLS_NONE, x";
  EXPECT_THAT(tls_context::server(server).error().message(), HasSubstr("the TLS cipher suite \"TLS_NONE\" is unknown"));
}

TEST_F(net_tls, bad_files_are_named) {
  auto good = trusted.issue("good", {"x"});
  auto second = trusted.issue("second", {"x"});
  auto why = [](tls_options options) { return tls_context::server(options).error().message(); };
  EXPECT_EQ(why({}), "a TLS server needs a certificate file and a key file");
  EXPECT_EQ(why({.certificate_file = "/no/such.pem", .key_file = "/no/key"}), "TLS certificate /no/such.pem: No such file or directory");
  EXPECT_EQ(why({.certificate_file = good.certificate_file, .key_file = "/no/key"}), "TLS key /no/key: No such file or directory");
  EXPECT_THAT(why({.certificate_file = good.key_file, .key_file = good.key_file}), HasSubstr("good-key.pem is no PEM certificate"));
  EXPECT_THAT(why({.certificate_file = good.certificate_file, .key_file = good.certificate_file}), HasSubstr("good.pem is no unencrypted PEM private key"));
  EXPECT_EQ(why({.certificate_file = good.certificate_file, .key_file = second.key_file}),
            fmt::format("TLS key {} does not belong to certificate {}", second.key_file, good.certificate_file));
  EXPECT_FALSE(tls_context::client({.certificate_file = good.certificate_file}));
  EXPECT_EQ(tls_context::client({.ca_file = "/no/ca"}).error().message(), "TLS CA file /no/ca: No such file or directory");
  EXPECT_THAT(tls_context::client({.ca_file = good.key_file}).error().message(), HasSubstr("good-key.pem holds no PEM certificate"));
}

TEST_F(net_tls, plain_bytes_to_a_tls_port_end_the_connection) {
  auto server_options = trusted.issue("server", {"localhost"});
  run_test(l, [](loop& l, tls_options server_options) -> awaitable<void> {
    test_server s(l, say_who, {}, must(tls_context::server(server_options)));
    auto raw = co_await raw_dialogue(s.where, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(raw.find("HTTP/1.1 200"), raw.npos);
    co_await s.stop();
  }(l, server_options));
}

TEST(Tls, CasAsText) {
  authority ca, other;
  auto pem = [](const authority& of) {
    std::ifstream file(of.ca());
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_TRUE(tls_client_trusting(pem(ca)));
  EXPECT_TRUE(tls_client_trusting(pem(ca) + "\n" + pem(other)));
  for (std::string bad : {"", "x", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"}) EXPECT_FALSE(tls_client_trusting(bad)) << bad;
  EXPECT_FALSE(tls_client_trusting(pem(ca) + "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")) << "one that cannot be read is not left out";
}

}  // namespace
}  // namespace drover::net
