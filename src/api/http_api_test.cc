#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "api/route.h"
#include "api/testing_api.h"
#include "base/text.h"

namespace drover::api {
namespace {

value parsed(const net::http_response& answer) { return net::must(codec::value_from_json(answer.body)); }

uint64_t index_of(const net::http_response& answer) {
  auto text = answer.headers.get("X-Nomad-Index");
  EXPECT_TRUE(text) << answer.status << ' ' << answer.body;
  return text ? parse_uint(*text).value_or(0) : 0;
}

struct bad_input {
  const char* method;
  const char* target;
  std::string body;
  int status;
  const char* text;  // a part of it
};

std::string nested(size_t depth) { return "{\"Job\":" + std::string(depth, '[') + std::string(depth, ']') + "}"; }

TEST_F(api_fixture, bad_input_is_refused_with_a_sentence_and_stores_nothing) {
  const bad_input rows[] = {
      {"PUT", "/v1/jobs", "", 400, "Request body is empty"},
      {"PUT", "/v1/jobs", "null", 400, "Request body is empty"},
      {"PUT", "/v1/jobs", "{", 400, "JSON"},
      {"PUT", "/v1/jobs", "[]", 400, "JSON"},
      {"PUT", "/v1/jobs", "{}", 400, "Job must be specified"},
      {"PUT", "/v1/jobs", R"({"Job":{}})", 400, "Job ID hasn't been provided"},
      {"PUT", "/v1/jobs", R"({"Job":{"ID":7}})", 400, "ID"},
      {"PUT", "/v1/jobs", nested(5000), 400, "JSON"},
      {"PUT", "/v1/job/other", job_body("one"), 400, "Job ID does not match name"},
      {"PUT", "/v1/jobs", job_body("one", R"(,"Region":"mars")"), 500, "No path to region"},
      {"PUT", "/v1/jobs/parse", "null", 400, "Request body is empty"},
      {"PUT", "/v1/jobs/parse", "{}", 400, "Job spec is empty"},
      {"PUT", "/v1/jobs/parse", R"({"JobHCL":"job {"})", 400, "input.hcl:1"},
      {"GET", "/v1/jobs?index=x", "", 400, "Invalid index"},
      {"GET", "/v1/jobs?wait=soon", "", 400, "Invalid wait time"},
      {"GET", "/v1/jobs?stale=perhaps", "", 400, "stale"},
      {"GET", "/v1/jobs?per_page=many", "", 400, "per_page"},
      {"GET", "/v1/jobs?per_page=-1", "", 400, "per_page"},
      {"GET", "/v1/jobs?filter=x", "", 400, "filter"},
      {"GET", "/v1/jobs?region=mars", "", 500, "No path to region"},
      {"GET", "/v1/job/nope", "", 404, "job not found"},
      {"GET", "/v1/job/nope/summary", "", 404, "job not found"},
      {"GET", "/v1/job/nope/versions", "", 404, "job versions not found"},
      {"GET", "/v1/job/nope/submission", "", 400, "version"},
      {"GET", "/v1/job/nope/allocations?all=perhaps", "", 400, "all"},
      {"GET", "/v1/allocation/nope", "", 404, "alloc not found"},
      {"GET", "/v1/evaluation/nope", "", 404, "eval not found"},
      {"GET", "/v1/deployment/nope", "", 404, "deployment not found"},
      {"GET", "/v1/node/nope", "", 404, "node not found"},
      {"GET", "/v1/node/pool/nope", "", 404, "node pool not found"},
      {"GET", "/v1/namespace/nope", "", 404, "Namespace not found"},
      {"PUT", "/v1/namespace", R"({"Name":"a b"})", 400, "namespace name"},
      {"PUT", "/v1/namespace/x", R"({"Name":"y"})", 400, "does not match"},
      {"PUT", "/v1/operator/scheduler/configuration", "null", 400, "Request body is empty"},
      {"PUT", "/v1/operator/scheduler/configuration", R"({"SchedulerAlgorithm":"magic"})", 400, "binpack"},
      {"PUT", "/v1/operator/scheduler/configuration?cas=x", "{}", 400, "cas"},
      {"GET", "/v1/client/stats", "", 400, "node_id"},
      {"GET", "/v1/client/fs/ls/00000000-0000-0000-0000-000000000000", "", 404, "Unknown allocation"},
      {"GET", "/v1/client/fs/cat/00000000-0000-0000-0000-000000000000?path=x", "", 404, "Unknown allocation"},
      {"GET", "/v1/client/fs/cat/00000000-0000-0000-0000-000000000000", "", 400, "file name"},
      {"GET", "/v1/client/fs/logs/00000000-0000-0000-0000-000000000000?type=stdout", "", 400, "task name"},
      {"GET", "/v1/client/fs/logs/00000000-0000-0000-0000-000000000000?task=t&type=x", "", 400, "log type"},
      {"GET", "/v1/client/fs/logs/00000000-0000-0000-0000-000000000000?task=t&type=stdout", "", 404, "Unknown allocation"},
      {"GET", "/v1/client/allocation/x/exec?task=t&command=ls", "", 400, "command"},
      {"GET", "/v1/client/allocation/x/exec?task=t&command=%5B%22ls%22%5D", "", 400, "WebSocket"},
      {"GET", "/v1/agent/monitor?log_level=loud", "", 400, "log level"},
      {"GET", "/v1/agent/monitor?node_id=a&server_id=b", "", 400, "Cannot target node and server simultaneously"},
      {"GET", "/v1/agent/monitor?node_id=a", "", 404, "Unknown node \"a\""},
      {"GET", "/v1/agent/monitor?server_id=nobody", "", 400, "unknown Nomad server nobody"},
      {"GET", "/v1/metrics?format=tea", "", 400, "format"},
      {"GET", "/v1/sentinel/policies", "", 501, "Enterprise"},
      {"PATCH", "/v1/jobs", "", 405, "Invalid method"},
      {"POST", "/v1/system/gc", "", 405, "Invalid method"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(fmt::format("{} {} {}", row.method, row.target, row.body.substr(0, 60)));
    auto answer = now(row.method, row.target, row.body);
    EXPECT_EQ(answer.status, row.status) << answer.body;
    EXPECT_NE(answer.body.find(row.text), std::string::npos) << answer.body;
    EXPECT_EQ(answer.headers.get("Content-Type"), "text/plain; charset=utf-8");
  }
  EXPECT_EQ(now_get("/v1/jobs").body, "[]");
  EXPECT_EQ(now_get("/v1/evaluations").body, "[]");
  EXPECT_EQ(parsed(now_get("/v1/namespaces")).as_list()->size(), 1u);
  EXPECT_EQ(*parsed(now_get("/v1/operator/scheduler/configuration")).find("SchedulerConfig")->find("SchedulerAlgorithm")->as_string(), "binpack");
}

TEST_F(api_fixture, unknown_paths_are_bare_404) {
  auto answer = now_get("/v1/nope");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.body, "");
  EXPECT_FALSE(answer.headers.has("Content-Type"));
}

TEST_F(api_fixture, root_leads_to_the_ui) {
  auto answer = now_get("/?x=1");
  EXPECT_EQ(answer.status, 307);
  EXPECT_EQ(answer.headers.get("Location"), "/ui/?x=1");
  EXPECT_EQ(now_get("/ui/").status, 200);
  EXPECT_EQ(now_get("/ui/jobs/x").status, 200);
}

TEST_F(api_fixture, lists_are_never_null) {
  for (const char* target : {"/v1/jobs", "/v1/allocations", "/v1/evaluations", "/v1/deployments", "/v1/nodes", "/v1/job/nope/allocations",
                             "/v1/job/nope/evaluations", "/v1/job/nope/deployments", "/v1/services", "/v1/node/nope/allocations"}) {
    SCOPED_TRACE(target);
    auto answer = now_get(target);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "[]");
    EXPECT_EQ(answer.headers.get("Content-Type"), "application/json");
    EXPECT_EQ(answer.headers.get("X-Nomad-Knownleader"), "true");
    EXPECT_EQ(answer.headers.get("X-Nomad-Lastcontact"), "0");
  }
  EXPECT_EQ(now_get("/v1/job/nope/deployment").body, "null");
}

TEST_F(api_fixture, a_job_is_registered_read_planned_and_stopped) {
  auto registered = now("PUT", "/v1/jobs", job_body("a/b"));
  ASSERT_EQ(registered.status, 200) << registered.body;
  auto answer = parsed(registered);
  auto index = index_of(registered);
  EXPECT_EQ(*answer.find("JobModifyIndex")->as_int(), static_cast<int64_t>(index));
  EXPECT_TRUE(is_uuid(*answer.find("EvalID")->as_string()));

  for (const char* target : {"/v1/job/a%2Fb", "/v1/job/a/b"}) {
    auto job = now_get(target);
    ASSERT_EQ(job.status, 200) << job.body;
    EXPECT_EQ(*parsed(job).find("ID")->as_string(), "a/b");
    EXPECT_EQ(*parsed(job).find("Region")->as_string(), "global");
    EXPECT_EQ(*parsed(job).find("Namespace")->as_string(), "default");
  }
  EXPECT_EQ(parsed(now_get("/v1/jobs")).as_list()->size(), 1u);
  EXPECT_EQ(parsed(now_get("/v1/jobs?prefix=zzz")).as_list()->size(), 0u);
  EXPECT_EQ(now_get("/v1/job/a%2Fb/summary").status, 200);
  EXPECT_EQ(parsed(now_get("/v1/job/a%2Fb/versions")).find("Versions")->as_list()->size(), 1u);
  EXPECT_GE(parsed(now_get("/v1/job/a%2Fb/evaluations")).as_list()->size(), 1u);
  EXPECT_EQ(now_get("/v1/job/a%2Fb/scale").status, 200);

  auto plan = now("PUT", "/v1/job/a%2Fb/plan", R"({"Diff":true,)" + job_body("a/b", R"(,"Priority":70)").substr(1));
  ASSERT_EQ(plan.status, 200) << plan.body;
  EXPECT_EQ(*parsed(plan).find("Diff")->find("Type")->as_string(), "Edited");

  auto stopped = now("DELETE", "/v1/job/a%2Fb?purge=true");
  ASSERT_EQ(stopped.status, 200) << stopped.body;
  EXPECT_EQ(now_get("/v1/job/a%2Fb").status, 404);
}

TEST_F(api_fixture, enforced_index_is_checked) {
  ASSERT_EQ(now("PUT", "/v1/jobs", job_body("one")).status, 200);
  auto refused = now("PUT", "/v1/jobs", R"({"EnforceIndex":true,"JobModifyIndex":0,)" + job_body("one").substr(1));
  EXPECT_NE(refused.status, 200);
  EXPECT_NE(refused.body.find("Enforcing job modify index 0"), std::string::npos) << refused.body;
}

TEST_F(api_fixture, pages_follow_each_other) {
  for (int i = 0; i < 5; ++i) ASSERT_EQ(now("PUT", "/v1/jobs", job_body(fmt::format("job-{}", i))).status, 200);
  std::string token;
  std::vector<std::string> seen;
  for (int pages = 0; pages < 5; ++pages) {
    auto answer = now_get("/v1/jobs?per_page=2&next_token=" + net::percent_encode(token));
    auto list = parsed(answer);
    for (const auto& each : *list.as_list()) seen.push_back(*each.find("ID")->as_string());
    token = std::string(answer.headers.get("X-Nomad-Nexttoken").value_or(""));
    if (token.empty()) break;
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"job-0", "job-1", "job-2", "job-3", "job-4"}));
}

TEST_F(api_fixture, pretty_is_indented) {
  auto answer = now_get("/v1/jobs?pretty");
  EXPECT_EQ(answer.body, "[]\n");
  EXPECT_TRUE(now_get("/v1/agent/health?pretty").body.starts_with("{\n    \""));
  EXPECT_EQ(now_get("/v1/jobs?pretty=0").body, "[]");
}

TEST_F(api_fixture, parse_gives_a_job) {
  auto answer = now("POST", "/v1/jobs/parse",
                    R"({"JobHCL":"variable \"n\" { default = 1 }\njob \"x\" { group \"g\" { count = var.n\n task \"t\" { driver = \"exec\" } } }",)"
                    R"("Variables":"n = 3","Canonicalize":true})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  auto job = parsed(answer);
  EXPECT_EQ(*job.find("ID")->as_string(), "x");
  EXPECT_EQ(*(*job.find("TaskGroups")->as_list())[0].find("Count")->as_int(), 3);
}

net::awaitable<void> wait_for_job(net::http_client& client, uint64_t index, std::string id, net::http_response& into) {
  // Other changes of the list may wake it first.
  while (into.body.find(id) == std::string::npos) {
    auto answer = co_await client.request({.target = fmt::format("/v1/jobs?index={}&wait=60s", index)});
    into = net::must(std::move(answer));
    EXPECT_GT(index_of(into), index) << "woken without news";
    if (index_of(into) <= index) co_return;
    index = index_of(into);
  }
}

net::awaitable<void> wake_by_register(api_fixture& f) {
  // The index of an empty table is 0, which does not block.
  auto before = co_await f.send("PUT", "/v1/jobs", api_fixture::job_body("zero"));
  EXPECT_EQ(before.status, 200);
  auto first = co_await f.get("/v1/jobs");
  net::http_response held;
  net::task_scope scope(f.loop, log::logger("test"));
  auto second = net::must(net::http_client::create({.address = f.address}));
  scope.spawn(wait_for_job(*second, index_of(first), "\"one\"", held));
  auto registered = co_await f.send("PUT", "/v1/jobs", api_fixture::job_body("one"));
  EXPECT_EQ(registered.status, 200);
  co_await scope.join();
  EXPECT_GE(index_of(held), index_of(registered));
}

TEST_F(api_fixture, a_blocking_query_wakes_at_the_commit) { net::run_test(loop, wake_by_register(*this)); }

TEST_F(api_fixture, a_blocking_query_answers_when_its_time_is_over) {
  auto index = index_of(now_get("/v1/jobs"));
  auto answer = now_get(fmt::format("/v1/jobs?index={}&wait=10ms", index + 1000));
  EXPECT_EQ(answer.status, 200);
}

TEST_F(api_fixture, namespaces_and_pools_are_made_and_removed) {
  EXPECT_EQ(now("PUT", "/v1/namespace", R"({"Name":"apps","Description":"x"})").status, 200);
  auto made = now_get("/v1/namespace/apps");
  ASSERT_EQ(made.status, 200);
  EXPECT_EQ(*parsed(made).find("Description")->as_string(), "x");
  EXPECT_EQ(parsed(now_get("/v1/namespaces")).as_list()->size(), 2u);
  EXPECT_EQ(now("DELETE", "/v1/namespace/apps").status, 200);
  EXPECT_EQ(now_get("/v1/namespace/apps").status, 404);
  EXPECT_EQ(now("PUT", "/v1/node/pools", R"({"Name":"gpu"})").status, 200);
  EXPECT_EQ(now_get("/v1/node/pool/gpu").status, 200);
  EXPECT_EQ(now_get("/v1/node/pool/gpu/nodes").body, "[]");
  EXPECT_EQ(now("DELETE", "/v1/node/pool/gpu").status, 200);
}

TEST_F(api_fixture, scheduler_configuration_changes_by_check_and_set) {
  auto before = now_get("/v1/operator/scheduler/configuration");
  ASSERT_EQ(before.status, 200);
  auto index = *parsed(before).find("SchedulerConfig")->find("ModifyIndex")->as_int();
  auto target = fmt::format("/v1/operator/scheduler/configuration?cas={}", index);
  auto set = now("PUT", target, R"({"SchedulerAlgorithm":"spread"})");
  ASSERT_EQ(set.status, 200) << set.body;
  EXPECT_TRUE(*parsed(set).find("Updated")->as_bool());
  auto again = now("PUT", target, R"({"SchedulerAlgorithm":"binpack"})");
  EXPECT_FALSE(*parsed(again).find("Updated")->as_bool()) << again.body;
}

TEST_F(api_fixture, the_agent_speaks_of_itself) {
  EXPECT_EQ(now_get("/v1/status/leader").body, "\"127.0.0.1:4647\"");
  EXPECT_EQ(now_get("/v1/status/peers").body, "[\"127.0.0.1:4647\"]");
  EXPECT_EQ(now_get("/v1/regions").body, "[\"global\"]");
  auto self = parsed(now_get("/v1/agent/self"));
  for (const char* key : {"config", "member", "stats"}) EXPECT_NE(self.find(key), nullptr) << key;
  EXPECT_EQ(*parsed(now_get("/v1/agent/health")).find("server")->find("ok")->as_bool(), true);
  EXPECT_EQ(parsed(now_get("/v1/agent/members")).find("Members")->as_list()->size(), 1u);
  EXPECT_NE(now_get("/v1/metrics").body.find("nomad.raft.appliedIndex"), std::string::npos);
  EXPECT_NE(now_get("/v1/metrics?format=prometheus").body.find("\nnomad_raft_appliedIndex "), std::string::npos);
  EXPECT_EQ(now("PUT", "/v1/system/gc").status, 200);
  EXPECT_EQ(now_get("/v1/operator/raft/configuration").status, 200);
}

TEST_F(api_fixture, search_finds_jobs) {
  ASSERT_EQ(now("PUT", "/v1/jobs", job_body("needle")).status, 200);
  auto found = parsed(now("POST", "/v1/search", R"({"Prefix":"need","Context":"jobs"})"));
  ASSERT_EQ(found.find("Matches")->find("jobs")->as_list()->size(), 1u);
  auto fuzzy = now("POST", "/v1/search/fuzzy", R"({"Text":"eedl","Context":"all"})");
  EXPECT_EQ(fuzzy.status, 200) << fuzzy.body;
}

net::awaitable<void> read_one_frame(api_fixture& f, std::string parameters) {
  auto reader = net::must(co_await f.client->open({.target = "/v1/agent/monitor?log_level=warn" + parameters}));
  EXPECT_EQ(reader->status(), 200);
  log::logger("test").warn("hello monitor");
  std::string text;
  // Heartbeats may come first.
  while (text.find("Data") == std::string::npos) {
    auto more = net::must(co_await reader->read());
    if (more.empty()) break;
    text += more;
  }
  auto at = text.find("{\"Data");
  EXPECT_NE(at, std::string::npos) << text;
  auto frame = net::must(codec::value_from_json(text.substr(at, text.find('}', at) + 1 - at)));
  auto line = net::must(base64_decode(*frame.find("Data")->as_string()));
  EXPECT_NE(line.find("hello monitor"), std::string::npos) << line;
}

TEST_F(api_fixture, the_monitor_sends_log_lines) {
  net::run_test(loop, read_one_frame(*this, ""));
  net::run_test(loop, read_one_frame(*this, "&server_id=test.global"));
  net::run_test(loop, read_one_frame(*this, "&server_id=leader"));
}

// Every path of the table gives an answer of this API, never a broken one, whatever is asked for.
TEST_F(api_fixture, every_route_answers) {
  for (const auto& row : routes()) {
    if (row.path == "/v1/agent/monitor" || row.path == "/v1/event/stream") continue;  // never ends
    std::string target;
    for (auto part : path_parts(row.path)) target += "/" + std::string(part.starts_with(':') ? "x" : part);
    for (const auto& method : split(row.methods, ' ')) {
      SCOPED_TRACE(fmt::format("{} {}", method, target));
      auto answer = now(std::string(method), target);
      bool expected =
          answer.status == 200 || answer.status == 204 || answer.status == 307 || answer.status == 400 || answer.status == 404 || answer.status == 501;
      EXPECT_TRUE(expected) << answer.status << ' ' << answer.body;
      if ((row.flags & body_required) != 0) EXPECT_EQ(answer.status, 400);
    }
  }
}

}  // namespace
}  // namespace drover::api
