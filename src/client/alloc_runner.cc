#include "client/alloc_runner.h"

#include <algorithm>

#include "base/text.h"
#include "client/health_watcher.h"
#include "client/hook/hook.h"
#include "client/kill_point.h"
#include "client/network/manager.h"
#include "client/system.h"
#include "client/task_event.h"

namespace drover::client {

namespace {
bool server_stops(const schema::allocation& a) { return a.desired_status == "stop" || a.desired_status == "evict"; }
bool is_leader(const schema::task& t) { return t.leader; }
bool is_plain(const schema::task& t) { return !is_sidecar(stage_of(t)) && stage_of(t) != task_stage::poststop; }
bool is_side(const schema::task& t) { return is_sidecar(stage_of(t)); }
bool is_poststop(const schema::task& t) { return stage_of(t) == task_stage::poststop; }
}  // namespace

const schema::task_group* alloc_runner::find_group(const schema::allocation& alloc) {
  for (auto& g : alloc.job->task_groups)
    if (g.name == alloc.task_group) return &g;
  return nullptr;
}

alloc_runner::alloc_runner(runner_context& node, schema::ref<schema::allocation> alloc, std::optional<stored_alloc> stored)
    : node_(node),
      alloc_(std::move(alloc)),
      group_(find_group(*alloc_)),
      dir_(node.alloc_root + "/" + alloc_->id),
      logger_(node.logger.named("alloc_runner")),
      scope_(node.loop, logger_),
      health_scope_(node.loop, logger_),
      services_(node, *this) {
  ENSURE(group_, "the allocation's job has its group");
  for (auto& task : group_->tasks) tasks_.push_back(std::make_unique<task_runner>(node, *this, task.name));
  if (!stored) return;
  restored_ = true;
  health_ = stored->health;
  for (auto& task : tasks_)
    if (auto it = stored->tasks.find(task->name()); it != stored->tasks.end()) task->restore(std::move(it->second));
}

alloc_runner::~alloc_runner() = default;

void alloc_runner::start() {
  // On disk before anything runs: an agent that dies now finds it again.
  if (!restored_)
    if (auto stored = node_.db.put_alloc(*alloc_); !stored) logger_.error("cannot store an allocation", {{"alloc_id", id()}, {"error", stored.error().text()}});
  kill_point("alloc_stored");
  status_ = status_of(states());
  scope_.spawn(&alloc_runner::run, this);
}

awaitable<result<>> alloc_runner::prerun() {
  alloc_hook_context context{.node = node_, .alloc = alloc_, .group = *group_, .dir = dir_, .network = network_, .network_status = network_status_};
  for (auto& hook : make_alloc_hooks()) {
    auto done = co_await hook->prerun(context);
    if (!done) co_return wrap(done.error(), fmt::format("pre-run hook \"{}\" failed", hook->name()));
    kill_point("alloc_hook_done", hook->name());
  }
  take_network(network_status_);
  co_return result<>{};
}

// The record says where the allocation is reached, whoever reads it: environments, services, reports.
void alloc_runner::take_network(std::shared_ptr<const schema::alloc_network_status> status) {
  if (!status) return;
  auto with = std::make_shared<schema::allocation>(*alloc_);
  with->network_status = std::move(status);
  alloc_ = std::move(with);
}

// Its ports belong to others as soon as the servers hear that it has ended.
awaitable<void> alloc_runner::release_network() {
  if (network_.namespace_path.empty() || !node_.networks) co_return;
  auto gone = co_await node_.networks->tear_down(id());
  // Interrupted, or not possible now: whoever ends this runner tries once more.
  if (gone) network_ = {};
  else logger_.error("cannot remove the network of an allocation", {{"alloc_id", id()}, {"error", gone.error().text()}});
}

awaitable<void> alloc_runner::run() {
  if (!tasks_done()) {
    start_health_watch();
    if (auto ready = co_await prerun(); !ready) {
      logger_.error("cannot set up an allocation", {{"alloc_id", id()}, {"error", ready.error().text()}});
      siblings_killed_ = true;
      for (auto& task : tasks_)
        if (!task->dead()) task->fail_setup(events::setup_failure(wall_now(), "failed to setup alloc: " + ready.error().text()));
    }
  }
  if (!siblings_killed_ && !tasks_done() && !server_stops(*alloc_)) services_.begin();
  for (auto& task : tasks_) task->start();
  // Decided while it was being set up, or before the agent was restarted.
  if (server_stops(*alloc_)) stop_tasks(alloc_->desired_transition.no_shutdown_delay.value_or(false), false);
  if (restored_ && tasks_done()) node_.changed(*this, true);
  tell();
  co_await wait_tasks_done();
  kill_point("tasks_done");
  co_await release_network();
  kill_point("network_released");
  co_await release_volumes();
  node_.changed(*this, true);
  co_await keep_releasing_volumes();
}

void alloc_runner::start_health_watch() {
  auto rules = health_rules_of(*alloc_, *group_);
  if (!rules || (health_ && health_->healthy)) return;
  watched_deployment_ = alloc_->deployment_id;
  health_watched_ = true;
  health_scope_.spawn(&watch_health, std::ref(*this), *rules);
}

void alloc_runner::set_health(bool healthy, std::string why) {
  schema::alloc_deployment_status s;
  if (alloc_->deployment_status) s = *alloc_->deployment_status;
  s.healthy = healthy;
  s.timestamp = wall_now();
  health_ = s;
  if (auto stored = node_.db.put_health(id(), s); !stored)
    logger_.error("cannot store the health of an allocation", {{"alloc_id", id()}, {"error", stored.error().text()}});
  if (!healthy)
    for (auto& task : tasks_) task->add_event(events::alloc_unhealthy(wall_now(), why));
  node_.changed(*this, true);
}

void alloc_runner::update(schema::ref<schema::allocation> alloc) {
  auto* group = find_group(*alloc);
  if (!group || group->tasks.size() != tasks_.size()) {
    logger_.error("an update of an allocation does not fit its tasks", {{"alloc_id", id()}});
    return;
  }
  for (auto& task : tasks_)
    if (std::none_of(group->tasks.begin(), group->tasks.end(), [&](auto& t) { return t.name == task->name(); })) {
      logger_.error("an update of an allocation lacks a task", {{"alloc_id", id()}, {"task", task->name()}});
      return;
    }
  bool was_stopped = server_stops(*alloc_);
  bool new_deployment = alloc->deployment_id != alloc_->deployment_id;
  alloc_ = std::move(alloc);
  take_network(network_status_);
  group_ = group;
  if (auto stored = node_.db.put_alloc(*alloc_); !stored) logger_.error("cannot store an allocation", {{"alloc_id", id()}, {"error", stored.error().text()}});
  for (auto& task : tasks_) task->update();
  // The scheduler compares the time of this event with the time when the servers lost sight of the node.
  if (alloc_->client_status == "unknown" && !server_stops(*alloc_))
    for (auto& task : tasks_) task->add_event(events::reconnected(wall_now()));
  if (server_stops(*alloc_)) {
    if (!was_stopped || !stopping_) stop_tasks(alloc_->desired_transition.no_shutdown_delay.value_or(false), false);
    return;
  }
  if (new_deployment && !tasks_done()) {
    health_.reset();
    health_scope_.cancel();
    start_health_watch();
  }
  services_.sync();
  changed_.notify_all();
}

task_states alloc_runner::states() const {
  task_states out;
  for (auto& task : tasks_) out[task->name()] = task->state();
  return out;
}

void alloc_runner::tell() {
  auto now = status_of(states());
  bool urgent = now.status != status_.status;
  status_ = std::move(now);
  node_.changed(*this, urgent);
}

void alloc_runner::task_changed(const std::string& name) {
  services_.sync();
  auto* task = find_task(name);
  if (task->dead() && !stopping_ && !siblings_killed_) {
    if (task->state().failed) kill_others(*task, events::sibling_failed(wall_now(), name));
    else if (task->task().leader) kill_others(*task, events::leader_dead(wall_now()));
  }
  if (task->dead() && !stopping_ && !siblings_killed_ && !sidecars_killed_ && main_tasks_dead(*group_, states())) {
    sidecars_killed_ = true;
    for (auto& other : tasks_)
      if (is_side(other->task())) other->kill(events::main_dead(wall_now()), false);
  }
  tell();
  changed_.notify_all();
}

void alloc_runner::kill_others(const task_runner& cause, const schema::task_event& why) {
  siblings_killed_ = true;
  for (auto& other : tasks_)
    if (other.get() != &cause && !other->dead() && !is_poststop(other->task())) other->kill(why, false);
}

void alloc_runner::stop_tasks(bool no_shutdown_delay, bool also_poststop) {
  if (tasks_done()) return;
  // Before any delay: nobody new should find what is about to end.
  services_.end();
  if (!stopping_ || also_poststop) scope_.spawn(&alloc_runner::kill_all, this, no_shutdown_delay, also_poststop);
  stopping_ = true;
}

void alloc_runner::servers_known() {
  for (auto& task : tasks_) task->servers_known();
}

void alloc_runner::kill_tasks() { stop_tasks(false, false); }

awaitable<void> alloc_runner::kill_stage(bool (*wanted)(const schema::task&), bool no_shutdown_delay) {
  for (auto& task : tasks_)
    if (wanted(task->task())) task->kill(std::nullopt, no_shutdown_delay);
  while (std::any_of(tasks_.begin(), tasks_.end(), [&](auto& t) { return wanted(t->task()) && !t->dead(); })) co_await changed_.wait();
}

// The leader first, then the others, then sidecars; poststop tasks then have their turn.
awaitable<void> alloc_runner::kill_all(bool no_shutdown_delay, bool also_poststop) {
  if (group_->shutdown_delay && group_->shutdown_delay->ns > 0 && !no_shutdown_delay && !also_poststop) {
    auto until = net::after(*group_->shutdown_delay);
    while (!tasks_done())
      if (!co_await changed_.wait(until)) break;
  }
  co_await kill_stage(&is_leader, no_shutdown_delay);
  co_await kill_stage(&is_plain, no_shutdown_delay);
  co_await kill_stage(&is_side, no_shutdown_delay);
  if (also_poststop) co_await kill_stage(&is_poststop, no_shutdown_delay);
}

bool alloc_runner::tasks_done() const {
  return std::all_of(tasks_.begin(), tasks_.end(), [](auto& t) { return t->dead(); });
}

timestamp alloc_runner::finished_at() const {
  timestamp last;
  for (auto& task : tasks_)
    if (last.is_zero() || (!task->state().finished_at.is_zero() && task->state().finished_at > last)) last = task->state().finished_at;
  return last;
}

awaitable<void> alloc_runner::wait_tasks_done() {
  while (!tasks_done()) co_await changed_.wait();
}

awaitable<void> alloc_runner::stop() {
  co_await scope_.stop();
  co_await health_scope_.stop();
  co_await services_.stop();
  for (auto& task : tasks_) co_await task->stop();
  // Interrupted between the end of the last task and this.
  if (tasks_done()) co_await release_network();
}

awaitable<void> alloc_runner::kill_and_wait() {
  stop_tasks(false, true);
  co_await wait_tasks_done();
}

awaitable<result<>> alloc_runner::destroy() {
  stop_tasks(false, true);
  co_await wait_tasks_done();
  // Their supervisors end after the tasks are known to be dead.
  co_await stop();
  co_await release_network();
  co_await forget_volumes();
  kill_point("alloc_destroying");
  auto control = node_.control_root + "/" + id();
  CO_TRY(co_await node_.pool.run([&]() -> result<> {
    alloc_dir controls(control);
    TRY(controls.destroy());
    return dir_.destroy();
  }));
  kill_point("alloc_destroyed");
  // Last: an agent that dies before this does it again.
  co_return node_.db.remove_alloc(id());
}

schema::ref<schema::allocation> alloc_runner::report() const {
  auto out = std::make_shared<schema::allocation>();
  out->id = alloc_->id;
  out->node_id = alloc_->node_id;
  out->namespace_ = alloc_->namespace_;
  out->job_id = alloc_->job_id;
  out->eval_id = alloc_->eval_id;
  out->task_states = states();
  out->client_status = status_.status;
  out->client_description = status_.description;
  out->deployment_status = health_;
  out->network_status = alloc_->network_status;
  out->alloc_states = alloc_->alloc_states;
  return out;
}

task_runner* alloc_runner::find_task(const std::string& name) {
  for (auto& task : tasks_)
    if (task->name() == name) return task.get();
  return nullptr;
}

result<task_runner*> alloc_runner::pick_task(const std::string& name) {
  if (name.empty() && tasks_.size() == 1) return tasks_[0].get();
  if (auto* task = find_task(name)) return task;
  std::vector<std::string> names;
  for (auto& task : tasks_) names.push_back("\"" + task->name() + "\"");
  if (name.empty()) return fail(errc::invalid, "the allocation has several tasks ({}): say which", join(names, ", "));
  return fail(errc::not_found, "unknown task name \"{}\"; the allocation has {}", name, join(names, ", "));
}

result<> alloc_runner::restart(const std::string& task, bool all) {
  if (!task.empty() && !all) {
    TRY_ASSIGN(auto* picked, pick_task(task));
    return picked->restart("User requested task to restart");
  }
  bool any = false;
  for (auto& runner : tasks_)
    if (runner->state().state == "running")
      any |= runner->restart(all ? "User requested all tasks to restart" : "User requested running tasks to restart").has_value();
  if (!any) return fail(errc::not_found, "Task not running");
  return {};
}

awaitable<result<schema::alloc_resource_usage>> alloc_runner::usage(std::string wanted) {
  if (!wanted.empty() && !find_task(wanted)) co_return fail(errc::not_found, "unknown task name \"{}\"", wanted);
  schema::alloc_resource_usage out;
  out.resource_usage.emplace();
  for (auto& task : tasks_) {
    if (!wanted.empty() && task->name() != wanted) continue;
    auto usage = co_await task->usage();
    if (!usage) continue;
    if (usage->resource_usage) add_usage(*out.resource_usage, *usage->resource_usage);
    out.timestamp = std::max(out.timestamp, usage->timestamp);
    out.tasks[task->name()] = std::move(*usage);
  }
  co_return out;
}

}  // namespace drover::client
