// Every route with every kind of permission: open exactly to those that its row's `acl` names. What the methods behind the routes require is
// tested in server/permission_test.cc; this is what a caller of the HTTP API sees.
#include <algorithm>
#include <array>
#include <set>

#include "acl/policy.h"
#include "api/agent_access.h"
#include "api/route.h"
#include "api/testing_api.h"
#include "base/text.h"
#include "server/permission.h"

namespace drover::api {
namespace {

struct grant {
  std::string name, rules, token;
  std::shared_ptr<const acl::acl> may;
};

std::vector<grant> grants() {
  std::vector<grant> out = {{.name = "", .rules = "", .token = "", .may = acl::acl::nobody()}};
  for (size_t i = 0; i < static_cast<size_t>(acl::capability::count_); ++i) {
    std::string word(acl::name(static_cast<acl::capability>(i)));
    out.push_back({.name = "ns-" + word, .rules = R"(namespace "default" { capabilities = [")" + word + "\"] }", .token = {}, .may = {}});
  }
  for (std::string block : {"node", "agent", "operator", "quota"})
    for (std::string word : {"read", "write"})
      out.push_back({.name = block + "-" + word, .rules = block + " { policy = \"" + word + "\" }", .token = {}, .may = {}});
  for (std::string word : {"read", "write", "delete"})
    out.push_back({.name = "pool-" + word, .rules = R"(node_pool "*" { capabilities = [")" + word + "\"] }", .token = {}, .may = {}});
  for (std::string word : {"read", "write", "list", "destroy"})
    out.push_back(
        {.name = "var-" + word, .rules = R"(namespace "default" { variables { path "*" { capabilities = [")" + word + "\"] } } }", .token = {}, .may = {}});
  for (auto& each : out)
    if (!each.rules.empty()) each.may = std::make_shared<const acl::acl>(std::vector<acl::policy>{net::must(acl::parse_policy(each.name, each.rules))});
  return out;
}

class guarded_api : public api_fixture {
 public:
  guarded_api() : api_fixture(true) {
    for (auto end = net::after(seconds(30)); first.empty() && net::now() < end;) {
      auto answer = as("", "POST", "/v1/acl/bootstrap");
      if (answer.status == 200) first = text_of(answer, "SecretID");
    }
    EXPECT_FALSE(first.empty());
  }

  static std::string text_of(const net::http_response& answer, std::string_view member) {
    auto read = net::must(codec::value_from_json(answer.body));
    const auto* found = read.find(member);
    return found == nullptr || found->as_string() == nullptr ? "" : *found->as_string();
  }

  // Only the beginning of an answer that does not end.
  net::awaitable<net::http_response> ask(std::string token, std::string method, std::string target, std::string body) {
    net::http_client_request request{.method = std::move(method), .target = std::move(target), .body = std::move(body), .timeout = seconds(20)};
    request.headers.set("X-Nomad-Token", token);
    auto what = request.method + " " + request.target;
    auto reader = co_await client->open(std::move(request));
    EXPECT_TRUE(reader) << what << ": " << reader.error().text();
    net::http_response out;
    if (!reader) co_return out;
    out.status = (*reader)->status();
    bool ends = out.status >= 400 || (*reader)->headers().has("Content-Length");
    if (!ends) co_return out;
    auto text = co_await (*reader)->read_all(1 << 20);
    if (text) out.body = *std::move(text);
    co_return out;
  }
  net::http_response as(const std::string& token, std::string method, std::string target, std::string body = {}) {
    net::http_response out;
    net::run_test(loop, keep(ask(token, std::move(method), std::move(target), std::move(body)), out));
    return out;
  }
  static bool is_refused(const net::http_response& answer) { return answer.status == 403 && answer.body == "Permission denied"; }

  void make_token(grant& g) {
    if (g.rules.empty()) return;
    value::object policy, token;
    policy.set("Name", value(g.name));
    policy.set("Rules", value(g.rules));
    auto written = as(first, "PUT", "/v1/acl/policy/" + g.name, codec::value_to_json(value(std::move(policy))));
    ASSERT_EQ(written.status, 200) << g.name << written.body;
    token.set("Type", value("client"));
    token.set("Policies", value(value::list{value(g.name)}));
    g.token = text_of(as(first, "PUT", "/v1/acl/token", codec::value_to_json(value(std::move(token)))), "SecretID");
    ASSERT_FALSE(g.token.empty()) << g.name;
  }

  std::string first;
};

// A path of the row with something in it that does not exist.
std::string target_of(const route& row) {
  std::string out;
  for (auto part : path_parts(row.path)) {
    out += '/';
    if (!part.starts_with(':')) out += part;
    else out += part.contains("namespace") ? "default" : "11111111-2222-3333-4444-555555555555";
  }
  // Without the type nothing is looked at, as in Nomad.
  if (row.path == "/v1/plugins") out += "?type=csi";
  return out;
}

// What gets past the reading of a body, where an empty object does not.
std::string body_of(const route& row) {
  constexpr std::string_view job = R"({"ID":"11111111-2222-3333-4444-555555555555","Name":"j","Type":"batch","Datacenters":["dc1"],"TaskGroups":[)"
                                   R"({"Name":"g","Tasks":[{"Name":"t","Driver":"raw_exec"}]}]})";
  const std::pair<std::string_view, std::string> rows[] = {
      {"/v1/jobs", fmt::format(R"({{"Job":{}}})", job)},
      {"/v1/validate/job", fmt::format(R"({{"Job":{}}})", job)},
      {"/v1/job/:job_id+", fmt::format(R"({{"Job":{}}})", job)},
      {"/v1/job/:job_id+/plan", fmt::format(R"({{"Job":{}}})", job)},
  };
  for (const auto& [path, body] : rows)
    if (row.path == path) return body;
  return "{}";
}

// Do the words of the row, or what its method requires, let the caller in?
bool is_open_to(const route& row, const acl::acl& may) {
  if (has_access(may, row.acl, "default")) return true;
  using pool = acl::pool_capability;
  if (row.acl == "node_pool:read") return may.allows_pool("any", pool::read);
  if (row.acl == "node_pool:write") return may.allows_pool("any", pool::write);
  if (row.acl == "node_pool:delete") return may.allows_pool("any", pool::delete_);
  // Levels include the capabilities of their kind.
  if (row.acl.starts_with("operator:")) return may.allows_operator(row.acl.ends_with("-read") ? acl::level::read : acl::level::write);
  if (row.rpc.method.empty()) return false;
  const auto& method = server::permission_of(row.rpc.method);
  switch (method.what) {
    case server::need::namespace_: return method.in_namespace(may, "default");
    default: return false;
  }
}

// What they show depends on what they find: those who may not see it are refused, or shown less.
bool is_by_content(const route& row) {
  constexpr std::string_view words[] = {"own", "by context", "per topic", "none", "", "ns:any"};
  return std::ranges::find(words, row.acl) != std::end(words) || row.acl.starts_with("variables:") || row.path == "/v1/node/pools" || row.path == "/v1/volumes";
}

TEST_F(guarded_api, every_route_is_open_exactly_where_its_row_says) {
  auto all = grants();
  for (auto& each : all) make_token(each);
  std::set<std::string> refused_by_nobody;
  for (const auto& row : routes()) {
    if (is_by_content(row)) continue;
    auto target = target_of(row);
    auto body = body_of(row);
    for (auto method : split(row.methods, ' ')) {
      auto what = fmt::format("{} {}", method, row.path);
      size_t refused = 0;
      for (const auto& each : all) {
        auto answer = as(each.token, std::string(method), target, method == "GET" || method == "DELETE" ? "" : body);
        refused += is_refused(answer) ? 1 : 0;
        bool asks_more = (method == "DELETE" && row.path == "/v1/job/:job_id+") || row.path == "/v1/node/pool/:name/nodes" ||
                         // What asks a plugin for storage needs plugin:read too.
                         (row.path.starts_with("/v1/volume") && row.acl.starts_with("ns:csi"));
        if (is_open_to(row, *each.may)) EXPECT_TRUE(asks_more || !is_refused(answer)) << what << " (" << row.acl << ") with " << each.name;
        else EXPECT_GE(answer.status, 400) << what << " (" << row.acl << ") with \"" << each.name << "\": " << answer.body;
      }
      if (refused == 0) refused_by_nobody.insert(what);
    }
  }
  // Those that say what else is wrong with an empty request before they ask who sent it: what is not here is refused with 403.
  for (const auto& what : refused_by_nobody)
    EXPECT_TRUE(std::ranges::any_of(
        std::array<std::string_view, 15>{"/v1/job/:job_id+/action", "/v1/sentinel/", "/v1/recommendation", "/v1/operator/license", "/v1/operator/utilization",
                                         "/v1/operator/raft/", "/v1/client/", "/v1/evaluations", "/v1/volumes", "/v1/job/:job_id+/submission",
                                         "/v1/jobs/statuses", "/v1/plugin", "/v1/volume", "/v1/node/:node_id/identity", "/v1/operator/upgrade-check"},
        [&](std::string_view path) { return what.contains(path); }))
        << what << " refuses nobody";
  EXPECT_FALSE(refused_by_nobody.contains("GET /v1/jobs"));
}

}  // namespace
}  // namespace drover::api
