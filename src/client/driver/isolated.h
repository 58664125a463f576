// What exec and java have in common: a task with a root, namespaces, capabilities and limits of its own. Loop thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "client/driver/config_reader.h"
#include "client/driver/shim_task.h"

namespace drover::client {

struct isolated_config {
  std::string work_dir, pid_mode, ipc_mode;
  std::vector<std::string> cap_add, cap_drop;
  // Ours: nothing that it starts gains rights, whatever the file's owner and mode say.
  bool no_new_privileges = false;
};
// The keys of the task that say so; `plugin` has the defaults. Call before r.finish(), check after it.
isolated_config read_isolated(config_reader& r, const value& plugin);
result<> check_isolated(const std::string& driver, const isolated_config& config);

struct isolated_command {
  std::string driver, command;
  std::vector<std::string> args;
};
awaitable<result<std::unique_ptr<task_handle>>> start_isolated(shim_services& services, task_spec task, isolated_config config, isolated_command command,
                                                               std::map<std::string, std::string> chroot_env, value plugin);
// A task without a group of its own.
awaitable<result<std::unique_ptr<task_handle>>> start_without_group(shim_services& services, exec::launch_spec spec);
// The limits of a task's group: as the job asked, cores pinned.
exec::cgroup_limits limits_of(const schema::allocated_task_resources& resources);

}  // namespace drover::client
