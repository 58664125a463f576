#include "client/restart_turn.h"

#include "client/alloc_runner.h"
#include "client/retry.h"
#include "client/system.h"
#include "client/template_limits.h"

namespace drover::client {

health_rules rollout_rules_of(const schema::task_group& group) {
  health_rules out{.min_healthy_time = seconds(10), .healthy_deadline = {}, .with_checks = true};
  if (!group.update) return out;
  out.min_healthy_time = group.update->min_healthy_time.value_or(seconds(10));
  out.with_checks = group.update->health_check.value_or("checks") == "checks";
  return out;
}

restart_turn::restart_turn(runner_context& node, std::string alloc_id, std::string task, std::function<void(std::string)> tell)
    : node_(node),
      alloc_id_(std::move(alloc_id)),
      task_(std::move(task)),
      tell_(std::move(tell)),
      logger_(node.logger.named("rollout")),
      renewing_(node.loop, logger_),
      watching_(node.loop, logger_) {}

restart_turn::~restart_turn() = default;

awaitable<void> restart_turn::stop() {
  co_await watching_.stop();
  co_await renewing_.stop();
}

awaitable<result<schema::restart_turn_response>> restart_turn::ask(wish w) {
  schema::restart_turn_request request;
  request.region = node_.options.region;
  request.auth_token = node_.node()->secret_id;
  request.alloc_id = alloc_id_;
  request.task = task_;
  request.held = held_;
  request.leave = w == wish::leave;
  co_return co_await rpc::call<schema::restart_turn_response>(node_.servers, "Alloc.RestartTurn", std::move(request));
}

awaitable<void> restart_turn::take() {
  watching_.cancel();
  retry_delay retry;
  while (!held_) {
    auto answer = co_await ask(wish::take);
    if (answer && answer->granted) {
      held_ = true;
      lease_ = std::max(answer->lease, limits::rollout_lease_min);
      renewing_.spawn(renew());
      break;
    }
    // Servers of another kind give no turns.
    if (!answer && answer.error().message().find("rpc: can't find") != std::string::npos) co_return;
    auto reason = answer ? answer->reason : answer.error().text();
    auto text = "Waiting for a turn to restart: " + reason;
    if (std::exchange(told_, text) != text) tell_(text);
    co_await net::sleep_for(retry.next(limits::rollout_ask_again));
  }
  told_.clear();
}

// Servers that do not answer give it to nobody else either: their leader hears of it before it gives any.
awaitable<void> restart_turn::renew() {
  while (held_) {
    co_await net::sleep_for(lease_ / 4);
    if (!held_) co_return;
    auto answer = co_await ask(wish::take);
    if (!answer) logger_.debug("a turn to restart could not be renewed", {{"alloc_id", alloc_id_}, {"task", task_}, {"error", answer.error().text()}});
  }
}

awaitable<void> restart_turn::leave() {
  if (!std::exchange(held_, false)) co_return;
  renewing_.cancel();
  co_await renewing_.join();
  // If it is not heard, the lease ends.
  (void)co_await ask(wish::leave);
}

void restart_turn::keep(health_rules rules, timestamp restarted_at) { watching_.spawn(watch(rules, restarted_at)); }

awaitable<void> restart_turn::watch(health_rules rules, timestamp restarted_at) {
  for (;;) {
    auto runner = node_.find(alloc_id_);
    if (!runner || runner->tasks_done()) break;
    auto view = look_at_health(runner->group(), runner->states());
    auto checks = rules.with_checks ? runner->services().check_health() : alloc_services::health{.checked = false, .passing = true, .since = {}, .failing = {}};
    auto own = runner->find_task(task_);
    bool well = view.running && checks.passing && own != nullptr && !own->stopping() && own->state().started_at >= restarted_at;
    auto since = std::max({view.since, checks.since, restarted_at});
    auto now = wall_now();
    if (well && now >= since + rules.min_healthy_time) break;
    co_await runner->states_changed().wait(well ? net::after(since + rules.min_healthy_time - now) : net::after(limits::rollout_look_again));
  }
  co_await leave();
}

}  // namespace drover::client
