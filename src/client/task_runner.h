// Runs one task of an allocation through its whole life: waits for its turn, prepares, starts, watches, restarts by policy, stops.
//
// Loop thread. Lifecycle: constructed, restore() if it is known from before, start(), ... stop() before it is destroyed. stop() leaves the
// process running (the agent goes away); kill() ends it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "client/driver/driver.h"
#include "client/hook/hook.h"
#include "client/lifecycle.h"
#include "client/restart_tracker.h"
#include "client/runner_context.h"
#include "client/stats_tracker.h"
#include "net/event.h"
#include "net/task_scope.h"

namespace drover::client {

// What a task needs of its allocation.
class task_owner {
 public:
  virtual ~task_owner() = default;
  virtual schema::ref<schema::allocation> alloc() const = 0;
  virtual const schema::task_group& group() const = 0;
  virtual const alloc_dir& dir() const = 0;
  virtual const task_network& network() const = 0;
  virtual task_states states() const = 0;
  // Notified whenever a task's state changed.
  virtual net::event& states_changed() = 0;
  virtual void task_changed(const std::string& task) = 0;
};

class task_runner {
 public:
  task_runner(runner_context& node, task_owner& owner, std::string name);
  ~task_runner();
  task_runner(const task_runner&) = delete;
  task_runner& operator=(const task_runner&) = delete;

  void restore(stored_task stored);
  void start();
  // The agent goes away: the process runs on.
  awaitable<void> stop();

  // Ends the task for good; `why` is told before the task is. Returns at once, done() follows.
  void kill(std::optional<schema::task_event> why, bool no_shutdown_delay);
  // Runs it anew without counting as a failure. not_found: it does not run.
  // With `as_failure` the restart policy decides, as after a crash.
  result<> restart(std::string reason, bool as_failure = false);
  awaitable<result<>> signal(int number, std::string reason);
  awaitable<result<std::unique_ptr<exec_process>>> exec(std::vector<std::string> command, bool tty);
  awaitable<result<schema::task_resource_usage>> usage();
  // Pauses it or lets it run whatever its schedule says, or as that says: force_pause, force_run, schedule_resume (schedule.h).
  result<> override_schedule(const std::string& state);
  // Fails before anything ran: the allocation could not be set up.
  void fail_setup(schema::task_event why);
  // The job record changed in place.
  void update();
  // A restored task that does not run any more may be started again.
  void servers_known() { wake_.notify_all(); }

  const std::string& name() const { return name_; }
  const schema::task_state& state() const { return stored_.state; }
  // It runs, but has been asked to end or to start anew.
  bool stopping() const { return kill_requested_ || restart_requested_; }
  // As it is now, with what hooks added.
  task_env env() const { return build_env(); }
  bool dead() const { return stored_.state.state == "dead"; }
  void add_event(schema::task_event e);
  const schema::task& task() const;

 private:
  awaitable<void> run();
  awaitable<bool> wait_turn();
  awaitable<void> reattach();
  awaitable<void> find_begun();
  // A file that is there while a driver starts the task: one that an agent finds says that another one died meanwhile.
  std::string begun_note() const;
  // task_schedule.cc
  std::pair<std::string, net::time_point> wanted_pause();
  bool paused() const;
  void begin_schedule();
  void start_schedule();
  awaitable<void> keep_schedule();
  void set_pause(const std::string& wanted);
  void stop_for_pause();
  awaitable<void> await_schedule();
  awaitable<void> await_servers(bool lost);
  // meta "drover.start_without_servers" of the task, its group or its job.
  bool starts_without_servers() const;
  awaitable<run_outcome> run_once();
  awaitable<std::optional<run_outcome>> prepare();
  awaitable<std::optional<run_outcome>> launch();
  awaitable<void> start_driver(task_spec spec, std::shared_ptr<result<>> outcome);
  awaitable<bool> follow(restart_decision decision);
  awaitable<void> finish();
  awaitable<void> release();
  awaitable<void> kill_running(std::optional<schema::task_event> why, bool no_shutdown_delay);
  awaitable<void> stop_handle(std::shared_ptr<task_handle> handle);
  struct hook_run;
  awaitable<void> run_hook(task_hook* hook, std::shared_ptr<hook_run> run);
  result<> check_hook_outcome(task_hook& hook, task_hook_context& context, const result<>& outcome);
  void set_state(std::string state, std::optional<schema::task_event> e);
  void changed();
  void save();
  void started(std::shared_ptr<task_handle> handle);
  void runs(std::shared_ptr<task_handle> handle);
  task_env build_env() const;
  task_hook_context hook_context();
  awaitable<void> stop_hooks();
  task_spec make_spec();
  void describe(task_spec& spec);
  int kill_signal() const;
  duration kill_timeout() const;

  runner_context& node_;
  task_owner& owner_;
  std::string name_;
  log::logger logger_;
  stored_task stored_;
  task_driver* driver_ = nullptr;
  std::shared_ptr<task_handle> handle_;
  // The run that ended last, until its supervisor is gone.
  std::shared_ptr<task_handle> ended_;
  restart_tracker tracker_;
  std::vector<std::unique_ptr<task_hook>> hooks_;
  std::map<std::string, std::string> hook_env_, template_env_;
  std::vector<task_mount> mounts_;
  std::vector<task_device> devices_;
  stats_tracker stats_;
  bool restored_ = false;
  bool kill_requested_ = false;
  bool restart_requested_ = false;
  bool restart_as_failure_ = false;
  // What overrides the schedule, or "schedule_resume".
  std::string pause_override_ = "schedule_resume", schedule_error_;
  bool scheduled_ = false;
  // Its process is being ended to pause it.
  bool pausing_ = false;
  net::event schedule_changed_;
  // Notified when one of the requests above arrives.
  net::event wake_;
  // Set while the task does not run.
  net::event exited_;
  net::event hook_done_;
  net::task_scope scope_;
  net::task_scope hook_scope_;
};

}  // namespace drover::client
