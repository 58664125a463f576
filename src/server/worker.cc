#include "server/worker.h"

#include "sched/plan_check.h"
#include "server/plan_queue.h"
#include "server/replicator.h"

namespace drover::server {

worker::worker(server_context& context, std::string id, std::vector<std::string> types)
    : context_(context),
      logger_("nomad.worker"),
      id_(std::move(id)),
      types_(std::move(types)),
      started_(context.clock.now()),
      thread_(context.loop, 1),
      scope_(context.loop, logger_) {}

void worker::start() {
  scope_.spawn(run());
  scope_.spawn(keep_lease());
}

// Work that makes progress is never thrown away for being large: its lease lasts as long as it does.
net::awaitable<void> worker::keep_lease() {
  for (;;) {
    co_await net::sleep_for(context_.options.eval_nack_timeout / 3);
    if (lease_) context_.broker->renew(lease_->eval->id, lease_->token);
  }
}

net::awaitable<void> worker::run() {
  for (;;) {
    lease_ = co_await context_.broker->dequeue(types_);
    logger_.debug("dequeued evaluation", {{"worker_id", id_}, {"eval_id", lease_->eval->id}, {"type", lease_->eval->type}, {"job_id", lease_->eval->job_id}});
    auto done = co_await process(*lease_);
    auto finished = std::exchange(lease_, std::nullopt);
    if (done) {
      (void)context_.broker->ack(finished->eval->id, finished->token);
    } else {
      logger_.warn("evaluation goes back to the queue", {{"eval_id", finished->eval->id}, {"error", done.error().text()}});
      (void)context_.broker->nack(finished->eval->id, finished->token);
    }
  }
}

net::awaitable<sched::outcome> worker::schedule(const schema::evaluation& eval, uint64_t seed, uint32_t attempt) {
  auto changed = follower_.take();
  auto state = context_.followed;
  auto now = context_.clock.now();
  co_return co_await thread_.run([&] {
    follower_.catch_up(state, changed);
    return sched::schedule(state, follower_.view(), eval, now, seed, {.attempt = attempt});
  });
}

net::awaitable<result<>> worker::process(const eval_lease& lease) {
  const auto& eval = *lease.eval;
  uint64_t seed = context_.random.number();
  int attempts = sched::max_attempts(eval.type);
  std::optional<sched::outcome> outcome;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    outcome = co_await schedule(eval, seed, static_cast<uint32_t>(attempt));
    if (!outcome->has_plan()) co_return co_await store(*outcome);
    auto plan = outcome->plan;
    plan.eval_token = lease.token;
    CO_TRY_ASSIGN(auto committed, co_await context_.plans->submit(plan));
    if (sched::is_full_commit(plan, committed)) co_return co_await store(*outcome);
    logger_.debug("plan was committed in part", {{"eval_id", eval.id}, {"rejected_nodes", committed.rejected_nodes.size()}});
  }
  co_return co_await store(sched::give_up(*outcome, context_.clock.now(), seed));
}

net::awaitable<result<>> worker::store(const sched::outcome& outcome) {
  schema::eval_update_request update;
  for (const auto& each : outcome.created) update.evals.push_back(std::make_shared<const schema::evaluation>(each));
  update.evals.push_back(std::make_shared<const schema::evaluation>(outcome.eval));
  CO_TRY(co_await context_.replicate->apply<fsm::command_type::eval_update>(update));
  co_return result<>{};
}

}  // namespace drover::server
