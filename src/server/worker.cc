#include "server/worker.h"

#include "server/limits.h"
#include "server/plan_queue.h"
#include "server/replicator.h"

namespace drover::server {

worker::worker(server_context& context, std::string id, std::vector<std::string> types)
    : context_(context),
      logger_("nomad.worker"),
      id_(std::move(id)),
      types_(std::make_shared<std::vector<std::string>>(std::move(types))),
      started_(context.clock.now()),
      thread_(context.loop, 1),
      scope_(context.loop, logger_) {}

void worker::start() {
  for (size_t i = 0; i < worker_evals_max; ++i) scope_.spawn(run());
}

// Thousands of nodes may come, or this server may begin to lead, while there is nothing to schedule: the first evaluation does not wait for a view of
// them all.
void worker::note(const fsm::commit_event& event) {
  follower_.note(event);
  if (!context_.is_leader || types_->empty() || !leases_.empty() || catching_up_) return;
  if (follower_.should_catch_up(event.state)) scope_.spawn(catch_up_idle());
}

net::awaitable<void> worker::catch_up_idle() {
  catching_up_ = true;
  co_await catch_up();
  catching_up_ = false;
}

net::awaitable<void> worker::run() {
  for (;;) {
    auto lease = co_await context_.broker->dequeue(types_);
    leases_[lease.eval->id] = lease.token;
    logger_.debug("dequeued evaluation", {{"worker_id", id_}, {"eval_id", lease.eval->id}, {"type", lease.eval->type}, {"job_id", lease.eval->job_id}});
    auto done = co_await process(lease);
    leases_.erase(lease.eval->id);
    if (done) {
      (void)context_.broker->ack(lease.eval->id, lease.token);
    } else {
      logger_.warn("evaluation goes back to the queue", {{"eval_id", lease.eval->id}, {"error", done.error().text()}});
      (void)context_.broker->nack(lease.eval->id, lease.token);
    }
    if (leases_.empty() && follower_.is_far_behind()) co_await catch_up();
  }
}

// Nobody may ask for this view for long: what was planned gives way to what is stored.
net::awaitable<void> worker::catch_up() {
  auto changed = follower_.take();
  auto state = context_.followed;
  co_await thread_.run([&] {
    follower_.catch_up(state, changed);
    changed = {};
  });
}

net::awaitable<sched::outcome> worker::schedule(const schema::evaluation& eval, uint64_t seed, uint32_t attempt) {
  auto changed = follower_.take();
  auto state = context_.followed;
  auto now = context_.clock.now();
  co_return co_await thread_.run([&] {
    follower_.catch_up(state, changed);
    // What it was the last to know is freed here, not by the loop.
    changed = {};
    return sched::schedule(state, follower_.view(), eval, now, seed, {.attempt = attempt});
  });
}

net::awaitable<result<>> worker::process(const eval_lease& lease) {
  const auto& eval = *lease.eval;
  uint64_t seed = context_.random.number();
  const int attempts = sched::max_attempts(eval.type);
  std::optional<sched::outcome> outcome;
  // A plan of which something was accepted is progress, and so is one that lost the race against another: only attempts in vain are counted.
  int in_vain = 0;
  for (uint32_t attempt = 0; in_vain < attempts && attempt < plan_attempts_max; ++attempt) {
    const auto accepted_before = context_.plans->accepted();
    auto turn = co_await context_.plans->turn();
    outcome = co_await schedule(eval, seed, attempt);
    if (!outcome->has_plan()) {
      turn.end();
      co_return co_await store(*outcome);
    }
    outcome->plan.eval_token = lease.token;
    follower_.assume(outcome->plan);
    auto submitted = co_await context_.plans->submit(std::move(outcome->plan), evals_of(*outcome), this, std::move(turn));
    if (!submitted) {
      follower_.distrust();
      co_return std::unexpected(std::move(submitted).error());
    }
    if (submitted->concluded) co_return result<>{};
    if (submitted->full()) co_return co_await store(*outcome);
    follower_.refuse(submitted->refused, context_.followed);
    in_vain = submitted->index > 0 || submitted->accepted > accepted_before ? 0 : in_vain + 1;
    logger_.debug("plan was committed in part", {{"eval_id", eval.id}, {"rejected_nodes", submitted->rejected_nodes.size()}});
  }
  co_return co_await store(sched::give_up(*outcome, context_.clock.now(), seed));
}

std::vector<schema::ref<schema::evaluation>> worker::evals_of(const sched::outcome& outcome) {
  std::vector<schema::ref<schema::evaluation>> out;
  for (const auto& each : outcome.created) out.push_back(std::make_shared<const schema::evaluation>(each));
  out.push_back(std::make_shared<const schema::evaluation>(outcome.eval));
  return out;
}

net::awaitable<result<>> worker::store(const sched::outcome& outcome) {
  schema::eval_update_request update;
  update.evals = evals_of(outcome);
  CO_TRY(co_await context_.replicate->apply<fsm::command_type::eval_update>(update));
  co_return result<>{};
}

}  // namespace drover::server
