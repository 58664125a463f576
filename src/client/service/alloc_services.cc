#include "client/service/alloc_services.h"

#include <algorithm>

#include "client/alloc_runner.h"
#include "client/health_watcher.h"
#include "client/limits.h"
#include "client/service/registrar.h"
#include "client/system.h"
#include "codec/compare.h"

namespace drover::client {

struct alloc_services::running_check {
  planned_check planned;
  schema::alloc_check_status status;
  int64_t successes = 0, failures = 0;
  bool warning = false;
  // Of the status as it is.
  timestamp since;
  net::event removed;

  // check_restart: watched from the end of its grace after each start of what it checks.
  timestamp watched_start;
  net::time_point grace_until = net::never;
  std::optional<net::time_point> unhealthy_since;
  bool armed = false;
};

alloc_services::alloc_services(runner_context& node, alloc_runner& alloc)
    : node_(node), alloc_(alloc), logger_(node.logger.named("services")), scope_(node.loop, logger_) {}

alloc_services::~alloc_services() = default;

void alloc_services::begin() {
  begun_ = true;
  sync();
}

void alloc_services::end() {
  if (ended_) return;
  ended_ = true;
  if (!native_) return;
  sync_records({});
  sync_checks({});
}

awaitable<void> alloc_services::stop() {
  co_await scope_.stop();
  checks_.clear();
}

void alloc_services::sync() {
  native_ |= has_native_services(alloc_.group());
  if (!native_ || !begun_ || ended_ || scope_.stopping()) return;
  if (alloc_.tasks_done()) {
    end();
    return;
  }
  auto wanted = make_plan();
  sync_records(std::move(wanted.records));
  sync_checks(std::move(wanted.checks));
}

void alloc_services::add_services(plan& into, const workload& w, const std::vector<schema::service>& services, const task_env& env, bool serving) const {
  auto node = node_.node();
  for (auto& written : services) {
    if (written.provider != "nomad") continue;
    auto service = interpolate(written, env);
    for (auto& check : plan_checks(w, service)) into.checks.push_back(std::move(check));
    if (!serving || !node_.options.service_discovery) continue;
    auto made = make_registration(w, service, *node);
    if (made) {
      into.records[made->id] = std::move(*made);
    } else if (auto& said = complained_[service.name]; said != made.error().text()) {
      said = made.error().text();
      logger_.error("cannot register a service", {{"alloc_id", w.alloc.id}, {"error", said}});
    }
  }
}

alloc_services::plan alloc_services::make_plan() const {
  plan out;
  auto alloc = alloc_.alloc();
  auto node = node_.node();
  task_env_input in;
  in.alloc = alloc.get();
  in.group = &alloc_.group();
  in.node = node.get();
  in.region = node_.options.region;
  if (!alloc_.group().services.empty())
    add_services(out, {.alloc = *alloc, .group = alloc_.group(), .task = nullptr}, alloc_.group().services, task_env::build(in), true);
  for (auto& runner : alloc_.tasks()) {
    auto& task = runner->task();
    if (task.services.empty()) continue;
    bool serving = runner->state().state == "running" && !runner->stopping();
    add_services(out, {.alloc = *alloc, .group = alloc_.group(), .task = &task}, task.services, runner->env(), serving);
  }
  return out;
}

void alloc_services::sync_records(wanted_records wanted) {
  for (auto& [id, record] : records_)
    if (!wanted.contains(id)) node_.services->remove(id, record.namespace_);
  for (auto& [id, record] : wanted)
    if (auto known = records_.find(id); known == records_.end() || !codec::equal(known->second, record)) node_.services->put(record);
  records_ = std::move(wanted);
}

void alloc_services::sync_checks(std::vector<planned_check> wanted) {
  std::map<std::string, std::shared_ptr<running_check>> next;
  for (auto& planned : wanted) {
    auto known = checks_.extract(planned.id);
    if (known) {
      known.mapped()->planned = std::move(planned);
      next.insert(std::move(known));
      continue;
    }
    auto made = std::make_shared<running_check>();
    made->status = first_status(planned, alloc_.alloc()->name, wall_now());
    made->since = wall_now();
    made->planned = std::move(planned);
    next[made->planned.id] = made;
    scope_.spawn(&alloc_services::watch, this, made);
  }
  for (auto& [id, gone] : checks_) gone->removed.set();
  checks_ = std::move(next);
}

bool alloc_services::serving(const planned_check& planned) const {
  auto states = alloc_.states();
  auto task = planned.task.empty() ? planned.check.task_name : planned.task;
  if (task.empty()) return look_at_health(alloc_.group(), states).running;
  auto it = states.find(task);
  return it != states.end() && it->second.state == "running";
}

awaitable<void> alloc_services::watch(std::shared_ptr<running_check> check) {
  co_await try_early(check);
  while (!check->removed.is_set()) {
    co_await run_once(check, false);
    if (co_await check->removed.wait(net::after(check->planned.check.interval))) co_return;
  }
}

// Half an interval passes before the first run that may fail; one that passes earlier counts at once, so that a deployment need not wait.
awaitable<void> alloc_services::try_early(std::shared_ptr<running_check> check) {
  auto first_run = net::after(check->planned.check.interval / 2);
  auto pause = limits::check_probe_first;
  while (!check->removed.is_set() && check->status.status == "pending" && net::now() < first_run) {
    if (co_await check->removed.wait(std::min(net::after(pause), first_run))) co_return;
    pause = pause * 2;
    if (net::now() < first_run && serving(check->planned)) co_await run_once(check, true);
  }
  // One that has passed is due after a whole interval.
  if (check->status.status != "pending") co_await check->removed.wait(net::after(check->planned.check.interval));
}

awaitable<void> alloc_services::run_once(std::shared_ptr<running_check> check, bool early) {
  auto task = check->planned.task.empty() ? check->planned.check.task_name : check->planned.task;
  auto script = [this, task](std::vector<std::string> command) { return run_script(task, std::move(command)); };
  auto outcome = co_await run_check(node_.loop, check->planned, alloc_.alloc(), script);
  if (!check->removed.is_set()) note(*check, std::move(outcome), early);
}

awaitable<result<script_result>> alloc_services::run_script(std::string task, std::vector<std::string> command) {
  auto* runner = alloc_.find_task(task);
  if (!runner) co_return fail(errc::not_found, "the allocation has no task \"{}\" to run a script in", task);
  CO_TRY_ASSIGN(auto process, co_await runner->exec(std::move(command), false));
  process->close_stdin();
  script_result out;
  for (;;) {
    CO_TRY_ASSIGN(auto chunk, co_await process->read());
    if (!chunk) break;
    if (out.output.size() < limits::check_output_bytes_max) out.output += chunk->data;
  }
  CO_TRY_ASSIGN(out.code, co_await process->wait());
  co_return out;
}

void alloc_services::note(running_check& check, check_outcome outcome, bool early) {
  if (early && !outcome.passed) return;
  auto& rules = check.planned.check;
  (outcome.passed ? check.successes : check.failures) += 1;
  (outcome.passed ? check.failures : check.successes) = 0;
  auto& status = check.status;
  status.timestamp = wall_now().unix_seconds();
  status.status_code = outcome.status_code;
  status.output = std::move(outcome.output);
  check.warning = outcome.warning;
  bool settled = outcome.passed ? check.successes >= rules.success_before_passing : check.failures >= rules.failures_before_critical;
  std::string next = outcome.passed ? "success" : "failure";
  if (settled && status.status != next) {
    logger_.debug("a check has changed", {{"alloc_id", alloc_.id()}, {"check", rules.name}, {"status", next}, {"output", status.output}});
    status.status = next;
    check.since = wall_now();
    alloc_.states_changed().notify_all();
  }
  consider_restart(check);
}

// The start that a check_restart looks at: of its task, or the last one of the group.
static timestamp last_start(const planned_check& planned, const task_states& states) {
  timestamp last;
  for (auto& [name, state] : states)
    if ((planned.task.empty() || planned.task == name) && state.state == "running" && (last.is_zero() || state.started_at > last)) last = state.started_at;
  return last;
}

void alloc_services::consider_restart(running_check& check) {
  auto& rules = check.planned.check.check_restart;
  if (!rules || rules->limit <= 0) return;
  auto start = last_start(check.planned, alloc_.states());
  if (start.is_zero()) return;
  auto now = net::now();
  if (start != check.watched_start) {
    check.watched_start = start;
    auto left = rules->grace - (wall_now() - start);
    check.grace_until = left.ns > 0 ? net::after(left) : now;
    check.unhealthy_since.reset();
    check.armed = true;
  }
  if (check.status.status == "success" || (check.warning && rules->ignore_warnings)) {
    check.unhealthy_since.reset();
    return;
  }
  if (!check.armed || now < check.grace_until) return;
  if (!check.unhealthy_since) check.unhealthy_since = now;
  auto limit = std::chrono::nanoseconds((check.planned.check.interval * (rules->limit - 1)).ns);
  if (now < *check.unhealthy_since + limit) return;
  check.armed = false;
  restart_workload(check);
}

void alloc_services::restart_workload(const running_check& check) {
  auto reason = fmt::format("healthcheck: check \"{}\" unhealthy", check.planned.check.name);
  logger_.info("restarting because a check fails", {{"alloc_id", alloc_.id()}, {"check", check.planned.check.name}});
  for (auto& task : alloc_.tasks())
    if (check.planned.task.empty() ? task->state().state == "running" : task->name() == check.planned.task) (void)task->restart(reason, true);
}

std::map<std::string, schema::alloc_check_status> alloc_services::results() const {
  std::map<std::string, schema::alloc_check_status> out;
  for (auto& [id, check] : checks_) out[id] = check->status;
  return out;
}

alloc_services::health alloc_services::check_health() const {
  health out;
  out.passing = true;
  for (auto& [id, check] : checks_) {
    out.checked = true;
    bool passes = check->status.status == "success" || (check->status.status == "failure" && check->planned.mode == "readiness");
    if (!passes) {
      out.passing = false;
      if (std::ranges::find(out.failing, check->planned.service) == out.failing.end()) out.failing.push_back(check->planned.service);
    } else if (out.since.is_zero() || check->since > out.since) {
      out.since = check->since;
    }
  }
  return out;
}

}  // namespace drover::client
