// What keeps a cluster's servers together, over HTTP: autopilot, Raft's members, the gossip pool. One server without gossip.
#include <gmock/gmock.h>

#include "api/testing_api.h"
#include "base/text.h"

namespace drover::api {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

value parsed(const net::http_response& answer) { return net::must(codec::value_from_json(answer.body)); }

TEST_F(api_fixture, autopilot_configuration_has_durations_as_text) {
  auto answer = now_get("/v1/operator/autopilot/configuration");
  EXPECT_THAT(answer.body,
              StartsWith(R"({"LastContactThreshold":"200ms","ServerStabilizationTime":"10s","CleanupDeadServers":true,"MaxTrailingLogs":250,"MinQuorum":0,)"));
  auto changed = now("PUT", "/v1/operator/autopilot/configuration",
                     R"({"CleanupDeadServers":false,"LastContactThreshold":"300ms","MaxTrailingLogs":251,"ServerStabilizationTime":"10s"})");
  EXPECT_EQ(changed.body, "true");
  answer = now_get("/v1/operator/autopilot/configuration");
  EXPECT_THAT(answer.body, StartsWith(R"({"LastContactThreshold":"300ms","ServerStabilizationTime":"10s","CleanupDeadServers":false,"MaxTrailingLogs":251,)"));

  EXPECT_EQ(now("PUT", "/v1/operator/autopilot/configuration?cas=1", R"({"MaxTrailingLogs":1})").body, "false");
  auto index = *parsed(answer).find("ModifyIndex")->as_int();
  EXPECT_EQ(now("PUT", fmt::format("/v1/operator/autopilot/configuration?cas={}", index), R"({"MaxTrailingLogs":252})").body, "true");
  EXPECT_EQ(*parsed(now_get("/v1/operator/autopilot/configuration")).find("MaxTrailingLogs")->as_int(), 252);
}

TEST_F(api_fixture, health_names_the_leader) {
  net::http_response answer;
  auto judged = [&]() -> net::awaitable<void> {
    // The first judgement comes a moment after the election.
    do answer = co_await get("/v1/operator/autopilot/health");
    while (answer.status == 429);
  };
  net::run_test(loop, judged());
  EXPECT_EQ(answer.status, 200);
  auto health = parsed(answer);
  EXPECT_TRUE(*health.find("Healthy")->as_bool());
  ASSERT_EQ(health.find("Servers")->as_list()->size(), 1u);
  const auto& server = health.find("Servers")->as_list()->front();
  EXPECT_EQ(*server.find("ID"), *health.find("Leader"));
  EXPECT_EQ(*server.find("LastContact")->as_string(), "0s");
}

TEST_F(api_fixture, requests_about_servers_that_make_no_sense_are_refused) {
  struct row {
    const char* method;
    const char* target;
    const char* body;
    int status;
    const char* text;
  };
  for (const auto& [method, target, body, status, text] : {
           row{"PUT", "/v1/operator/autopilot/configuration", "", 400, "Request body is empty"},
           row{"PUT", "/v1/operator/autopilot/configuration", R"({"LastContactThreshold":"soon"})", 400, "LastContactThreshold"},
           row{"PUT", "/v1/operator/autopilot/configuration?cas=x", "{}", 400, "Error parsing cas value"},
           row{"DELETE", "/v1/operator/raft/peer", "", 400, "Must specify the peer's ID to remove"},
           row{"DELETE", "/v1/operator/raft/peer?address=x", "", 400, "by address is not supported"},
           row{"DELETE", "/v1/operator/raft/peer?id=x", "", 400, "id \"x\" was not found in the Raft configuration"},
           row{"PUT", "/v1/operator/raft/transfer-leadership", "", 400, "must specify id or address"},
           row{"PUT", "/v1/operator/raft/transfer-leadership?id=x", "", 400, "id must be a uuid"},
           row{"PUT", "/v1/operator/raft/transfer-leadership?address=x", "", 400, "address must be in IP:port format"},
           row{"PUT", "/v1/operator/raft/transfer-leadership?address=localhost:1", "", 400, "address must be in IP:port format"},
           row{"PUT", "/v1/operator/raft/transfer-leadership?address=127.0.0.1:1", "", 400, "was not found in the Raft configuration"},
           row{"PUT", "/v1/agent/join", "", 400, "missing address to join"},
           row{"PUT", "/v1/agent/force-leave", "", 400, "missing node to force leave"},
           row{"PUT", "/v1/agent/force-leave?node=x&prune=perhaps", "", 400, "prune"},
           row{"PUT", "/v1/agent/force-leave?node=x", "", 501, "gossip"},
           row{"GET", "/v1/agent/keyring/list", "", 501, "gossip"},
           row{"PUT", "/v1/agent/keyring/install", "", 400, "Request body is empty"},
           row{"PUT", "/v1/agent/keyring/install", "[]", 400, "16, 24 or 32 bytes in base64"},
           row{"PUT", "/v1/agent/keyring/use", "{", 400, "JSON"},
           row{"PUT", "/v1/agent/keyring/remove", R"({"Key":"x"})", 501, "gossip"},
       }) {
    auto answer = now(method, target, body);
    EXPECT_EQ(answer.status, status) << method << ' ' << target << ": " << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(text)) << method << ' ' << target;
  }
}

TEST_F(api_fixture, joining_says_in_its_answer_what_failed) {
  auto answer = now("PUT", "/v1/agent/join?address=127.0.0.1:9");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(*parsed(answer).find("num_joined")->as_int(), 0);
  EXPECT_THAT(*parsed(answer).find("error")->as_string(), HasSubstr("gossip"));
}

}  // namespace
}  // namespace drover::api
