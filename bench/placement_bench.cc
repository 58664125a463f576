// Submits jobs to a server by RPC and says when they are placed, on nodes that this process plays. Told what to do by lines on its input, each
// answered by one line of JSON: whoever started it measures the server in between. See bench/placement.py.
//   placement_bench ADDRESS NODES SESSIONS
//
//   place NAME JOBS COUNT SHAPE   JOBS jobs of COUNT allocations: seconds from the first submission until the last evaluation is complete.
//                                 SHAPE: plain, spread, affinity, both, constraint, huge (more than any node has), tiny (ten thousand fit
//                                 a node), batch
//   churn NAME RATE SECONDS       registrations of one allocation each at a steady rate: how long each took
//   down PERCENT                  so many nodes are said to be down: seconds until everything is placed again
//   plan COUNT TIMES              Job.Plan of COUNT allocations
//   hold                          every node holds a query for its allocations
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <sstream>

#include "base/text.h"
#include "env/random.h"
#include "fake_nodes.h"
#include "net/blocking.h"
#include "schema/alloc_rpc.h"
#include "schema/job_rpc.h"
#include "schema/node_rpc.h"

namespace drover::bench {
namespace {

// Registrations that are under way at once when many jobs are placed.
constexpr size_t submissions_at_once = 64;

double seconds_since(net::time_point began) { return std::chrono::duration<double>(net::now() - began).count(); }

std::shared_ptr<schema::job> make_job(const std::string& id, int64_t count, std::string_view shape) {
  auto job = std::make_shared<schema::job>();
  job->id = job->name = id;
  job->type = shape == "batch" ? "batch" : "service";
  job->datacenters = {"dc1"};
  auto& group = job->task_groups.emplace_back();
  group.name = "g";
  group.count = count;
  group.ephemeral_disk.emplace().size_mb = 10;
  auto& task = group.tasks.emplace_back();
  task.name = "t";
  task.driver = "raw_exec";
  task.config["command"] = value("/bin/true");
  task.log_config.emplace().max_files = 1;
  task.log_config->max_file_size_mb = 1;
  auto& resources = task.resources.emplace();
  resources.cpu = shape == "huge" ? 1'000'000 : shape == "tiny" ? 1 : 100;
  resources.memory_mb = shape == "tiny" ? 10 : 64;
  if (shape == "spread" || shape == "both") group.spreads.push_back({"${meta.rack}", 50, {}});
  if (shape == "affinity" || shape == "both") group.affinities.push_back({"${meta.rack}", "r1", "=", 50});
  if (shape == "constraint") {
    group.constraints.push_back({"${attr.platform.fact.3}", "value 3", "="});
    group.constraints.push_back({"${meta.rack}", "r[0-9]+", "regexp"});
    group.constraints.push_back({"${attr.platform.fact.5}", "value 6", "!="});
  }
  return job;
}

class director {
 public:
  director(net::loop& l, const std::string& address, size_t nodes, size_t sessions)
      : pool_(l, {}), server_(pool_.to(address, "global")), nodes_(l, address, nodes, sessions), scope_(l, log::logger("placement")) {}

  net::awaitable<void> enroll() {
    double spent = co_await nodes_.for_all(&fake_nodes::enroll);
    nodes_.keep_beating();
    std::printf("{\"nodes\": %zu, \"registered_s\": %.3f, \"failures\": %zu}\n", nodes_.all().size(), spent, nodes_.failures());
  }

  net::awaitable<void> obey(std::string line) {
    std::istringstream words(line);
    std::string verb, name, shape;
    size_t a = 0, b = 0;
    words >> verb;
    if (verb == "place" && words >> name >> a >> b >> shape) co_await place(name, a, static_cast<int64_t>(b), shape);
    else if (verb == "churn" && words >> name >> a >> b) co_await churn(name, a, b);
    else if (verb == "down" && words >> a) co_await down(a);
    else if (verb == "plan" && words >> a >> b) co_await plan(static_cast<int64_t>(a), b);
    else if (verb == "hold") nodes_.hold_queries(), std::printf("{}\n");
    else std::printf("{\"error\": \"not understood\"}\n");
    std::fflush(stdout);
  }

  net::awaitable<void> stop() {
    co_await scope_.stop();
    co_await nodes_.stop();
    co_await pool_.stop();
  }

 private:
  void note(const error& e) {
    if (failures_++ == 0) std::fprintf(stderr, "%s\n", e.text().c_str());
  }

  // The evaluation when it is over, or null.
  net::awaitable<schema::ref<schema::evaluation>> finished(std::string id) {
    schema::eval_specific_request request;
    request.eval_id = std::move(id);
    request.max_query_time = minutes(5);
    for (;;) {
      auto answer = co_await rpc::call<schema::single_eval_response>(*server_, "Eval.GetEval", request);
      if (!answer) {
        note(answer.error());
        co_return nullptr;
      }
      if (answer->eval && answer->eval->status != "pending") co_return answer->eval;
      request.min_query_index = answer->index;
    }
  }

  net::awaitable<result<std::string>> submit(std::shared_ptr<schema::job> job) {
    schema::job_register_request request;
    request.job = std::move(job);
    CO_TRY_ASSIGN(auto answer, co_await rpc::call<schema::job_register_response>(*server_, "Job.Register", request));
    co_return answer.eval_id;
  }

  net::awaitable<void> submit_some(const std::string& name, size_t jobs, int64_t count, const std::string& shape) {
    while (next_ < jobs) {
      auto id = fmt::format("{}-{}", name, next_++);
      auto eval = co_await submit(make_job(id, count, shape));
      if (!eval) note(eval.error());
      else if (auto done = co_await finished(*eval); done && done->status == "complete") waiting_ += queued(*done);
      else ++failures_;
    }
    if (--running_ == 0) done_.set();
  }
  static int64_t queued(const schema::evaluation& eval) {
    int64_t all = 0;
    for (const auto& [group, count] : eval.queued_allocations) all += count;
    return all;
  }

  net::awaitable<void> place(std::string name, size_t jobs, int64_t count, std::string shape) {
    next_ = 0;
    waiting_ = 0;
    failures_ = 0;
    running_ = std::min(jobs, submissions_at_once);
    done_.reset();
    auto began = net::now();
    for (size_t i = 0, n = running_; i < n; ++i) scope_.spawn(submit_some(name, jobs, count, shape));
    co_await done_.wait();
    double spent = seconds_since(began);
    auto placed = (static_cast<int64_t>(jobs) - static_cast<int64_t>(failures_)) * count - waiting_;
    std::printf("{\"placed\": %lld, \"waiting\": %lld, \"seconds\": %.3f, \"per_s\": %.0f, \"failures\": %zu}\n", static_cast<long long>(placed),
                static_cast<long long>(waiting_), spent, static_cast<double>(placed) / spent, failures_);
  }

  net::awaitable<void> one_of_churn(std::string id) {
    auto began = net::now();
    auto eval = co_await submit(make_job(id, 1, "plain"));
    if (!eval) note(eval.error());
    else if (auto done = co_await finished(*eval); done && done->status == "complete") took_.push_back(seconds_since(began) * 1000);
    else ++failures_;
    if (--running_ == 0) done_.set();
  }

  net::awaitable<void> churn(std::string name, size_t rate, size_t length) {
    took_.clear();
    failures_ = 0;
    done_.reset();
    size_t total = rate * length;
    running_ = total;
    auto began = net::now();
    for (size_t i = 0; i < total; ++i) {
      co_await net::sleep_until(began + std::chrono::microseconds(1'000'000 * i / rate));
      scope_.spawn(&director::one_of_churn, this, fmt::format("{}-{}", name, i));
    }
    co_await done_.wait();
    std::ranges::sort(took_);
    auto at = [&](size_t permille) { return took_.empty() ? 0.0 : took_[std::min(took_.size() - 1, took_.size() * permille / 1000)]; };
    std::printf("{\"rate\": %zu, \"jobs\": %zu, \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"failures\": %zu}\n", rate, total, at(500), at(990), failures_);
  }

  net::awaitable<void> fail_node(fake_node& mine) {
    mine.dead = true;
    schema::node_update_status_request request;
    request.node_id = mine.node->id;
    request.status = "down";
    request.auth_token = mine.node->secret_id;
    auto answer = co_await rpc::call<schema::node_update_response>(*mine.server, "Node.UpdateStatus", request);
    if (!answer) {
      note(answer.error());
    } else {
      for (auto& id : answer->eval_ids) {
        auto done = co_await finished(id);
        if (done && done->status == "complete") waiting_ += queued(*done);
      }
    }
    if (--running_ == 0) done_.set();
  }

  net::awaitable<void> down(size_t percent) {
    failures_ = 0;
    waiting_ = 0;
    done_.reset();
    auto lost = std::max<size_t>(1, nodes_.all().size() * percent / 100);
    running_ = lost;
    auto began = net::now();
    for (size_t i = 0; i < lost; ++i) scope_.spawn(fail_node(nodes_.all()[i]));
    co_await done_.wait();
    std::printf("{\"lost_nodes\": %zu, \"seconds\": %.3f, \"waiting\": %lld, \"failures\": %zu}\n", lost, seconds_since(began),
                static_cast<long long>(waiting_), failures_);
  }

  net::awaitable<void> plan(int64_t count, size_t times) {
    failures_ = 0;
    auto began = net::now();
    for (size_t i = 0; i < times; ++i) {
      schema::job_plan_request request;
      request.job = make_job("planned", count, "tiny");
      auto answer = co_await rpc::call<schema::job_plan_response>(*server_, "Job.Plan", request);
      if (!answer) note(answer.error());
      else if (!answer->failed_tg_allocs.empty()) ++failures_;
    }
    double spent = seconds_since(began);
    std::printf("{\"planned\": %zu, \"seconds\": %.3f, \"per_s\": %.0f, \"failures\": %zu}\n", static_cast<size_t>(count) * times, spent,
                static_cast<double>(count) * static_cast<double>(times) / spent, failures_);
  }

  rpc::connection_pool pool_;
  std::shared_ptr<rpc::channel> server_;
  fake_nodes nodes_;
  size_t next_ = 0, running_ = 0, failures_ = 0;
  int64_t waiting_ = 0;
  std::vector<double> took_;
  net::event done_;
  net::task_scope scope_;
};

net::awaitable<void> run(net::loop& loop, std::string address, size_t nodes, size_t sessions) {
  director all(loop, address, nodes, sessions);
  co_await all.enroll();
  std::fflush(stdout);
  net::blocking_pool input(loop, 1);
  for (;;) {
    auto line = co_await input.run([] {
      std::string text;
      return std::getline(std::cin, text) ? std::optional(text) : std::nullopt;
    });
    if (!line) break;
    co_await all.obey(*line);
  }
  co_await all.stop();
}

}  // namespace
}  // namespace drover::bench

int main(int argc, char** argv) {
  using namespace drover;
  auto nodes = argc > 2 ? parse_uint(argv[2]) : std::nullopt;
  auto sessions = argc > 3 ? parse_uint(argv[3]) : std::nullopt;
  if (argc != 4 || !nodes || !sessions || *sessions == 0) {
    std::fputs("usage: placement_bench ADDRESS NODES SESSIONS\n", stderr);
    return 2;
  }
  bench::raise_file_limit();
  net::loop loop(1);
  net::run_to_completion(loop, bench::run(loop, argv[1], *nodes, std::min<size_t>(*sessions, bench::sessions_max())));
}
