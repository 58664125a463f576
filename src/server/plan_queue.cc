#include "server/plan_queue.h"

#include <algorithm>

#include "sched/plan_check.h"
#include "server/blocked_evals.h"
#include "server/eval_broker.h"
#include "server/evals.h"
#include "server/limits.h"
#include "server/replicator.h"
#include "server/wakeups.h"
#include "server/worker.h"

namespace drover::server {
namespace {

// Log entries of one plan that are on their way at once.
constexpr size_t plan_entries_in_flight_max = 2;

bool changes_nothing(const schema::plan_result& r) {
  return r.node_update.empty() && r.node_allocation.empty() && r.node_preemptions.empty() && !r.deployment && r.deployment_updates.empty();
}

}  // namespace

plan_queue::plan_queue(server_context& context) : context_(context), scope_(context.loop, log::logger("nomad.planner")) { scope_.spawn(run()); }

// A little at a time while there is nothing to check: the first plan, and the loop with it, does not wait for a view of all nodes that came meanwhile.
void plan_queue::note(const fsm::commit_event& event) {
  follower_.note(event);
  if (!enabled_ || started_ != landed_ || !waiting_.empty()) return;
  if (follower_.should_catch_up(event.state)) current_view();
}

void plan_queue::set_enabled(bool enabled) {
  enabled_ = enabled;
  follower_.distrust();
  if (enabled) return;
  for (const auto& each : std::exchange(waiting_, {})) each->done.set();
}

net::awaitable<result<committed_plan>> plan_queue::submit(schema::plan plan, std::vector<schema::ref<schema::evaluation>> conclusion, worker* from,
                                                          plan_turns::turn turn) {
  if (!enabled_) co_return fail(errc::unavailable, "plan queue is disabled");
  if (waiting_.size() >= plans_waiting_max) co_return fail(errc::unavailable, "{} plans wait already", plans_waiting_max);
  auto mine = std::make_shared<entry>();
  mine->plan = std::move(plan);
  mine->conclusion = std::move(conclusion);
  mine->from = from;
  mine->turn = std::move(turn);
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
      // A view that is read anew knows nothing of what is in flight.
      const size_t allowed = follower_.starts_over() ? 1 : plans_in_flight_max;
      if (started_ - landed_ >= allowed) {
        co_await landing_.wait();
        continue;
      }
      auto next = waiting_.extract(waiting_.begin()).value();
      check(next);
      next->turn.end();
    }
  }
}

const sched::node_view& plan_queue::current_view() {
  const bool everything = follower_.starts_over();
  follower_.catch_up(context_.followed, follower_.take());
  if (everything && started_ != landed_) follower_.distrust();
  return follower_.view();
}

namespace {

std::vector<schema::ref<schema::allocation>> allocs_on(const schema::plan& plan, const std::vector<std::string>& nodes) {
  std::vector<schema::ref<schema::allocation>> out;
  for (const auto* part : {&plan.node_update, &plan.node_preemptions, &plan.node_allocation})
    for (const auto& node : nodes)
      if (auto it = part->find(node); it != part->end()) out.insert(out.end(), it->second.begin(), it->second.end());
  return out;
}

}  // namespace

// Checks a plan and begins to write what fits.
void plan_queue::check(const std::shared_ptr<entry>& mine) {
  if (!context_.broker->holds(mine->plan.eval_id, mine->plan.eval_token)) {
    mine->outcome = fail(errc::conflict, "evaluation token does not match");
    return mine->done.set();
  }
  if (!context_.wakeups->may_start(mine->plan, context_.followed)) {
    for (const auto& [node, list] : mine->plan.node_allocation) mine->answer.rejected_nodes.push_back(node);
    for (const auto& [node, list] : mine->plan.node_update)
      if (!mine->plan.node_allocation.contains(node)) mine->answer.rejected_nodes.push_back(node);
    mine->answer.refused = allocs_on(mine->plan, mine->answer.rejected_nodes);
    scope_.spawn(&plan_queue::answer_when_landed, this, mine, started_);
    return;
  }
  auto accepted = sched::check_plan(current_view(), std::move(mine->plan));
  mine->answer.accepted = started_;
  mine->answer.rejected_nodes = accepted.rejected_nodes;
  if (mine->answer.full()) turns_.went_well();
  else turns_.collided();
  // All or nothing: also what would have fitted.
  const bool all_void = mine->plan.all_at_once && !mine->answer.full();
  for (const auto& [node, list] : mine->plan.node_allocation)
    if (all_void && std::ranges::find(accepted.rejected_nodes, node) == accepted.rejected_nodes.end()) mine->answer.rejected_nodes.push_back(node);
  mine->answer.refused = allocs_on(mine->plan, mine->answer.rejected_nodes);
  if (!mine->answer.full() && started_ != landed_) {
    // Others may have planned around what is refused here: they look again.
    for (const auto& id : accepted.rejected_nodes)
      if (auto node = context_.followed.node(id)) context_.blocked->unblock(node->computed_class, context_.followed.index());
  }
  if (changes_nothing(accepted)) {
    // What stood in the way may still be on its way into the state.
    scope_.spawn(&plan_queue::answer_when_landed, this, mine, mine->answer.full() ? landed_ : started_);
    return;
  }
  auto commands = fsm::make_plan_results(mine->plan, accepted, context_.now_ns());
  // The jobs of preempted allocations look for another place.
  std::set<std::pair<std::string, std::string>> preempted;
  for (const auto& [node, allocs] : accepted.node_preemptions)
    for (const auto& alloc : allocs)
      if (auto job = context_.followed.job(alloc->namespace_, alloc->job_id); job && preempted.emplace(job->namespace_, job->id).second)
        commands.front().preemption_evals.push_back(std::make_shared<const schema::evaluation>(new_eval(context_, *job, "preemption")));
  if (mine->answer.full()) {
    commands.back().evals = std::move(mine->conclusion);
    mine->answer.concluded = true;
  }
  context_.wakeups->note_accepted(mine->plan.job.get(), accepted, context_.followed);
  follower_.assume(accepted);
  for (auto* each : context_.workers)
    if (each != mine->from) each->assume(accepted);
  write(mine, std::move(commands));
}

void plan_queue::write(const std::shared_ptr<entry>& mine, std::vector<fsm::apply_plan_results_request> commands) {
  ++started_;
  mine->writes = commands.size();
  scope_.spawn(&plan_queue::write_all, this, mine, std::move(commands));
}

// Each goes to Raft as soon as it is encoded: it is written and applied while the next is made. Not all at once: what was planned is kept until the
// loop has seen it stored, and so is every state in between.
net::awaitable<void> plan_queue::write_all(std::shared_ptr<entry> mine, std::vector<fsm::apply_plan_results_request> commands) {
  for (size_t i = 0; i < commands.size(); ++i) {
    auto encoded = fsm::encode<fsm::command_type::apply_plan_results>(commands[i]);
    commands[i] = {};
    while (mine->in_flight >= plan_entries_in_flight_max) co_await mine->written.wait();
    if (mine->failure) {
      mine->writes -= commands.size() - i;
      if (mine->writes == 0) land(*mine);
      co_return;
    }
    ++mine->in_flight;
    scope_.spawn(&plan_queue::write_one, this, mine, std::move(encoded));
  }
}

net::awaitable<void> plan_queue::write_one(std::shared_ptr<entry> mine, std::string command) {
  auto index = co_await context_.replicate->apply_encoded(std::move(command));
  if (index) mine->answer.index = *index;
  else mine->failure = std::move(index).error();
  --mine->in_flight;
  mine->written.notify_all();
  if (--mine->writes == 0) land(*mine);
}

void plan_queue::land(entry& mine) {
  ++landed_;
  landing_.notify_all();
  if (mine.failure) {
    follower_.distrust();
    context_.wakeups->forget_accepted();
    for (auto* each : context_.workers) each->distrust();
    mine.outcome = std::unexpected(std::move(*mine.failure));
  } else {
    mine.outcome = std::move(mine.answer);
  }
  mine.done.set();
  // Nobody may ask for long: what was planned gives way to what is stored.
  if (started_ == landed_ && waiting_.empty() && follower_.is_far_behind()) current_view();
}

net::awaitable<void> plan_queue::answer_when_landed(std::shared_ptr<entry> mine, uint64_t plans) {
  while (landed_ < plans) co_await landing_.wait();
  mine->outcome = std::move(mine->answer);
  mine->done.set();
}

}  // namespace drover::server
