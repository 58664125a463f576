// Greetings between servers: who is let in, and what is said to those who are not.
#include "server/raft_transport.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "base/log.h"
#include "crypto/certificate.h"
#include "crypto/role_name.h"
#include "env/clock.h"
#include "net/descriptor.h"
#include "net/event.h"
#include "net/task_scope.h"
#include "net/test_loop.h"
#include "raft/raft.h"
#include "server/file.h"

namespace drover::server {
namespace {

using net::awaitable;

constexpr const char* id_a = "aaaaaaaa-0000-0000-0000-000000000000";
constexpr const char* id_b = "bbbbbbbb-0000-0000-0000-000000000000";

using tls = std::shared_ptr<const net::tls_context>;
struct tls_pair {
  tls client, server;
};

// One server's end: a port that answers 0x02 with its transport, and what raft would hold.
class side {
 public:
  side(net::loop& l, std::string region, std::string cluster, std::string id, tls_pair contexts = {})
      : loop_(l), server_tls_(contexts.server), tasks_(l, log::logger("test")) {
    listener_ = *net::listener::listen(l, {.host = "127.0.0.1", .port = 0});
    raft_transport_options o;
    o.region = std::move(region);
    o.server_id = std::move(id);
    o.name = "test";
    o.cluster_id = [cluster] { return cluster; };
    o.addresses = [this](uint64_t) { return addresses; };
    o.admit = [this](const std::string& server_id) -> result<> {
      if (stranger == server_id) return fail(errc::permission_denied, "server {} is unknown", server_id);
      return {};
    };
    if (contexts.client) {
      o.tls = [context = contexts.client] { return context; };
      o.check_certificate = [](const net::byte_stream& stream) -> result<> {
        if (crypto::is_server_of(net::peer_names(stream), "global")) return {};
        return fail(errc::permission_denied, "its certificate is not that of a server of this region");
      };
    }
    transport = std::make_unique<raft_transport>(l, std::move(o));
    end = transport->endpoint();
    EXPECT_TRUE(end->start(1, "x", [this](uint64_t raft_id, std::string address, raft::connection c) {
      accepted_id = raft_id;
      accepted_address = std::move(address);
      accepted = c.fd;
    }));
    tasks_.spawn(serve());
  }
  awaitable<void> stop() {
    co_await tasks_.stop();
    co_await transport->stop();
    end.reset();
    if (accepted >= 0) ::close(accepted);
  }
  std::string address() const { return net::to_string(listener_->local()); }
  // What raft's connect gives.
  awaitable<result<int>> connect(uint64_t raft_id) {
    auto got = std::make_shared<std::optional<result<int>>>();
    net::remote_event arrived(loop_);
    end->connect(raft_id, "ignored", [got, set = arrived.setter()](result<raft::connection> c) {
      *got = c ? result<int>(c->fd) : std::unexpected(c.error());
      set();
    });
    co_await arrived.wait();
    co_return **got;
  }

  std::vector<std::string> addresses;
  std::string stranger;
  std::unique_ptr<raft_transport> transport;
  std::unique_ptr<raft::transport> end;
  uint64_t accepted_id = 0;
  std::string accepted_address;
  int accepted = -1;

 private:
  awaitable<void> serve() {
    for (;;) {
      auto stream = co_await listener_->accept();
      if (!stream) co_return;
      char byte;
      if (server_tls_) {
        if (!co_await (*stream)->read_exactly({&byte, 1}) || byte != 4) continue;
        stream = co_await net::tls_accept(*std::move(stream), server_tls_);
        if (!stream) continue;
      }
      if (!co_await (*stream)->read_exactly({&byte, 1}) || byte != 2) continue;
      transport->accept(*std::move(stream));
    }
  }
  net::loop& loop_;
  tls server_tls_;
  std::unique_ptr<net::listener> listener_;
  net::task_scope tasks_;
};

class raft_transport_test : public testing::Test {
 protected:
  // Public for the coroutines of the tests.
 public:
  net::loop l;

 protected:
  std::string logged;
  std::unique_ptr<log::subscription> log = log::subscribe(log::level::warn, [this](const log::event& e) { logged = log::format_line(e); });

  // Server A, with what it says of itself, dials server B of cluster "c".
  result<int> dial(std::string region, std::string cluster, std::string stranger = {}, std::string wanted = id_b) {
    result<int> out = fail(errc::unknown, "not run");
    net::run_test(l, [](raft_transport_test* t, std::string r, std::string c, std::string s, std::string w, result<int>* into) -> awaitable<void> {
      side b(t->l, "global", "c", id_b), a(t->l, r, c, id_a);
      b.stranger = s;
      a.addresses = {"127.0.0.1:1", b.address()};
      *into = co_await a.connect(raft::id_from_uuid(w));
      if (*into) {
        while (b.accepted < 0) co_await net::yield();
        EXPECT_EQ(b.accepted_id, raft::id_from_uuid(id_a));
        EXPECT_EQ(b.accepted_address, id_a);
        char byte = 'r';
        EXPECT_EQ(::write(**into, &byte, 1), 1);
        EXPECT_EQ(::recv(b.accepted, &byte, 1, 0), 1) << "the very socket, with nothing read from it";
        ::close(**into);
      }
      co_await a.stop();
      co_await b.stop();
    }(this, std::move(region), std::move(cluster), std::move(stranger), std::move(wanted), &out));
    return out;
  }
};

// The first address is dead, the second answers.
TEST_F(raft_transport_test, servers_of_one_cluster_and_new_ones_connect) {
  EXPECT_TRUE(dial("global", "c"));
  EXPECT_TRUE(dial("global", ""));
}

TEST_F(raft_transport_test, others_are_refused_with_a_reason_on_both_sides) {
  struct row {
    result<int> outcome;
    const char* reason;
  };
  const row rows[] = {
      {dial("europe", "c"), "region \"europe\""},
      {dial("global", "another"), "another cluster"},
      {dial("global", "c", id_a), "is unknown"},
  };
  for (const auto& r : rows) {
    ASSERT_FALSE(r.outcome) << r.reason;
    EXPECT_NE(r.outcome.error().text().find(r.reason), std::string::npos) << r.outcome.error().text();
  }
  EXPECT_NE(logged.find("Raft connection refused"), std::string::npos);
  EXPECT_NE(logged.find("is unknown"), std::string::npos);
}

TEST_F(raft_transport_test, a_server_that_took_over_an_address_is_not_the_one_that_was_there) {
  auto outcome = dial("global", "c", {}, "cccccccc-0000-0000-0000-000000000000");
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().text().find("not the one that is looked for"), std::string::npos) << outcome.error().text();
}

TEST_F(raft_transport_test, garbage_is_refused) {
  net::run_test(l, [](raft_transport_test* t) -> awaitable<void> {
    side b(t->l, "global", "c", id_b);
    for (std::string text : {std::string("\x02hello, this is not it"),
                             std::string("\x02"
                                         "DRVRAFT2\xff\xff\xff\xff"),
                             std::string("\x02"
                                         "DRVRAFT2\x03\0\0\0abc",
                                         16)}) {
      auto where = net::parse_endpoint(b.address());
      auto stream = net::must(co_await net::dial(*where));
      net::must(co_await stream->write_all(text));
      char byte;
      auto count = co_await stream->read_some({&byte, 1});
      EXPECT_TRUE(!count || *count == 0) << text;
    }
    EXPECT_EQ(b.accepted, -1);
    co_await b.stop();
  }(this));
  EXPECT_NE(logged.find("Raft connection refused"), std::string::npos);
}

// ---- TLS

class raft_tls_test : public raft_transport_test {
 protected:
  raft_tls_test() : directory_(testing::TempDir() + "/drover-raft-tls-XXXXXX") {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
    authority_ = *crypto::make_authority({.from = env::real_clock().now() - hours(1)});
    EXPECT_TRUE(replace_file(directory_ + "/ca.pem", authority_.certificate));
  }
  ~raft_tls_test() override { std::filesystem::remove_all(directory_); }

  tls_pair contexts(const std::string& name) {
    auto made = crypto::make_certificate(authority_, {.common_name = name, .dns_names = {name, "localhost"}, .from = env::real_clock().now() - hours(1)});
    EXPECT_TRUE(made) << made.error().text();
    net::tls_options o{.certificate_file = directory_ + "/" + name + ".pem",
                       .key_file = directory_ + "/" + name + ".key",
                       .ca_file = directory_ + "/ca.pem",
                       .verify_name = false};
    EXPECT_TRUE(replace_file(o.certificate_file, made->certificate));
    EXPECT_TRUE(replace_file(o.key_file, made->key));
    return {net::must(net::tls_context::client(o)), net::must(net::tls_context::server(o))};
  }

  std::string directory_;
  crypto::certified_key authority_;
};

TEST_F(raft_tls_test, bytes_go_both_ways_through_a_socket_pair) {
  auto server = contexts("server.global.nomad");
  net::run_test(l, [](raft_tls_test* t, tls_pair contexts) -> awaitable<void> {
    side b(t->l, "global", "c", id_b, contexts), a(t->l, "global", "c", id_a, contexts);
    a.addresses = {b.address()};
    int socket = net::must(co_await a.connect(raft::id_from_uuid(id_b)));
    while (b.accepted < 0) co_await net::yield();
    auto here = net::must(net::adopt_socket(t->l, socket));
    auto there = net::must(net::adopt_socket(t->l, std::exchange(b.accepted, -1)));
    // More than all buffers on the way hold.
    std::string sent(4 << 20, 'x');
    std::string received(sent.size(), '\0');
    net::task_scope writing(t->l, log::logger("test"));
    writing.spawn([](net::byte_stream* to, const std::string* data) -> awaitable<result<>> { co_return co_await to->write_all(*data); }(here.get(), &sent));
    net::must(co_await there->read_exactly(received));
    EXPECT_TRUE(received == sent);
    co_await writing.join();
    net::must(co_await there->write_all("back"));
    char answer[4];
    net::must(co_await here->read_exactly(answer));
    EXPECT_EQ(std::string(answer, 4), "back");
    // The end of one side is the end of the other.
    here.reset();
    EXPECT_EQ(net::must(co_await there->read_some(answer)), 0u);
    there.reset();
    co_await a.stop();
    co_await b.stop();
  }(this, server));
}

TEST_F(raft_tls_test, a_certificate_that_is_no_servers_is_refused) {
  auto server = contexts("server.global.nomad"), node = contexts("client.global.nomad");
  net::run_test(l, [](raft_tls_test* t, tls_pair ours, tls_pair theirs) -> awaitable<void> {
    side b(t->l, "global", "c", id_b, ours), a(t->l, "global", "c", id_a, {theirs.client, ours.server});
    a.addresses = {b.address()};
    auto refused = co_await a.connect(raft::id_from_uuid(id_b));
    EXPECT_FALSE(refused);
    EXPECT_NE(refused.error().text().find("not that of a server of this region"), std::string::npos) << refused.error().text();
    EXPECT_EQ(b.accepted, -1);
    co_await a.stop();
    co_await b.stop();
  }(this, server, node));
}

// What is under way when raft stops is answered before stop() returns.
TEST_F(raft_transport_test, stopping_answers_those_who_wait) {
  net::run_test(l, [](raft_transport_test* t) -> awaitable<void> {
    side a(t->l, "global", "c", id_a);
    auto silent = net::must(net::listener::listen(t->l, {.host = "127.0.0.1", .port = 0}));
    a.addresses = {net::to_string(silent->local())};
    std::atomic<int> answers = 0;
    errc code = errc::unknown;
    a.end->connect(7, "ignored", [&](result<raft::connection> c) {
      ++answers;
      code = c.error().code();
    });
    co_await net::yield();
    a.end->stop();
    EXPECT_EQ(answers, 1);
    EXPECT_EQ(code, errc::cancelled);
    co_await a.stop();
    EXPECT_EQ(answers, 1);
  }(this));
}

}  // namespace
}  // namespace drover::server
