// Hooks: the small steps around an allocation and a task. Each is optional, may run again after a restart of the agent, and leaves things
// as they should be whether it ran before or not. Loop thread; slow file work goes to the blocking pool.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "client/alloc_dir.h"
#include "client/driver/driver.h"
#include "client/runner_context.h"
#include "client/task_env.h"

namespace drover::client {

struct alloc_hook_context {
  runner_context& node;
  schema::ref<schema::allocation> alloc;
  const schema::task_group& group;
  const alloc_dir& dir;
  // What its tasks will get; the network hook fills it.
  task_network& network;
  // What the servers learn of it.
  std::shared_ptr<const schema::alloc_network_status>& network_status;
};

class alloc_hook {
 public:
  virtual ~alloc_hook() = default;
  virtual std::string_view name() const = 0;
  // Before any task starts. An error fails the allocation.
  virtual awaitable<result<>> prerun(alloc_hook_context& c) = 0;
};

// What goes on beside a task may do to it later. The functions live as long as the task's runner.
struct task_control {
  // not_found: it does not run.
  std::function<result<>(std::string reason)> restart;
  std::function<awaitable<result<>>(int number, std::string reason)> signal;
  std::function<awaitable<result<std::unique_ptr<exec_process>>>(std::vector<std::string> command)> exec;
  // For good, as a failure.
  std::function<void(std::string reason)> fail;
};

struct task_hook_context {
  runner_context& node;
  schema::ref<schema::allocation> alloc;
  const schema::task_group& group;
  const schema::task& task;
  const alloc_dir& dir;
  task_driver& driver;
  // For messages on the way.
  std::function<void(schema::task_event)> emit;
  // The environment as it is now, with what earlier hooks added.
  std::function<task_env()> env;
  // To add variables.
  std::map<std::string, std::string>& hook_env;
  std::map<std::string, std::string>& template_env;
  task_control control;
  // What the task sees of the host besides its own directories. Made anew before each start.
  std::vector<task_mount>& mounts;
  std::vector<task_device>& devices;
  // A hook that fails may say with which event; otherwise it is "Task hook failed".
  std::optional<schema::task_event> failure;
};

class task_hook {
 public:
  virtual ~task_hook() = default;
  virtual std::string_view name() const = 0;
  // Runs before the first start only, and is remembered over a restart of the agent.
  virtual bool once() const { return true; }
  // Codes invalid, unsupported and permission_denied are final; after any other error the restart policy decides.
  virtual awaitable<result<>> prestart(task_hook_context& c) = 0;
  // The task has begun to run. Must not wait.
  virtual void started() {}
  // The task was found running by a new agent: what goes on beside it begins again. Must not wait.
  virtual void resumed(task_hook_context&) {}
  // The task has ended for good, or the agent stops: what goes on beside it ends.
  virtual awaitable<void> stop() { co_return; }
};

// In the order in which they run.
std::vector<std::unique_ptr<alloc_hook>> make_alloc_hooks();
std::vector<std::unique_ptr<task_hook>> make_task_hooks();

std::unique_ptr<alloc_hook> make_alloc_dir_hook();
std::unique_ptr<alloc_hook> make_previous_alloc_hook();
std::unique_ptr<alloc_hook> make_network_hook();
std::unique_ptr<alloc_hook> make_csi_volumes_hook();
std::unique_ptr<task_hook> make_validate_hook();
std::unique_ptr<task_hook> make_task_dir_hook();
std::unique_ptr<task_hook> make_identity_hook();
std::unique_ptr<task_hook> make_dispatch_payload_hook();
std::unique_ptr<task_hook> make_artifact_hook();
std::unique_ptr<task_hook> make_template_hook();
std::unique_ptr<task_hook> make_volume_hook();
std::unique_ptr<task_hook> make_csi_plugin_hook();
std::unique_ptr<task_hook> make_task_api_hook();
std::unique_ptr<task_hook> make_log_sinks_hook();
std::unique_ptr<task_hook> make_devices_hook();

}  // namespace drover::client
