#include "server/plan_queue.h"

#include "sched/plan_check.h"
#include "server/eval_broker.h"
#include "server/evals.h"
#include "server/replicator.h"

namespace drover::server {
namespace {

constexpr size_t plans_max = 10'000;

bool changes_nothing(const schema::plan_result& r) {
  return r.node_update.empty() && r.node_allocation.empty() && r.node_preemptions.empty() && !r.deployment && r.deployment_updates.empty();
}

}  // namespace

plan_queue::plan_queue(server_context& context) : context_(context), scope_(context.loop, log::logger("nomad.planner")) { scope_.spawn(run()); }

void plan_queue::set_enabled(bool enabled) {
  enabled_ = enabled;
  if (enabled) return;
  for (const auto& each : std::exchange(waiting_, {})) each->done.set();
}

net::awaitable<result<schema::plan_result>> plan_queue::submit(schema::plan plan) {
  if (!enabled_) co_return fail(errc::unavailable, "plan queue is disabled");
  if (waiting_.size() >= plans_max) co_return fail(errc::unavailable, "{} plans wait already", plans_max);
  auto mine = std::make_shared<entry>();
  mine->plan = std::move(plan);
  mine->number = next_number_++;
  waiting_.insert(mine);
  filled_.set();
  co_await mine->done.wait();
  co_return std::move(mine->outcome);
}

net::awaitable<void> plan_queue::run() {
  for (;;) {
    co_await filled_.wait();
    filled_.reset();
    while (!waiting_.empty()) {
      auto next = waiting_.extract(waiting_.begin()).value();
      if (context_.broker->holds(next->plan.eval_id, next->plan.eval_token))
        next->outcome = co_await commit(next->plan);
      else
        next->outcome = fail(errc::conflict, "evaluation token does not match");
      next->done.set();
    }
  }
}

const sched::node_view& plan_queue::current_view() {
  follower_.catch_up(context_.followed, follower_.take());
  return follower_.view();
}

net::awaitable<result<schema::plan_result>> plan_queue::commit(const schema::plan& plan) {
  auto accepted = sched::check_plan(current_view(), plan);
  if (changes_nothing(accepted)) co_return accepted;
  auto command = fsm::make_plan_results(plan, accepted, context_.now_ns());
  // The jobs of preempted allocations look for another place.
  std::set<std::pair<std::string, std::string>> preempted;
  for (const auto& [node, allocs] : accepted.node_preemptions)
    for (const auto& alloc : allocs)
      if (auto job = context_.followed.job(alloc->namespace_, alloc->job_id); job && preempted.emplace(job->namespace_, job->id).second)
        command.preemption_evals.push_back(std::make_shared<const schema::evaluation>(new_eval(context_, *job, "preemption")));
  auto index = co_await context_.replicate->apply<fsm::command_type::apply_plan_results>(command);
  if (!index) co_return std::unexpected(std::move(index).error());
  accepted.alloc_index = *index;
  co_return accepted;
}

}  // namespace drover::server
