// Many evaluations at once through a real server with its log on disk: workers that plan side by side, plans in flight, leases of large jobs.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>

#include "env/random.h"
#include "net/blocking.h"
#include "net/task_scope.h"
#include "schema/alloc_rpc.h"
#include "schema/job_rpc.h"
#include "schema/node_rpc.h"
#include "server/server.h"

namespace drover::server {
namespace {

using schema::ref;

schema::job make_job(std::string id, int64_t count, int64_t cpu) {
  schema::job job;
  job.id = std::move(id);
  job.type = "batch";
  job.datacenters = {"dc1"};
  auto& group = job.task_groups.emplace_back();
  group.name = "g";
  group.count = count;
  group.ephemeral_disk.emplace().size_mb = 10;
  auto& task = group.tasks.emplace_back();
  task.name = "t";
  task.driver = "raw_exec";
  task.config["command"] = value("/bin/true");
  task.log_config.emplace().max_files = 1;
  task.log_config->max_file_size_mb = 1;
  task.resources.emplace().cpu = cpu;
  task.resources->memory_mb = 10;
  return job;
}

class crowded_server {
 public:
  explicit crowded_server(const std::function<void(server_options&)>& tweak) {
    directory_ = ::testing::TempDir() + "/drover-planning-XXXXXX";
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
    server_options options;
    options.data_dir = directory_;
    options.name = "test";
    tweak(options);
    server_ = std::make_unique<cluster_server>(loop_, options);
    auto started = server_->start();
    EXPECT_TRUE(started) << started.error().text();
  }
  ~crowded_server() {
    net::run_to_completion(loop_, server_->stop());
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  template <class Response, class Request>
  Response call(std::string method, Request request) {
    auto answer = net::run_to_completion(loop_, rpc::call<Response>(server_->channel(), std::move(method), std::move(request)));
    EXPECT_TRUE(answer) << answer.error().text();
    return answer ? *answer : Response();
  }

  void add_nodes(int count, int64_t cpu) {
    for (int i = 0; i < count; ++i) {
      auto node = std::make_shared<schema::node>();
      node->id = env::real_random().uuid();
      node->secret_id = env::real_random().uuid();
      node->name = "n" + std::to_string(i);
      node->datacenter = "dc1";
      node->status = "initializing";
      node->attributes = {{"kernel.name", "linux"}, {"driver.raw_exec", "1"}};
      node->drivers["raw_exec"].detected = node->drivers["raw_exec"].healthy = true;
      auto& resources = node->node_resources.emplace();
      resources.cpu.cpu_shares = cpu;
      resources.memory.memory_mb = 1'000'000;
      resources.disk.disk_mb = 1'000'000;
      schema::node_register_request request;
      request.node = node;
      call<schema::node_update_response>("Node.Register", request);
      schema::node_update_status_request status;
      status.node_id = node->id;
      status.status = "ready";
      call<schema::node_update_response>("Node.UpdateStatus", status);
    }
  }

  // Registers all before the first is planned to its end.
  void submit(const std::vector<schema::job>& jobs) {
    net::run_to_completion(loop_, [](cluster_server& server, net::loop& loop, const std::vector<schema::job>& all) -> net::awaitable<void> {
      net::task_scope scope(loop, log::logger("test"));
      for (const auto& job : all) {
        schema::job_register_request request;
        request.job = std::make_shared<const schema::job>(job);
        scope.spawn([](cluster_server& s, schema::job_register_request r) -> net::awaitable<void> {
          auto done = co_await rpc::call<schema::job_register_response>(s.channel(), "Job.Register", std::move(r));
          EXPECT_TRUE(done) << done.error().text();
        }(server, std::move(request)));
      }
      co_await scope.join();
    }(*server_, loop_, jobs));
  }

  // Until no evaluation waits for a scheduler.
  std::vector<ref<schema::evaluation>> settle() {
    schema::eval_list_request request;
    for (;;) {
      auto answer = call<schema::eval_list_response>("Eval.List", request);
      if (std::ranges::none_of(answer.evaluations, [](const auto& eval) { return eval->status == "pending"; })) return answer.evaluations;
      request.min_query_index = answer.index;
    }
  }

  // Looks again whenever an evaluation has changed.
  void wait_until(const std::function<bool()>& done) {
    schema::eval_list_request request;
    while (!done()) request.min_query_index = call<schema::eval_list_response>("Eval.List", request).index;
  }

  std::map<std::string, int64_t> cpu_by_node() const {
    std::map<std::string, int64_t> out;
    server_->state().visit_allocs("", [&](const ref<schema::allocation>& alloc) {
      if (alloc->desired_status == "run") out[alloc->node_id] += alloc->allocated_resources->tasks.at("t").cpu.cpu_shares;
      return true;
    });
    return out;
  }
  size_t running(const std::string& job) const {
    auto allocs = server_->state().allocs_by_job("default", job);
    return static_cast<size_t>(std::ranges::count_if(allocs, [](const auto& each) { return each->desired_status == "run"; }));
  }
  cluster_server& server() { return *server_; }

 private:
  std::string directory_;
  net::loop loop_;
  std::unique_ptr<cluster_server> server_;
};

TEST(Planning, JobsPlannedSideBySideShareTheNodesAndOvercommitNone) {
  crowded_server c([](server_options& o) { o.scheduler_workers = 3; });
  constexpr int nodes = 8, jobs = 60, count = 10, cpu = 15, node_cpu = 1200;
  static_assert(jobs * count <= nodes * (node_cpu / cpu), "all of them fit");
  c.add_nodes(nodes, node_cpu);
  std::vector<schema::job> all;
  for (int i = 0; i < jobs; ++i) all.push_back(make_job("j" + std::to_string(i), count, cpu));
  c.submit(all);
  c.settle();
  for (const auto& [node, used] : c.cpu_by_node()) EXPECT_LE(used, node_cpu) << node;
  for (int i = 0; i < jobs; ++i) EXPECT_EQ(c.running("j" + std::to_string(i)), static_cast<size_t>(count)) << i;
}

TEST(Planning, MoreThanFitsFillsTheNodesAndTheRestWaits) {
  crowded_server c([](server_options& o) { o.scheduler_workers = 2; });
  constexpr int nodes = 5, jobs = 80, cpu = 100, node_cpu = 1000;
  c.add_nodes(nodes, node_cpu);
  std::vector<schema::job> all;
  for (int i = 0; i < jobs; ++i) all.push_back(make_job("j" + std::to_string(i), 1, cpu));
  c.submit(all);
  auto evals = c.settle();
  int64_t used = 0;
  for (const auto& [node, each] : c.cpu_by_node()) {
    EXPECT_LE(each, node_cpu) << node;
    used += each;
  }
  EXPECT_EQ(used, nodes * node_cpu);
  EXPECT_EQ(std::ranges::count(evals, std::string("blocked"), &schema::evaluation::status), jobs - nodes * node_cpu / cpu);
  // A node that comes takes as many of those that wait as it can.
  c.add_nodes(1, node_cpu);
  c.wait_until([&] {
    int64_t then = 0;
    for (const auto& [node, each] : c.cpu_by_node()) {
      EXPECT_LE(each, node_cpu) << node;
      then += each;
    }
    return then == (nodes + 1) * node_cpu;
  });
}

// Planning, checking and writing it takes many times as long as its lease lasts.
TEST(Planning, ALargeJobOutlivesItsLease) {
  crowded_server c([](server_options& o) {
    o.eval_nack_timeout = milliseconds(5);
    o.eval_delivery_limit = 1;
  });
  constexpr int64_t count = 9'000;
  c.add_nodes(10, 1'000'000);
  c.submit({make_job("large", count, 100)});
  const auto evals = c.settle();
  EXPECT_EQ(c.running("large"), static_cast<size_t>(count));
  ASSERT_EQ(evals.size(), 1u) << "it was given up and tried again";
  EXPECT_EQ(evals[0]->status, "complete");
  const auto summary = c.server().state().job_summary("default", "large");
  EXPECT_EQ(summary->summary.at("g").starting, count);
  EXPECT_EQ(summary->summary.at("g").queued, 0);
  // What they share is one record.
  std::map<const void*, int> resources;
  for (const auto& alloc : c.server().state().allocs_by_job("default", "large")) ++resources[alloc->allocated_resources.get()];
  EXPECT_LE(resources.size(), 3u) << "one for each entry of the log";
}

}  // namespace
}  // namespace drover::server
