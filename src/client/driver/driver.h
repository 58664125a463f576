// What a task driver is to the node agent: start a task, find it again after a restart, and control it while it runs.
//
// Thread rule: all calls on the loop; a driver moves slow work to the blocking pool itself. A handle is owned by one task runner.
// Destroying a handle leaves the task running (the agent may restart); kill() ends it; destroy() forgets it after its end was stored.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/value.h"
#include "client/alloc_dir.h"
#include "client/exec/stats.h"
#include "client/options.h"
#include "client/task_env.h"
#include "net/blocking.h"
#include "net/loop.h"
#include "schema/alloc.h"
#include "schema/job.h"
#include "schema/node.h"

namespace drover::client {

using net::awaitable;

struct task_exit {
  int64_t code = 0;
  int64_t signal = 0;
  bool oom_killed = false;
  // Why it is not known how the task ended, or what the driver has to say.
  std::string message;
  bool ok() const { return code == 0 && signal == 0 && message.empty(); }
};

// A network namespace that a driver made itself, and what it needs to know about it later (such as a container's id). Stored as text.
struct driver_network {
  std::string namespace_path;
  std::map<std::string, std::string> labels;
};

// The network that a task shares with its allocation.
struct task_network {
  // Empty: the host's. Otherwise a path such as /var/run/netns/NAME to run in.
  std::string namespace_path;
  // What make_network() of the task's own driver gave; empty if another driver, or the agent itself, made the namespace.
  std::map<std::string, std::string> labels;
  // "host", "bridge", "none", "cni/NAME"; "" where the group has no network block.
  std::string mode;
  // Host paths of files to show as /etc/hosts and /etc/resolv.conf, empty: those that the task would have anyway. Only for tasks with a root
  // of their own.
  std::string hosts_file, resolv_file;
  std::string hostname;
  std::optional<schema::dns_config> dns;
  // Of the group: label, value (on the host), to (inside), host_ip.
  std::vector<schema::allocated_port_mapping> ports;
};

// A directory or file of the host that the task sees at a place of its own: a volume.
struct task_mount {
  std::string host_path, task_path;
  bool read_only = false;
  // "private", "host-to-task" or "bidirectional": who sees mounts that the other side makes below it later.
  std::string propagation = "private";
};

// A device file of the host that the task may use.
struct task_device {
  std::string host_path, task_path;
  // Of "rwm": read, write, make.
  std::string permissions = "rwm";
};

// All that a driver learns about a task; config is interpolated.
struct task_spec {
  std::string alloc_id, task_name, job_id;
  value config;
  std::map<std::string, std::string> env;
  std::string user;
  drover::client::task_dir dir;
  std::string shared_alloc_dir, log_dir;
  schema::log_config logs;
  schema::allocated_task_resources resources;
  task_network network;
  std::vector<task_mount> mounts;
  std::vector<task_device> devices;
  // Private to the agent, one per task, survives restarts.
  std::string control_dir;
  // For labels and calculations of drivers.
  std::string job_name, parent_job_id, group_name, namespace_, node_id, node_name;
  int64_t node_cpu_mhz = 0, node_cpu_cores = 0;
  // Something about the task that people should read ("Downloading image"). May be called until start() has returned.
  std::function<void(std::string message, std::map<std::string, std::string> details)> tell;
};

// A process inside the task, for `alloc exec`.
class exec_process {
 public:
  struct chunk {
    bool is_stderr = false;
    std::string data;  // empty: that stream has ended
  };
  virtual ~exec_process() = default;
  // Nothing more when both streams have ended.
  virtual awaitable<result<std::optional<chunk>>> read() = 0;
  virtual awaitable<result<>> write(std::string data) = 0;
  virtual void close_stdin() = 0;
  virtual result<> resize(uint16_t rows, uint16_t columns) = 0;
  // After read() gave nothing, or at any time: waits for the end.
  virtual awaitable<result<int>> wait() = 0;
};

struct exec_options {
  std::vector<std::string> command;
  std::map<std::string, std::string> env;
  bool tty = false;
};

class task_handle {
 public:
  virtual ~task_handle() = default;
  // What recover() needs; changes never.
  virtual std::string serialise() const = 0;
  // Returns when the task has ended, at once if it has. One caller.
  virtual awaitable<task_exit> wait() = 0;
  virtual awaitable<result<>> signal(int number) = 0;
  // Ends everything of the task at once; wait() returns soon after.
  virtual awaitable<result<>> kill() = 0;
  // Ends the task in its own way: a signal, and force after the timeout. unsupported: whoever wants that does it with signal() and kill().
  virtual awaitable<result<>> stop(int signal, duration timeout);
  // Forgets a task whose end was stored and frees what it held.
  virtual awaitable<void> destroy() = 0;
  virtual awaitable<result<exec::task_usage>> usage() = 0;
  virtual awaitable<result<std::unique_ptr<exec_process>>> exec(exec_options options) = 0;
  // New limits for a running task (in-place update).
  virtual awaitable<result<>> resize(schema::allocated_task_resources resources) = 0;
  // What ends the task in the ordinary way if its job does not say.
  virtual int stop_signal() const;
};

// errc::unavailable from start() is worth another try; everything else is final ("Error was unrecoverable").
class task_driver {
 public:
  virtual ~task_driver() = default;
  virtual std::string name() const = 0;
  // Work in the background, such as looking after a daemon; `changed` is called when fingerprint() says something else than before.
  virtual void begin(std::function<void()> changed);
  virtual awaitable<void> end();
  // What the node says about this driver. Fast: no commands are run.
  virtual schema::driver_info fingerprint() const = 0;
  // Does the task see its directory as "/"?
  virtual bool has_own_root() const = 0;
  // Can it show a task the mounts of its spec?
  virtual bool can_mount() const { return has_own_root(); }
  // Does the task's environment come from an image, not from this host?
  virtual bool has_image() const { return false; }
  // A driver that cannot join a namespace which the agent made (docker) makes the one of the allocation itself, with nothing but loopback in
  // it; the agent then wires it. Both are repeatable: making what exists gives the same, destroying what is gone is fine.
  virtual bool makes_network() const { return false; }
  virtual awaitable<result<driver_network>> make_network(std::string alloc_id, std::string hostname);
  virtual awaitable<result<>> destroy_network(std::string alloc_id, driver_network made);
  // Checks an interpolated configuration: "command is missing ...".
  virtual result<> validate(const value& config) const = 0;
  virtual awaitable<result<std::unique_ptr<task_handle>>> start(task_spec spec) = 0;
  // not_found: the task is gone, and how it ended is not known. A task that ended meanwhile gives a handle whose wait() returns at once.
  virtual awaitable<result<std::unique_ptr<task_handle>>> recover(task_spec spec, std::string stored) = 0;
  // What a start() of an agent that died before it knew the outcome has left: the task, if it runs or ended meanwhile. not_found: nothing runs,
  // and what was begun is gone.
  virtual awaitable<result<std::unique_ptr<task_handle>>> find(task_spec spec);
};

}  // namespace drover::client
