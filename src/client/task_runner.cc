#include "client/task_runner.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "client/devices.h"
#include "client/kill_point.h"
#include "client/limits.h"
#include "client/system.h"
#include "client/task_event.h"

namespace drover::client {

namespace {
bool is_final(errc code) {
  return code == errc::invalid || code == errc::unsupported || code == errc::permission_denied || code == errc::not_found || code == errc::too_large;
}

schema::restart_policy policy_of(const task_owner& owner, const schema::task& task) {
  if (task.restart_policy) return *task.restart_policy;
  if (owner.group().restart_policy) return *owner.group().restart_policy;
  return default_restart_policy(owner.alloc()->job->type);
}

bool finishes(const task_owner& owner, const schema::task& task) {
  auto stage = stage_of(task);
  if (is_sidecar(stage)) return false;
  if (ends_on_success(stage)) return true;
  auto& type = owner.alloc()->job->type;
  return type == "batch" || type == "sysbatch";
}

const schema::task& find_task(const schema::task_group& group, const std::string& name) {
  auto it = std::find_if(group.tasks.begin(), group.tasks.end(), [&](auto& t) { return t.name == name; });
  ENSURE(it != group.tasks.end(), "an allocation keeps its tasks while it lives");
  return *it;
}
}  // namespace

task_runner::task_runner(runner_context& node, task_owner& owner, std::string name)
    : node_(node),
      owner_(owner),
      name_(std::move(name)),
      logger_(node.logger.named("task_runner")),
      driver_(node.drivers.find(task().driver)),
      tracker_(policy_of(owner, task()), finishes(owner, task())),
      hooks_(make_task_hooks()),
      scope_(node.loop, logger_),
      hook_scope_(node.loop, logger_) {
  stored_.state.state = "pending";
  exited_.set();
}

task_runner::~task_runner() = default;

const schema::task& task_runner::task() const { return find_task(owner_.group(), name_); }

void task_runner::restore(stored_task stored) {
  stored_ = std::move(stored);
  restored_ = true;
}

void task_runner::start() {
  if (dead()) {
    // The agent went away between the end of the task and the end of its supervisor.
    if (!stored_.handle.empty() && driver_) scope_.spawn(&task_runner::release, this);
    return;
  }
  if (stored_.state.events.empty()) events::append(stored_.state, events::received(wall_now()));
  save();
  begin_schedule();
  kill_point("task_received");
  scope_.spawn(&task_runner::run, this);
}

awaitable<void> task_runner::stop() {
  co_await scope_.stop();
  co_await hook_scope_.stop();
  co_await stop_hooks();
}

awaitable<void> task_runner::stop_hooks() {
  for (auto& hook : hooks_) co_await hook->stop();
}

void task_runner::save() {
  auto saved = node_.db.put_task(owner_.alloc()->id, name_, stored_);
  if (!saved) logger_.error("cannot store the state of a task", {{"alloc_id", owner_.alloc()->id}, {"task", name_}, {"error", saved.error().text()}});
}

void task_runner::changed() {
  save();
  owner_.task_changed(name_);
}

void task_runner::add_event(schema::task_event e) {
  events::append(stored_.state, std::move(e));
  changed();
}

void task_runner::set_state(std::string state, std::optional<schema::task_event> e) {
  auto& s = stored_.state;
  if (state == "running" && s.state != "running") s.started_at = wall_now();
  if (state == "dead" && s.state != "dead") s.finished_at = wall_now();
  s.state = std::move(state);
  if (e) events::append(s, std::move(*e));
  changed();
}

void task_runner::fail_setup(schema::task_event why) { set_state("dead", events::failing(std::move(why))); }

void task_runner::update() { tracker_.set_policy(policy_of(owner_, task())); }

// ---- life ----

awaitable<void> task_runner::run() {
  bool ran = stored_.state.state == "running";
  if (ran) co_await reattach();
  else co_await release();
  if (restored_ && !ran) co_await find_begun();
  if (restored_ && !handle_) co_await await_servers(ran);
  // To be ended, as it was decided before or while it was found: with its signal and its time, as always.
  if (handle_ && kill_requested_) {
    scope_.spawn(&task_runner::stop_handle, this, handle_);
    co_await run_once();
  }
  if (!handle_ && !kill_requested_ && !co_await wait_turn()) {
    co_await finish();
    co_return;
  }
  while (!kill_requested_) {
    co_await await_schedule();
    if (kill_requested_) break;
    auto outcome = co_await run_once();
    if (kill_requested_) break;
    // It was ended for its schedule: that is no outcome.
    if (std::exchange(pausing_, false)) continue;
    if (restart_requested_) outcome = restart_as_failure_ ? run_outcome::exited_failed : run_outcome::restart_requested;
    restart_requested_ = false;
    auto decision = tracker_.decide(outcome, wall_now(), random_unit());
    if (!co_await follow(std::move(decision))) break;
  }
  co_await finish();
}

// False: it will never be this task's turn.
awaitable<bool> task_runner::wait_turn() {
  // The owner notifies after every change of a state; kill() does too.
  for (;;) {
    if (kill_requested_) co_return false;
    auto states = owner_.states();
    if (may_start(owner_.group(), states, task())) co_return true;
    if (turn_lost(owner_.group(), states, task())) co_return false;
    co_await owner_.states_changed().wait();
  }
}

// Ends the supervisor of a task whose end is stored. Until that is done the handle stays on disk, so that a later agent can do it.
awaitable<void> task_runner::release() {
  if (stored_.handle.empty() || !driver_) co_return;
  co_await net::keep_going();
  if (!ended_) {
    auto found = co_await driver_->recover(make_spec(), stored_.handle);
    if (found) ended_ = std::move(*found);
  }
  if (ended_) co_await ended_->destroy();
  kill_point("supervisor_gone");
  ended_.reset();
  stored_.handle.clear();
  save();
  co_await boost::asio::this_coro::throw_if_cancelled(true);
}

awaitable<void> task_runner::reattach() {
  if (!driver_ || stored_.handle.empty()) co_return;
  auto found = co_await driver_->recover(make_spec(), stored_.handle);
  if (found) {
    handle_ = std::move(*found);
    exited_.reset();
    logger_.info("task found again", {{"alloc_id", owner_.alloc()->id}, {"task", name_}});
    for (auto& hook : hooks_) {
      auto context = hook_context();
      hook->resumed(context);
    }
    co_return;
  }
  logger_.warn("task not found again", {{"alloc_id", owner_.alloc()->id}, {"task", name_}, {"error", found.error().text()}});
  stored_.handle.clear();
  set_state("pending", events::terminated(wall_now(), {.code = 0, .signal = 0, .oom_killed = false, .message = found.error().text()}));
}

std::string task_runner::begun_note() const { return node_.control_root + "/" + owner_.alloc()->id + "/" + name_ + "/begun"; }

// The agent before this one may have started the task, and died before it could write that down: it must not run twice.
awaitable<void> task_runner::find_begun() {
  std::error_code failed;
  if (!driver_ || !std::filesystem::exists(begun_note(), failed)) co_return;
  auto found = co_await driver_->find(make_spec());
  if (found) {
    logger_.info("a task that was being started is found", {{"alloc_id", owner_.alloc()->id}, {"task", name_}});
    runs(std::move(*found));
    for (auto& hook : hooks_) {
      auto context = hook_context();
      hook->resumed(context);
    }
  } else if (found.error().code() != errc::not_found) {
    logger_.warn("cannot see whether a task was started", {{"alloc_id", owner_.alloc()->id}, {"task", name_}, {"error", found.error().text()}});
  }
  std::filesystem::remove(begun_note(), failed);
}

// While this machine was away the servers may have replaced the allocation: it must not run twice. Then it starts without counting as a failure.
awaitable<void> task_runner::await_servers(bool lost) {
  if (lost) {
    // Directories in memory are gone after a reboot.
    auto built = owner_.dir().build_task(name_, task().resources ? task().resources->secrets_mb : 0);
    if (!built) logger_.error("cannot rebuild a task's directory", {{"task", name_}, {"error", built.error().text()}});
  }
  if (kill_requested_ || node_.servers_known()) co_return;
  if (lost) add_event(events::failed_restoring(wall_now()));
  // A task that the servers themselves need cannot wait for them: after a full outage nobody else would start it.
  auto patience = starts_without_servers() ? net::after(limits::servers_patience) : net::never;
  while (!kill_requested_ && !node_.servers_known())
    if (!co_await wake_.wait(patience)) break;
  if (!kill_requested_ && !node_.servers_known())
    logger_.warn("no server answers: starting a task that does not wait for them", {{"alloc_id", owner_.alloc()->id}, {"task", name_}});
}

bool task_runner::starts_without_servers() const {
  auto says_so = [](const std::map<std::string, std::string>& meta) {
    auto it = meta.find("drover.start_without_servers");
    return it != meta.end() && parse_bool(it->second).value_or(false);
  };
  if (says_so(task().meta)) return true;
  const auto& job = *owner_.alloc()->job;
  auto group = std::ranges::find(job.task_groups, owner_.alloc()->task_group.str(), &schema::task_group::name);
  return says_so(job.meta) || (group != job.task_groups.end() && says_so(group->meta));
}

awaitable<run_outcome> task_runner::run_once() {
  if (!handle_) {
    if (auto failed = co_await prepare()) co_return *failed;
    if (kill_requested_) co_return run_outcome::exited_failed;
    if (auto failed = co_await launch()) co_return *failed;
    if (!handle_) co_return run_outcome::exited_failed;
  }
  auto handle = handle_;
  auto exit = co_await handle->wait();
  kill_point("exit_seen");
  exited_.set();
  ended_ = std::move(handle);
  handle_.reset();
  add_event(events::terminated(wall_now(), {exit.code, exit.signal, exit.oom_killed, exit.message}));
  kill_point("exit_stored");
  co_return exit.ok() ? run_outcome::exited_ok : run_outcome::exited_failed;
}

// Shared, because a cancelled hook may outlive the coroutine that waits for it.
struct task_runner::hook_run {
  task_hook_context context;
  result<> outcome = fail(errc::cancelled, "stopped");
};

awaitable<void> task_runner::run_hook(task_hook* hook, std::shared_ptr<hook_run> run) {
  struct notifier {
    net::event& e;
    ~notifier() { e.set(); }
  } at_end{hook_done_};
  run->outcome = co_await hook->prestart(run->context);
}

result<> task_runner::check_hook_outcome(task_hook& hook, task_hook_context& context, const result<>& outcome) {
  if (outcome) {
    if (hook.once()) stored_.hooks[std::string(hook.name())] = "done";
    return {};
  }
  auto e = context.failure ? *context.failure : events::hook_failed(wall_now(), fmt::format("{}: {}", hook.name(), outcome.error().text()));
  add_event(std::move(e));
  return fail(outcome.error());
}

awaitable<std::optional<run_outcome>> task_runner::prepare() {
  if (!driver_) {
    add_event(events::driver_failure(wall_now(), fmt::format("this node has no driver \"{}\"", task().driver)));
    co_return run_outcome::start_failed_for_good;
  }
  for (auto& hook : hooks_) {
    if (hook->once() && stored_.hooks.contains(std::string(hook->name()))) continue;
    kill_point("hook_begins", hook->name());
    auto run = std::make_shared<hook_run>(hook_run{.context = hook_context()});
    hook_done_.reset();
    hook_scope_.spawn(&task_runner::run_hook, this, hook.get(), run);
    co_await hook_done_.wait();
    if (kill_requested_) co_return std::nullopt;
    if (auto checked = check_hook_outcome(*hook, run->context, run->outcome); !checked)
      co_return is_final(checked.error().code()) ? run_outcome::start_failed_for_good : run_outcome::start_failed;
    kill_point("hook_done", hook->name());
  }
  co_return std::nullopt;
}

awaitable<std::optional<run_outcome>> task_runner::launch() {
  auto spec = make_spec();
  if (auto made = make_directories(spec.control_dir, 0700); !made) {
    add_event(events::driver_failure(wall_now(), made.error().text()));
    co_return run_outcome::start_failed;
  }
  // In a scope of its own: a kill cancels a driver that takes long, while an agent that stops waits for one that has begun and so still
  // learns how to find the task again.
  auto outcome = std::make_shared<result<>>(fail(errc::cancelled, "stopped"));
  hook_done_.reset();
  hook_scope_.spawn(&task_runner::start_driver, this, std::move(spec), outcome);
  co_await hook_done_.wait();
  if (*outcome || kill_requested_) co_return std::nullopt;
  add_event(events::driver_failure(wall_now(), outcome->error().text()));
  co_return outcome->error().code() == errc::unavailable ? run_outcome::start_failed : run_outcome::start_failed_for_good;
}

awaitable<void> task_runner::start_driver(task_spec spec, std::shared_ptr<result<>> outcome) {
  struct notifier {
    net::event& e;
    ~notifier() { e.set(); }
  } at_end{hook_done_};
  // Only as durable as the process that it is about: not synced.
  std::ofstream(begun_note()).flush();
  kill_point("driver_starts");
  auto handle = co_await driver_->start(std::move(spec));
  if (handle) started(std::move(*handle));
  std::error_code failed;
  std::filesystem::remove(begun_note(), failed);
  *outcome = handle ? result<>{} : fail(handle.error());
}

void task_runner::runs(std::shared_ptr<task_handle> handle) {
  handle_ = std::move(handle);
  exited_.reset();
  stats_.reset();
  stored_.handle = handle_->serialise();
  set_state("running", events::started(wall_now()));
}

void task_runner::started(std::shared_ptr<task_handle> handle) {
  kill_point("driver_started");
  runs(std::move(handle));
  for (auto& hook : hooks_) hook->started();
  if (paused()) stop_for_pause();
  kill_point("start_stored");
  // Asked for while the driver was starting it.
  if (kill_requested_ || restart_requested_) scope_.spawn(&task_runner::stop_handle, this, handle_);
}

awaitable<bool> task_runner::follow(restart_decision decision) {
  switch (decision.step) {
    case next_step::done: co_return false;
    case next_step::fail: events::append(stored_.state, events::failing(events::not_restarting(wall_now(), decision.reason))); co_return false;
    case next_step::restart: break;
  }
  ++stored_.state.restarts;
  stored_.state.last_restart = wall_now();
  set_state("pending", events::restarting(wall_now(), decision.delay, decision.reason));
  auto until = net::after(decision.delay);
  co_await release();
  while (!kill_requested_ && !restart_requested_)
    if (!co_await wake_.wait(until)) break;
  restart_requested_ = false;
  co_return !kill_requested_;
}

awaitable<void> task_runner::finish() {
  co_await stop_hooks();
  kill_point("task_ends");
  if (kill_requested_) set_state("dead", events::killed(wall_now()));
  else set_state("dead", std::nullopt);
  kill_point("end_stored");
  co_await release();
}

// ---- requests ----

void task_runner::kill(std::optional<schema::task_event> why, bool no_shutdown_delay) {
  if (dead() || kill_requested_) return;
  kill_requested_ = true;
  wake_.notify_all();
  hook_scope_.cancel();
  owner_.states_changed().notify_all();
  scope_.spawn(&task_runner::kill_running, this, std::move(why), no_shutdown_delay);
}

awaitable<void> task_runner::kill_running(std::optional<schema::task_event> why, bool no_shutdown_delay) {
  if (why) events::append(stored_.state, std::move(*why));
  auto handle = handle_;
  auto delay = task().shutdown_delay;
  if (handle && delay.ns > 0) {
    if (no_shutdown_delay) {
      add_event(events::skipping_shutdown_delay(wall_now()));
    } else {
      add_event(events::waiting_for_shutdown_delay(wall_now(), delay));
      co_await exited_.wait(net::after(delay));
    }
  }
  if (dead()) co_return;
  add_event(events::killing(wall_now(), kill_timeout()));
  kill_point("stop_told");
  if (handle) co_await stop_handle(std::move(handle));
}

awaitable<void> task_runner::stop_handle(std::shared_ptr<task_handle> handle) {
  auto asked = co_await handle->stop(kill_signal(), kill_timeout());
  if (asked && co_await exited_.wait(net::after(limits::stopped_patience))) co_return;
  if (!asked && asked.error().code() == errc::unsupported) {
    auto signalled = co_await handle->signal(kill_signal());
    kill_point("stop_signalled");
    if (signalled && co_await exited_.wait(net::after(kill_timeout()))) co_return;
  }
  auto pause = limits::kill_retry;
  for (int attempt = 0; attempt < limits::kill_attempts && !exited_.is_set(); ++attempt) {
    auto killed = co_await handle->kill();
    kill_point("killed");
    if (killed) break;
    if (killed.error().code() == errc::not_found) break;
    logger_.error("cannot kill a task", {{"alloc_id", owner_.alloc()->id}, {"task", name_}, {"error", killed.error().text()}});
    co_await exited_.wait(net::after(pause));
    pause = pause * 2;
  }
}

result<> task_runner::restart(std::string reason, bool as_failure) {
  if (dead() || kill_requested_) return fail(errc::not_found, "Task not running");
  if (!handle_ && stored_.state.state != "pending") return fail(errc::not_found, "Task not running");
  if (restart_requested_) return {};
  restart_requested_ = true;
  restart_as_failure_ = as_failure;
  add_event(events::restart_signaled(wall_now(), std::move(reason)));
  wake_.notify_all();
  if (handle_) scope_.spawn(&task_runner::stop_handle, this, handle_);
  return {};
}

awaitable<result<>> task_runner::signal(int number, std::string reason) {
  auto handle = handle_;
  if (!handle) co_return fail(errc::not_found, "Task not running");
  add_event(events::signaling(wall_now(), exec::signal_name(number), std::move(reason)));
  co_return co_await handle->signal(number);
}

awaitable<result<std::unique_ptr<exec_process>>> task_runner::exec(std::vector<std::string> command, bool tty) {
  auto handle = handle_;
  if (!handle) co_return fail(errc::not_found, "task \"{}\" is not running", name_);
  exec_options options{.command = std::move(command), .env = build_env().all(), .tty = tty};
  if (tty) options.env.try_emplace("TERM", "xterm");
  co_return co_await handle->exec(std::move(options));
}

awaitable<result<schema::task_resource_usage>> task_runner::usage() {
  auto handle = handle_;
  if (!handle) co_return fail(errc::not_found, "Task not running");
  auto read = co_await handle->usage();
  if (!read) co_return fail(read.error());
  auto node = node_.node();
  auto mhz = node->attributes.find("cpu.frequency");
  auto out = stats_.add(*read, mhz == node->attributes.end() ? 1000 : parse_double(mhz->second).value_or(1000));
  auto devices = make_spec().resources.devices;
  if (!devices.empty() && out.resource_usage) out.resource_usage->device_stats = node_.devices->stats_of(devices);
  co_return out;
}

// ---- what a driver and a hook get ----

task_env task_runner::build_env() const {
  auto alloc = owner_.alloc();
  auto node = node_.node();
  auto dir = owner_.dir().task(name_);
  task_env_input in;
  in.alloc = alloc.get();
  in.group = &owner_.group();
  in.task = &task();
  in.node = node.get();
  in.region = node_.options.region;
  in.cgroup_parent = node_.cgroup_parent;
  if (driver_ && driver_->has_own_root()) in.paths = {"/alloc", "/local", "/secrets"};
  else in.paths = {owner_.dir().shared(), dir.local, dir.secrets};
  if (!driver_ || !driver_->has_image()) in.host = node_.host_env;
  in.hooks = hook_env_;
  in.templates = template_env_;
  return task_env::build(in);
}

task_hook_context task_runner::hook_context() {
  return {.node = node_,
          .alloc = owner_.alloc(),
          .group = owner_.group(),
          .task = task(),
          .dir = owner_.dir(),
          .driver = *driver_,
          .emit = [this](schema::task_event e) { add_event(std::move(e)); },
          .env = [this] { return build_env(); },
          .hook_env = hook_env_,
          .template_env = template_env_,
          .control = {.restart = [this](std::string reason) { return restart(std::move(reason)); },
                      .signal = [this](int number, std::string reason) { return signal(number, std::move(reason)); },
                      .exec = [this](std::vector<std::string> command) { return exec(std::move(command), false); },
                      .fail = [this](std::string reason) { kill(events::failing(events::killing(wall_now(), kill_timeout(), std::move(reason))), false); }},
          .mounts = mounts_,
          .devices = devices_,
          .failure = std::nullopt};
}

task_spec task_runner::make_spec() {
  auto alloc = owner_.alloc();
  auto env = build_env();
  task_spec spec;
  spec.alloc_id = alloc->id;
  spec.task_name = name_;
  spec.job_id = alloc->job_id;
  describe(spec);
  value::object config;
  for (auto& [key, v] : task().config) config.set(key, env.replace_value(v));
  spec.config = value(std::move(config));
  spec.env = env.all();
  spec.user = env.replace(task().user);
  spec.dir = owner_.dir().task(name_);
  spec.shared_alloc_dir = owner_.dir().shared();
  spec.log_dir = owner_.dir().logs();
  if (task().log_config) spec.logs = *task().log_config;
  if (alloc->allocated_resources)
    if (auto it = alloc->allocated_resources->tasks.find(name_); it != alloc->allocated_resources->tasks.end()) spec.resources = it->second;
  spec.mounts = mounts_;
  spec.devices = devices_;
  spec.network = owner_.network();
  if (!driver_ || !driver_->makes_network()) spec.network.labels.clear();
  if (alloc->allocated_resources) spec.network.ports = alloc->allocated_resources->shared.ports;
  spec.control_dir = node_.control_root + "/" + alloc->id + "/" + name_;
  return spec;
}

// What drivers put into labels.
void task_runner::describe(task_spec& spec) {
  auto alloc = owner_.alloc();
  auto node = node_.node();
  spec.job_name = alloc->job->name;
  spec.parent_job_id = alloc->job->parent_id;
  spec.group_name = alloc->task_group;
  spec.namespace_ = alloc->namespace_;
  spec.node_id = node->id;
  spec.node_name = node->name;
  if (node->node_resources) {
    spec.node_cpu_mhz = node->node_resources->cpu.cpu_shares;
    spec.node_cpu_cores = node->node_resources->cpu.total_cpu_cores;
  }
  spec.tell = [this](std::string message, std::map<std::string, std::string> details) {
    auto e = events::driver_message(wall_now(), std::move(message));
    for (auto& [key, text] : details) e.details[key] = text;
    add_event(std::move(e));
  };
}

int task_runner::kill_signal() const {
  if (!task().kill_signal.empty())
    if (auto number = exec::parse_signal(task().kill_signal)) return *number;
  return handle_ ? handle_->stop_signal() : SIGINT;
}

duration task_runner::kill_timeout() const { return std::min(task().kill_timeout, node_.options.max_kill_timeout); }

}  // namespace drover::client
