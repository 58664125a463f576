// The matrix: every method that a server answers, asked with every kind of permission that a policy can give; it is open exactly where the table
// says. A method without a row fails.
#include "server/permission.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "acl/policy.h"
#include "net/blocking.h"
#include "schema/acl.h"
#include "schema/alloc_rpc.h"
#include "schema/job_rpc.h"
#include "schema/node_rpc.h"
#include "schema/operator_rpc.h"
#include "server/authority.h"
#include "server/server.h"

namespace drover::server {
namespace {

constexpr const char* first_secret = "aaaaaaaa-2222-3333-4444-555555555555";
constexpr const char* node_id = "11111111-2222-3333-4444-555555555555";
constexpr const char* node_secret = "99999999-2222-3333-4444-555555555555";

schema::acl_policy policy_of(const std::string& name, const std::string& rules) {
  schema::acl_policy out;
  out.name = name;
  out.rules = rules;
  return out;
}

// A server with access control, bootstrapped.
class guarded_server {
 public:
  guarded_server() {
    directory_ = testing::TempDir() + "/drover-acl-XXXXXX";
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
    server_options options;
    options.data_dir = directory_;
    options.name = "test";
    options.acl.enabled = true;
    options.acl.token_min_expiration = milliseconds(1);
    server = std::make_unique<cluster_server>(loop, options);
    auto started = server->start();
    EXPECT_TRUE(started) << started.error().text();
    schema::acl_token_bootstrap_request request;
    request.bootstrap_secret = first_secret;
    auto token = call<schema::acl_token_upsert_response>("ACL.Bootstrap", request, "");
    EXPECT_TRUE(token) << token.error().text();
  }
  ~guarded_server() {
    run(server->stop());
    server.reset();
    std::filesystem::remove_all(directory_);
  }

  template <class T>
  T run(net::awaitable<T> body) {
    return net::run_to_completion(loop, std::move(body));
  }
  template <class Response, class Request>
  result<Response> call(std::string method, Request request, std::string token = first_secret) {
    request.auth_token = std::move(token);
    return run(rpc::call<Response>(server->channel(), std::move(method), std::move(request)));
  }

  // A token whose only policy has these rules.
  std::string token_with(const std::string& name, const std::string& rules) {
    schema::acl_policy_upsert_request policies;
    policies.policies.push_back(schema::share(policy_of(name, rules)));
    auto written = call<schema::generic_response>("ACL.UpsertPolicies", policies);
    EXPECT_TRUE(written) << name << ": " << written.error().text();
    schema::acl_token token;
    token.type = "client";
    token.policies = {name};
    return make_token(std::move(token));
  }
  std::string make_token(schema::acl_token token) {
    schema::acl_token_upsert_request tokens;
    tokens.tokens.push_back(schema::share(std::move(token)));
    auto made = call<schema::acl_token_upsert_response>("ACL.UpsertTokens", tokens);
    EXPECT_TRUE(made) << made.error().text();
    return made ? made->tokens.front()->secret_id : "";
  }
  void join_node() {
    auto node = std::make_shared<schema::node>();
    node->id = node_id;
    node->secret_id = node_secret;
    node->name = "one";
    node->datacenter = "dc1";
    node->status = "initializing";
    node->attributes = {{"kernel.name", "linux"}};
    schema::node_register_request request;
    request.node = node;
    auto registered = call<schema::node_update_response>("Node.Register", request, "");
    EXPECT_TRUE(registered) << registered.error().text();
  }

  // Was the call refused for want of permission? What else may be wrong with an empty request does not matter.
  bool refuses(const std::string& method, const rpc::method_table::method& row, const std::string& token) {
    std::shared_ptr<void> request(row.request->create(), row.request->destroy), response(row.response->create(), row.response->destroy);
    if (const auto* field = row.request->record->find_member("auth_token")) *static_cast<std::string*>(field->in(request.get())) = token;
    if (const auto* field = row.request->record->find_member("name"))
      if (field->type().kind == schema::kind::string && field->type().pointer == nullptr) *static_cast<std::string*>(field->in(request.get())) = "default";
    auto done = run(server->channel().call(method, {row.request, request.get()}, {row.response, response.get()}));
    return !done && done.error().code() == errc::permission_denied;
  }
  bool refuses_stream(const std::string& method, const rpc::method_table::stream_method& row, const std::string& token) {
    std::shared_ptr<void> request(row.request->create(), row.request->destroy);
    if (const auto* field = row.request->record->find_member("auth_token")) *static_cast<std::string*>(field->in(request.get())) = token;
    if (const auto* field = row.request->record->find_member("alloc_id")) *static_cast<std::string*>(field->in(request.get())) = "no-such-allocation";
    auto body = [&]() -> net::awaitable<result<std::string>> {
      CO_TRY_ASSIGN(auto stream, co_await server->channel().open(method, {row.request, request.get()}));
      stream->close_write();
      auto first = co_await net::with_deadline(stream->read(), net::after(seconds(5)));
      if (!first) co_return std::unexpected(first.error());
      co_return first->value_or("");
    };
    auto said = run(body());
    return said ? said->find("Permission denied") != said->npos : said.error().code() == errc::permission_denied;
  }

  net::loop loop;
  std::unique_ptr<cluster_server> server;

 private:
  std::string directory_;
};

// One policy for each kind of permission, with the rows that it opens.
struct grant {
  std::string name, rules;
  bool (*opens)(const permission& row, const grant& by);
  acl::capability capability = acl::capability::count_;
  acl::level level = acl::level::none;
};

std::vector<grant> grants() {
  std::vector<grant> out;
  for (size_t i = 0; i < static_cast<size_t>(acl::capability::count_); ++i) {
    auto c = static_cast<acl::capability>(i);
    std::string word(acl::name(c));
    out.push_back({.name = "ns-" + word,
                   .rules = R"(namespace "default" { capabilities = [")" + word + "\"] }",
                   .opens =
                       [](const permission& row, const grant& by) {
                         if (row.what == need::sees) return true;
                         if (row.what != need::namespace_) return false;
                         auto have = acl::with_implied(acl::capabilities().set(static_cast<size_t>(by.capability)));
                         for (auto each : row.any)
                           if (each != acl::capability::count_ && have.test(static_cast<size_t>(each))) return true;
                         return false;
                       },
                   .capability = c});
  }
  auto leveled = [&](const char* block, const char* word, acl::level level) {
    out.push_back({.name = std::string(block) + "-" + word,
                   .rules = std::string(block) + " { policy = \"" + word + "\" }",
                   .opens =
                       [](const permission& row, const grant& by) {
                         auto kind = by.name.starts_with("node-")     ? need::node
                                     : by.name.starts_with("agent-")  ? need::agent
                                     : by.name.starts_with("quota-")  ? need::quota
                                     : by.name.starts_with("plugin-") ? need::plugin
                                                                      : need::operator_;
                         if (kind == need::operator_ && row.what == need::operator_capability) {
                           using oc = acl::operator_capability;
                           auto read = static_cast<unsigned>(oc::license_read) | static_cast<unsigned>(oc::keyring_read);
                           return by.level == acl::level::write || (row.bit & read) != 0;
                         }
                         return row.what == kind && by.level >= row.level;
                       },
                   .level = level});
  };
  leveled("node", "read", acl::level::read);
  leveled("node", "write", acl::level::write);
  leveled("agent", "read", acl::level::read);
  leveled("agent", "write", acl::level::write);
  leveled("operator", "read", acl::level::read);
  leveled("operator", "write", acl::level::write);
  leveled("quota", "read", acl::level::read);
  leveled("quota", "write", acl::level::write);
  leveled("plugin", "list", acl::level::list);
  leveled("plugin", "read", acl::level::read);
  return out;
}

// Rows that an empty request cannot tell apart: they ask for something that it does not name.
bool is_vacuous(const permission& row) { return row.what == need::variables || row.what == need::pool; }
// Open to whoever has some token, or none.
bool is_open(const permission& row) { return row.what == need::nothing || row.what == need::server_only || (row.what == need::own && row.also == nullptr); }

TEST(Permission, EveryMethodHasARow) {
  guarded_server s;
  for (const auto& [name, _] : s.server->methods().methods()) EXPECT_EQ(permission_of(name).method, name) << "give it a row in server/permission.cc";
  for (const auto& [name, _] : s.server->methods().streams()) EXPECT_EQ(permission_of(name).method, name) << "give it a row in server/permission.cc";
}

TEST(Permission, EveryMethodIsOpenExactlyWhereItsRowSays) {
  guarded_server s;
  struct who {
    std::string token;
    const grant* by;
  };
  auto all = grants();
  std::vector<who> callers = {{.token = "", .by = nullptr}};
  for (const auto& each : all) callers.push_back({s.token_with(each.name, each.rules), &each});
  for (const auto& [name, method] : s.server->methods().methods()) {
    const auto& row = permission_of(name);
    // The latter refuses the secret that the request has none of.
    if (is_vacuous(row) || name == "ACL.Bootstrap" || name == "ACL.ExchangeOneTimeToken") continue;
    // A token may look for itself in an object; those rows refuse by what they find.
    bool refuses_by_content = row.what == need::own;
    EXPECT_FALSE(row.what != need::node_only && s.refuses(name, method, first_secret)) << name << " refuses a management token";
    for (const auto& caller : callers) {
      bool open = is_open(row) || (row.what == need::any_token && caller.by != nullptr) || (caller.by != nullptr && caller.by->opens(row, *caller.by));
      if (open && (refuses_by_content || row.also != nullptr)) continue;
      EXPECT_EQ(s.refuses(name, method, caller.token), !open) << name << " with " << (caller.by != nullptr ? caller.by->name : "no token");
    }
  }
}

TEST(Permission, StreamsToo) {
  guarded_server s;
  auto nothing = s.token_with("nothing", R"(namespace "elsewhere" { policy = "read" })");
  auto reader = s.token_with("monitor", R"(agent { policy = "read" })");
  for (const auto& [name, method] : s.server->methods().streams()) {
    EXPECT_TRUE(s.refuses_stream(name, method, nothing)) << name;
    EXPECT_TRUE(s.refuses_stream(name, method, "")) << name;
    if (name == "Agent.Monitor") EXPECT_FALSE(s.refuses_stream(name, method, reader)) << name;
  }
}

TEST(Permission, NodesSpeakForThemselves) {
  guarded_server s;
  s.join_node();
  schema::node_update_status_request beat;
  beat.node_id = node_id;
  beat.status = "ready";
  EXPECT_TRUE(s.call<schema::node_update_response>("Node.UpdateStatus", beat, node_secret));
  for (std::string token : {std::string(), std::string("no-such-secret"), std::string(first_secret)}) {
    auto refused = s.call<schema::node_update_response>("Node.UpdateStatus", beat, token);
    ASSERT_FALSE(refused) << token;
    EXPECT_EQ(refused.error().text(), "Permission denied");
  }
  beat.node_id = "22222222-2222-3333-4444-555555555555";
  auto lost = s.call<schema::node_update_response>("Node.UpdateStatus", beat, node_secret);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().text(), "node not found") << "who hears that registers again";
  schema::node_specific_request own;
  own.node_id = node_id;
  EXPECT_TRUE(s.call<schema::single_node_response>("Node.GetNode", own, node_secret));
  EXPECT_FALSE(s.call<schema::single_node_response>("Node.GetNode", own, ""));
  EXPECT_FALSE(s.call<schema::job_list_response>("Job.List", schema::job_list_request(), node_secret)) << "a node is no user";
}

TEST(Permission, ListsLeaveOutWhatMayNotBeSeen) {
  guarded_server s;
  schema::namespace_upsert_request more;
  for (auto name : {"one", "two"}) {
    schema::namespace_definition made;
    made.name = name;
    more.namespaces.push_back(schema::share(std::move(made)));
  }
  ASSERT_TRUE(s.call<schema::generic_response>("Namespace.UpsertNamespaces", more));
  for (auto name : {"one", "two", "default"}) {
    schema::job job;
    job.id = job.name = std::string("in-") + name;
    job.namespace_ = name;
    job.datacenters = {"dc1"};
    auto& group = job.task_groups.emplace_back();
    group.name = "g";
    auto& task = group.tasks.emplace_back();
    task.name = "t";
    task.driver = "raw_exec";
    task.config["command"] = value("/bin/sleep");
    schema::job_register_request request;
    request.namespace_ = "default";  // the job's own counts
    request.job = schema::share(job);
    auto done = s.call<schema::job_register_response>("Job.Register", request);
    ASSERT_TRUE(done) << done.error().text();
  }
  auto some = s.token_with("some", "namespace \"one\" { policy = \"read\" }\nnamespace \"def*\" { policy = \"read\" }");
  schema::job_list_request all;
  all.namespace_ = "*";
  auto seen = s.call<schema::job_list_response>("Job.List", all, some);
  ASSERT_TRUE(seen) << seen.error().text();
  ASSERT_EQ(seen->jobs.size(), 2u);
  EXPECT_EQ(s.call<schema::job_list_response>("Job.List", all)->jobs.size(), 3u);
  EXPECT_EQ(s.call<schema::job_list_response>("Job.List", all, "")->jobs.size(), 0u) << "nobody sees nothing, and is not refused";
  all.namespace_ = "two";
  EXPECT_FALSE(s.call<schema::job_list_response>("Job.List", all, some));
  schema::namespace_list_request names;
  EXPECT_EQ(s.call<schema::namespace_list_response>("Namespace.ListNamespaces", names, some)->namespaces.size(), 2u);
  // Writing into a namespace by a job that names it, whatever the request says.
  auto writer = s.token_with("writer", R"(namespace "one" { policy = "write" })");
  schema::job_register_request request;
  request.namespace_ = "one";
  schema::job sneaky;
  sneaky.namespace_ = "two";
  sneaky.id = "sneaky";
  request.job = schema::share(std::move(sneaky));
  auto refused = s.call<schema::job_register_response>("Job.Register", request, writer);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text(), "Permission denied");
}

TEST(Permission, TokensEndAndAreForgotten) {
  guarded_server s;
  s.token_with("reader", R"(namespace "default" { policy = "read" })");
  schema::acl_token token;
  token.type = "client";
  token.policies = {"reader"};
  token.expiration_ttl = milliseconds(200);
  auto secret = s.make_token(token);
  auto late = s.call<schema::job_list_response>("Job.List", schema::job_list_request(), secret);
  EXPECT_TRUE(late);
  for (auto end = net::after(seconds(30)); late && net::now() < end;) late = s.call<schema::job_list_response>("Job.List", schema::job_list_request(), secret);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().text(), "ACL token expired");
  // A policy that changes changes what its tokens may, at once.
  token.expiration_ttl = {};
  secret = s.make_token(token);
  EXPECT_TRUE(s.call<schema::job_list_response>("Job.List", schema::job_list_request(), secret));
  s.token_with("reader", R"(namespace "default" { policy = "deny" })");
  EXPECT_FALSE(s.call<schema::job_list_response>("Job.List", schema::job_list_request(), secret));
}

TEST(Permission, TheFirstTokenIsGivenOnce) {
  guarded_server s;
  auto again = s.call<schema::acl_token_upsert_response>("ACL.Bootstrap", schema::acl_token_bootstrap_request(), "");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), errc::invalid);
  EXPECT_TRUE(again.error().text().starts_with("ACL bootstrap already done (reset index: ")) << again.error().text();
}

TEST(Permission, WrongTokensAreSentences) {
  guarded_server s;
  struct row {
    std::string says;
    void (*spoil)(schema::acl_token&);
  } rows[] = {
      {"client token missing policies or roles", [](auto& t) { t.type = "client"; }},
      {"token type must be client or management", [](auto& t) { t.type = "boss"; }},
      {"management token cannot be associated with policies or roles", [](auto& t) { t.policies = {"a"}; }},
      {"cannot find role nobody", [](auto& t) { t.type = "client", t.roles = {{.id = {}, .name = "nobody"}}; }},
      {"must be a UUID", [](auto& t) { t.accessor_id = "x"; }},
      {"cannot be more than", [](auto& t) { t.expiration_ttl = hours(1000); }},
      {"should not be negative", [](auto& t) { t.expiration_ttl = seconds(-1); }},
  };
  for (const auto& [says, spoil] : rows) {
    schema::acl_token token;
    token.type = "management";
    spoil(token);
    schema::acl_token_upsert_request request;
    request.tokens.push_back(schema::share(token));
    auto made = s.call<schema::acl_token_upsert_response>("ACL.UpsertTokens", request);
    ASSERT_FALSE(made) << says;
    EXPECT_NE(made.error().text().find(says), std::string::npos) << made.error().text();
  }
}

}  // namespace
}  // namespace drover::server
