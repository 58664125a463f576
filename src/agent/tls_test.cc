#include "agent/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "crypto/certificate.h"

namespace drover::agent {
namespace {

using testing::HasSubstr;
using names = std::vector<std::string>;

struct test_clock final : env::clock {
  timestamp at = env::real_clock().now();
  timestamp now() const override { return at; }
};

// A CA and the certificate of this agent, in a directory of their own.
struct agent_tls_test : testing::Test {
  agent_tls_test() {
    std::filesystem::create_directories(directory);
    config.region = "global";
    auto& tls = config.tls;
    tls.http = tls.rpc = tls.verify_server_hostname = true;
    tls.ca_file = file("ca.pem");
    tls.cert_file = file("server.pem");
    tls.key_file = file("server-key.pem");
    write("ca.pem", ca.certificate);
    issue(ca);
  }
  ~agent_tls_test() override { std::filesystem::remove_all(directory); }

  static crypto::certified_key make_ca() {
    return crypto::make_authority({.subject = {.common_name = "CA"}, .from = env::real_clock().now() - hours(24 * 60)}).value();
  }
  void issue(const crypto::certified_key& by, timestamp from = env::real_clock().now() - hours(1)) {
    auto made = crypto::make_certificate(by, {.common_name = "server.global.nomad", .dns_names = {"server.global.nomad"}, .from = from, .days = 30}).value();
    write("server.pem", made.certificate);
    write("server-key.pem", made.key);
  }
  std::string file(const std::string& name) const { return directory / name; }
  void write(const std::string& name, const std::string& text) const { std::ofstream(directory / name) << text; }

  std::filesystem::path directory = std::filesystem::temp_directory_path() / fmt::format("drover-agent-tls-{}", ::getpid());
  crypto::certified_key ca = make_ca();
  agent_config config;
  test_clock clock;
};

TEST_F(agent_tls_test, ContextsFollowTheBlock) {
  auto tls = agent_tls::create(config, clock).value();
  EXPECT_TRUE(tls->incoming());
  EXPECT_TRUE(tls->https());
  auto here = tls->outgoing("global");
  EXPECT_EQ(here, tls->outgoing("global"));
  EXPECT_NE(here, tls->outgoing("east"));
  EXPECT_FALSE(tls->plain_rpc_allowed());

  config.tls.verify_server_hostname = false;
  config.tls.http = false;
  config.tls.rpc_upgrade_mode = true;
  ASSERT_TRUE(tls->reload(config));
  EXPECT_EQ(tls->outgoing("global"), tls->outgoing("east"));
  EXPECT_FALSE(tls->https());
  EXPECT_TRUE(tls->plain_rpc_allowed());

  config.tls = {};
  ASSERT_TRUE(tls->reload(config));
  EXPECT_FALSE(tls->outgoing("global"));
  EXPECT_FALSE(tls->incoming());
  EXPECT_TRUE(tls->plain_rpc_allowed());
}

TEST_F(agent_tls_test, BadFilesAtReloadChangeNothing) {
  auto tls = agent_tls::create(config, clock).value();
  auto before = tls->incoming();
  auto expect_refused = [&](std::string_view sentence) {
    auto done = tls->reload(config);
    ASSERT_FALSE(done) << sentence;
    EXPECT_THAT(done.error().text(), HasSubstr(std::string(sentence)));
    EXPECT_EQ(tls->incoming(), before);
  };
  write("server-key.pem", "garbage");
  expect_refused("server-key.pem is no unencrypted PEM private key");
  issue(ca);
  write("server-key.pem", crypto::make_authority({.subject = {.common_name = "x"}, .from = clock.at})->key);
  expect_refused("server-key.pem does not belong to certificate ");
  std::filesystem::remove(file("server.pem"));
  expect_refused("server.pem: No such file or directory");
  issue(ca, clock.at - hours(24 * 40));
  expect_refused("server.pem expired at ");
  issue(ca, clock.at + hours(24));
  expect_refused("is the clock right?");
  write("ca.pem", "");
  expect_refused("ca.pem holds no PEM certificate");
  write("ca.pem", ca.certificate);
  issue(ca);
  EXPECT_TRUE(tls->reload(config));
  EXPECT_NE(tls->incoming(), before);
}

TEST_F(agent_tls_test, AnAgentStartsWithAnExpiredCertificate) {
  clock.at = clock.at + hours(24 * 365);
  EXPECT_TRUE(agent_tls::create(config, clock));
}

TEST_F(agent_tls_test, NamesSayWhatAPeerMayDo) {
  auto tls = agent_tls::create(config, clock).value();
  names server = {"localhost", "server.global.nomad"}, foreign = {"server.east.nomad"}, client = {"client.global.nomad"};
  EXPECT_TRUE(tls->may_speak_raft(server));
  EXPECT_EQ(tls->may_speak_raft(foreign).error().message(),
            "unauthorized raft connection: the certificate must be for server.global.nomad, and is for server.east.nomad");
  EXPECT_FALSE(tls->may_speak_raft(client));
  EXPECT_FALSE(tls->may_speak_raft(names{}));
  EXPECT_TRUE(tls->may_call_as_server(server));
  EXPECT_EQ(tls->may_call_as_server(client).error().message(), "invalid certificate, server.global.nomad not in client.global.nomad");
  EXPECT_TRUE(tls->may_call_as_node(server));
  EXPECT_TRUE(tls->may_call_as_node(client));
  EXPECT_FALSE(tls->may_call_as_node(foreign));

  config.tls.rpc_upgrade_mode = true;
  ASSERT_TRUE(tls->reload(config));
  EXPECT_TRUE(tls->may_speak_raft(names{}));
  EXPECT_FALSE(tls->may_call_as_server(client));
  config.tls.verify_server_hostname = false;
  ASSERT_TRUE(tls->reload(config));
  EXPECT_TRUE(tls->may_call_as_server(client));
}

TEST(check_tls, SaysWhichKeyIsMissing) {
  tls_config config;
  auto why = [&] { return check_tls(config).error().message(); };
  EXPECT_TRUE(check_tls(config));
  config.rpc = true;
  EXPECT_THAT(why(), HasSubstr("tls.rpc is true, so tls.ca_file must name a PEM file"));
  config.ca_file = config.cert_file = "x";
  EXPECT_THAT(why(), HasSubstr("tls.rpc is true, so tls.key_file must name"));
  config = {};
  config.http = true;
  EXPECT_THAT(why(), HasSubstr("tls.http is true, so tls.cert_file"));
  config.cert_file = config.key_file = "x";
  EXPECT_TRUE(check_tls(config));
  config.verify_https_client = true;
  EXPECT_THAT(why(), HasSubstr("tls.verify_https_client is true, so tls.ca_file"));
  config = {};
  config.tls_min_version = "ssl3";
  EXPECT_THAT(why(), HasSubstr("tls.tls_min_version is \"ssl3\""));
}

}  // namespace
}  // namespace drover::agent
