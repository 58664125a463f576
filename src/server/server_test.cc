// A real server, with its log on disk, and a client node that the test plays.
#include "server/server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "codec/compare.h"
#include "codec/json.h"
#include "jobspec/canonical.h"
#include "net/blocking.h"
#include "schema/alloc_rpc.h"
#include "schema/job_rpc.h"
#include "schema/node_rpc.h"
#include "schema/operator_rpc.h"

namespace drover::server {
namespace {

using schema::ref;

constexpr const char* node_id = "11111111-2222-3333-4444-555555555555";
constexpr const char* node_secret = "99999999-2222-3333-4444-555555555555";

class server_fixture {
 public:
  explicit server_fixture(std::string directory = {}) : directory_(directory.empty() ? make_directory() : std::move(directory)) {
    server_options options;
    options.data_dir = directory_;
    options.name = "test";
    server = std::make_unique<cluster_server>(loop, options);
    auto started = server->start();
    EXPECT_TRUE(started) << started.error().text();
  }
  ~server_fixture() {
    run(server->stop());
    server.reset();
    if (!keep_directory) std::filesystem::remove_all(directory_);
  }

  template <class T>
  T run(net::awaitable<T> body) {
    return net::run_to_completion(loop, std::move(body));
  }
  template <class Response, class Request>
  result<Response> call(std::string method, Request request) {
    return run(rpc::call<Response>(server->channel(), std::move(method), std::move(request)));
  }
  const std::string& directory() const { return directory_; }

  net::loop loop;
  std::unique_ptr<cluster_server> server;
  bool keep_directory = false;

 private:
  static std::string make_directory() {
    std::string path = testing::TempDir() + "/drover-server-XXXXXX";
    EXPECT_NE(mkdtemp(path.data()), nullptr);
    return path;
  }
  std::string directory_;
};

ref<schema::node> make_node() {
  auto node = std::make_shared<schema::node>();
  node->id = node_id;
  node->secret_id = node_secret;
  node->name = "one";
  node->datacenter = "dc1";
  node->status = "initializing";
  node->attributes = {{"kernel.name", "linux"}, {"driver.raw_exec", "1"}};
  node->drivers["raw_exec"] = {.attributes = {}, .detected = true, .healthy = true, .health_description = "Healthy", .update_time = {}};
  auto& resources = node->node_resources.emplace();
  resources.cpu.cpu_shares = 4000;
  resources.memory.memory_mb = 8000;
  resources.disk.disk_mb = 100'000;
  resources.min_dynamic_port = 20'000;
  resources.max_dynamic_port = 32'000;
  return node;
}

schema::job make_job(std::string id, int64_t count = 1) {
  schema::job job;
  job.id = std::move(id);
  job.datacenters = {"dc1"};
  auto& group = job.task_groups.emplace_back();
  group.name = "g";
  group.count = count;
  group.update.emplace().min_healthy_time = milliseconds(10);
  auto& task = group.tasks.emplace_back();
  task.name = "t";
  task.driver = "raw_exec";
  task.config["command"] = value("/bin/sleep");
  return job;
}

result<schema::job_register_response> submit(server_fixture& f, schema::job job) {
  schema::job_register_request request;
  request.job = std::make_shared<const schema::job>(std::move(job));
  return f.call<schema::job_register_response>("Job.Register", request);
}

void join_node(server_fixture& f) {
  schema::node_register_request request;
  request.node = make_node();
  auto registered = f.call<schema::node_update_response>("Node.Register", request);
  ASSERT_TRUE(registered) << registered.error().text();
  EXPECT_GT(registered->heartbeat_ttl, seconds(9));
  EXPECT_FALSE(registered->servers.empty());
  schema::node_update_status_request status;
  status.node_id = node_id;
  status.status = "ready";
  auto ready = f.call<schema::node_update_response>("Node.UpdateStatus", status);
  ASSERT_TRUE(ready) << ready.error().text();
}

// What the node is told to run, once there are `count` of them that should run.
std::vector<ref<schema::allocation>> wait_for_allocs(server_fixture& f, size_t count) {
  schema::node_specific_request request;
  request.node_id = node_id;
  request.secret_id = node_secret;
  for (;;) {
    auto answer = f.call<schema::node_client_allocs_response>("Node.GetClientAllocs", request);
    EXPECT_TRUE(answer) << answer.error().text();
    schema::allocs_get_request get;
    for (const auto& [id, index] : answer->allocs) get.alloc_ids.push_back(id);
    auto allocs = f.call<schema::allocs_get_response>("Alloc.GetAllocs", get);
    std::vector<ref<schema::allocation>> wanted;
    for (const auto& alloc : allocs->allocs)
      if (alloc->desired_status == "run" && alloc->client_status != "complete" && alloc->client_status != "failed") wanted.push_back(alloc);
    if (wanted.size() == count) return wanted;
    request.min_query_index = answer->index;
  }
}

void report(server_fixture& f, const std::vector<ref<schema::allocation>>& allocs, std::string status, std::optional<bool> healthy) {
  schema::alloc_update_request update;
  for (const auto& alloc : allocs) {
    auto changed = std::make_shared<schema::allocation>();
    changed->id = alloc->id;
    changed->node_id = alloc->node_id;
    changed->client_status = status;
    changed->deployment_id = alloc->deployment_id;
    if (healthy) {
      changed->deployment_status.emplace().healthy = *healthy;
      changed->deployment_status->timestamp = timestamp(1);
    }
    update.alloc.push_back(std::move(changed));
  }
  auto done = f.call<schema::generic_response>("Node.UpdateAlloc", update);
  ASSERT_TRUE(done) << done.error().text();
}

template <class Response, class Request, class Done>
Response wait_until(server_fixture& f, std::string method, Request request, Done done) {
  for (;;) {
    auto answer = f.call<Response>(method, request);
    EXPECT_TRUE(answer) << answer.error().text();
    if (done(*answer)) return *answer;
    request.min_query_index = answer->index;
  }
}

ref<schema::deployment> wait_for_deployment(server_fixture& f, const std::string& job, std::string status) {
  schema::job_specific_request request;
  request.job_id = job;
  return wait_until<schema::single_deployment_response>(f, "Job.LatestDeployment", request,
                                                        [&](const auto& answer) { return answer.deployment && answer.deployment->status == status; })
      .deployment;
}

TEST(Server, PlacesAJobAndFollowsItsDeployment) {
  server_fixture f;
  join_node(f);
  auto registered = submit(f, make_job("web", 2));
  ASSERT_TRUE(registered) << registered.error().text();
  EXPECT_FALSE(registered->eval_id.empty());
  auto allocs = wait_for_allocs(f, 2);
  EXPECT_EQ(allocs[0]->job->id, "web");
  EXPECT_EQ(allocs[0]->client_status, "pending");
  report(f, allocs, "running", true);
  auto deployment = wait_for_deployment(f, "web", "successful");
  EXPECT_EQ(deployment->status_description, "Deployment completed successfully");
  EXPECT_EQ(deployment->task_groups.at("g").healthy_allocs, 2);
  schema::job_specific_request get;
  get.job_id = "web";
  auto job = f.call<schema::single_job_response>("Job.GetJob", get)->job;
  EXPECT_EQ(job->status, "running");
  EXPECT_TRUE(job->stable);
  EXPECT_EQ(job->version, 0u);
}

TEST(Server, RollsOneAllocationAtATime) {
  server_fixture f;
  join_node(f);
  ASSERT_TRUE(submit(f, make_job("web", 3)));
  auto first = wait_for_allocs(f, 3);
  report(f, first, "running", true);
  wait_for_deployment(f, "web", "successful");

  auto changed = make_job("web", 3);
  changed.task_groups[0].tasks[0].env["VERSION"] = "two";
  ASSERT_TRUE(submit(f, changed));
  schema::node_specific_request request;
  request.node_id = node_id;
  request.secret_id = node_secret;
  for (int replaced = 1; replaced <= 3; ++replaced) {
    // Exactly one new allocation at a time, until it is healthy.
    auto is_new = [&](const ref<schema::allocation>& a) { return a->job->version == 1; };
    std::vector<ref<schema::allocation>> now;
    while (std::ranges::count_if(now = wait_for_allocs(f, 3), is_new) < replaced) {
      auto answer = f.call<schema::node_client_allocs_response>("Node.GetClientAllocs", request);
      request.min_query_index = answer->index;
    }
    EXPECT_EQ(std::ranges::count_if(now, is_new), replaced);
    std::vector<ref<schema::allocation>> fresh;
    std::ranges::copy_if(now, std::back_inserter(fresh), [&](const auto& a) { return is_new(a) && a->client_status == "pending"; });
    report(f, fresh, "running", true);
  }
  wait_for_deployment(f, "web", "successful");
}

TEST(Server, PendingJobSaysWhyAndRunsWhenANodeComes) {
  server_fixture f;
  auto job = make_job("late");
  job.constraints.push_back({.l_target = "${meta.state}", .r_target = "ready", .operand = "="});
  join_node(f);
  auto registered = submit(f, job);
  ASSERT_TRUE(registered) << registered.error().text();
  schema::eval_specific_request get;
  get.eval_id = registered->eval_id;
  auto eval = wait_until<schema::single_eval_response>(f, "Eval.GetEval", get, [](const auto& a) { return a.eval && a.eval->status == "complete"; }).eval;
  ASSERT_TRUE(eval->failed_tg_allocs.contains("g"));
  EXPECT_EQ(eval->failed_tg_allocs.at("g").constraint_filtered.at("${meta.state} = ready"), 1);
  EXPECT_FALSE(eval->blocked_eval.empty());

  auto node = std::make_shared<schema::node>(*make_node());
  node->meta["state"] = "ready";
  schema::node_register_request request;
  request.node = node;
  ASSERT_TRUE(f.call<schema::node_update_response>("Node.Register", request));
  EXPECT_EQ(wait_for_allocs(f, 1)[0]->job_id, "late");
}

TEST(Server, RefusesBadJobsAndStoresNothing) {
  server_fixture f;
  auto negative = make_job("bad");
  negative.task_groups[0].count = -1;
  auto twice = make_job("bad");
  twice.task_groups.push_back(twice.task_groups[0]);
  auto nowhere = make_job("bad");
  nowhere.namespace_ = "nowhere";
  for (const auto& job : {negative, twice, nowhere}) {
    auto refused = submit(f, job);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), errc::invalid);
  }
  auto good = make_job("bad");
  schema::job_register_request request;
  request.job = std::make_shared<const schema::job>(good);
  request.enforce_index = true;
  request.job_modify_index = 7;
  auto refused = f.call<schema::job_register_response>("Job.Register", request);
  EXPECT_EQ(refused.error().message(), "Enforcing job modify index 7: job does not exist");
  schema::job_list_request list;
  EXPECT_TRUE(f.call<schema::job_list_response>("Job.List", list)->jobs.empty());
}

TEST(Server, PlanStoresNothingAndAgreesWithTheRun) {
  server_fixture f;
  join_node(f);
  schema::job_plan_request request;
  request.job = std::make_shared<const schema::job>(make_job("web", 2));
  request.diff = true;
  auto plan = f.call<schema::job_plan_response>("Job.Plan", request);
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plan->diff->type, "Added");
  EXPECT_EQ(plan->annotations->desired_tg_updates.at("g").place, 2u);
  EXPECT_EQ(plan->job_modify_index, 0u);
  schema::job_list_request list;
  EXPECT_TRUE(f.call<schema::job_list_response>("Job.List", list)->jobs.empty());

  ASSERT_TRUE(submit(f, make_job("web", 1)));
  report(f, wait_for_allocs(f, 1), "running", true);
  wait_for_deployment(f, "web", "successful");
  plan = f.call<schema::job_plan_response>("Job.Plan", request);
  EXPECT_EQ(plan->diff->type, "Edited");
  EXPECT_EQ(plan->annotations->desired_tg_updates.at("g").place, 1u);
  EXPECT_EQ(plan->annotations->desired_tg_updates.at("g").in_place_update, 1u);
}

TEST(Server, StopHistoryRevertAndRunAgain) {
  server_fixture f;
  join_node(f);
  ASSERT_TRUE(submit(f, make_job("web")));
  report(f, wait_for_allocs(f, 1), "running", true);
  wait_for_deployment(f, "web", "successful");
  auto second = make_job("web");
  second.meta["x"] = "y";
  second.task_groups[0].tasks[0].env["V"] = "2";
  ASSERT_TRUE(submit(f, second));

  schema::job_revert_request revert;
  revert.job_id = "web";
  revert.job_version = 0;
  ASSERT_TRUE(f.call<schema::job_register_response>("Job.Revert", revert));
  schema::job_versions_request versions;
  versions.job_id = "web";
  versions.diffs = true;
  auto history = f.call<schema::job_versions_response>("Job.GetJobVersions", versions);
  ASSERT_EQ(history->versions.size(), 3u);
  EXPECT_TRUE(codec::equal(*history->versions[0], *history->versions[2], schema::diff_ignore));
  EXPECT_EQ(history->diffs.size(), 2u);
  revert.job_version = 9;
  EXPECT_EQ(f.call<schema::job_register_response>("Job.Revert", revert).error().code(), errc::not_found);

  schema::job_deregister_request stop;
  stop.job_id = "web";
  ASSERT_TRUE(f.call<schema::job_deregister_response>("Job.Deregister", stop));
  EXPECT_TRUE(wait_for_allocs(f, 0).empty());
  ASSERT_TRUE(submit(f, make_job("web")));
  EXPECT_EQ(wait_for_allocs(f, 1).size(), 1u);
}

TEST(Server, FailedAllocationIsRescheduled) {
  server_fixture f;
  join_node(f);
  auto job = make_job("flaky");
  auto& policy = job.task_groups[0].reschedule_policy.emplace();
  policy.unlimited = true;
  policy.delay = milliseconds(5);
  policy.delay_function = "constant";
  policy.attempts = 0;
  policy.interval = duration(0);
  policy.max_delay = duration(0);
  job.task_groups[0].update.reset();
  jobspec::canonicalize(job);
  job.task_groups[0].reschedule_policy->delay = seconds(5);
  auto registered = submit(f, job);
  ASSERT_TRUE(registered) << registered.error().text();
  auto first = wait_for_allocs(f, 1)[0];
  report(f, {first}, "failed", false);
  // The delay of at least 5 s is waited for by an evaluation that says until when.
  schema::job_specific_request request;
  request.job_id = "flaky";
  auto answer = wait_until<schema::job_evaluations_response>(
      f, "Job.Evaluations", request, [](const auto& a) { return std::ranges::any_of(a.evaluations, [](const auto& e) { return !e->wait_until.is_zero(); }); });
  EXPECT_TRUE(std::ranges::any_of(answer.evaluations, [](const auto& e) { return e->triggered_by == "alloc-failure"; }));
}

TEST(Server, EverythingIsThereAfterARestart) {
  std::string directory, cluster, alloc;
  {
    server_fixture f;
    f.keep_directory = true;
    directory = f.directory();
    join_node(f);
    ASSERT_TRUE(submit(f, make_job("web")));
    alloc = wait_for_allocs(f, 1)[0]->id;
    report(f, wait_for_allocs(f, 1), "running", true);
    wait_for_deployment(f, "web", "successful");
    cluster = f.server->state().cluster_id();
  }
  server_fixture f(directory);
  EXPECT_EQ(f.server->state().cluster_id(), cluster);
  auto allocs = wait_for_allocs(f, 1);
  EXPECT_EQ(allocs[0]->id, alloc);
  EXPECT_EQ(allocs[0]->client_status, "running");
  // The node keeps its secret: another one with its id is refused.
  schema::node_register_request request;
  auto thief = std::make_shared<schema::node>(*make_node());
  thief->secret_id = "00000000-0000-0000-0000-000000000000";
  request.node = thief;
  EXPECT_EQ(f.call<schema::node_update_response>("Node.Register", request).error().code(), errc::permission_denied);
}

TEST(Server, GarbageCollectionTakesWhatHasEnded) {
  server_fixture f;
  join_node(f);
  ASSERT_TRUE(submit(f, make_job("old")));
  auto allocs = wait_for_allocs(f, 1);
  schema::job_deregister_request stop;
  stop.job_id = "old";
  ASSERT_TRUE(f.call<schema::job_deregister_response>("Job.Deregister", stop));
  wait_for_allocs(f, 0);
  report(f, allocs, "complete", std::nullopt);
  schema::job_specific_request get;
  get.job_id = "old";
  wait_until<schema::single_job_response>(f, "Job.GetJob", get, [](const auto& a) { return a.job && a.job->status == "dead"; });
  wait_until<schema::job_evaluations_response>(f, "Job.Evaluations", get, [](const auto& a) {
    return std::ranges::all_of(a.evaluations, [](const auto& e) { return e->status == "complete" || e->status == "canceled"; });
  });
  ASSERT_TRUE(f.call<schema::generic_response>("System.GarbageCollect", schema::generic_request()));
  auto state = f.server->state();
  EXPECT_EQ(state.job("default", "old"), nullptr);
  EXPECT_EQ(state.alloc(allocs[0]->id), nullptr);
  for (const auto& eval : state.evals_by_job("default", "old")) ADD_FAILURE() << codec::to_json(*eval);
}

TEST(Server, SearchResolvesPrefixes) {
  server_fixture f;
  ASSERT_TRUE(submit(f, make_job("web-one")));
  ASSERT_TRUE(submit(f, make_job("web-two")));
  schema::search_request request;
  request.prefix = "web";
  auto found = f.call<schema::search_response>("Search.PrefixSearch", request);
  EXPECT_EQ(found->matches.at("jobs").size(), 2u);
  request.context = "nonsense";
  EXPECT_EQ(f.call<schema::search_response>("Search.PrefixSearch", request).error().code(), errc::invalid);
}

}  // namespace
}  // namespace drover::server
