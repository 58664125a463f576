// A task that runs beside a shim (client/exec): what raw_exec and exec have in common. Loop thread.
#pragma once

#include <memory>
#include <string>

#include "client/driver/driver.h"
#include "client/exec/executor.h"

namespace drover::client {

// Shared by all drivers of this agent; outlives them.
struct shim_services {
  net::loop& loop;
  net::blocking_pool& pool;
  std::string shim_path;
  exec::cgroup_manager cgroups;
};

// Starts the shim on the blocking pool. `limits` are those of the task's cgroup.
awaitable<result<std::unique_ptr<task_handle>>> start_shim_task(shim_services& services, exec::launch_spec spec, exec::cgroup_limits limits,
                                                                std::string cgroup_name);
awaitable<result<std::unique_ptr<task_handle>>> recover_shim_task(shim_services& services, std::string stored, bool limited);
// The task whose shim is in the control directory, though nothing was stored of it. `limits` as for the start.
awaitable<result<std::unique_ptr<task_handle>>> find_shim_task(shim_services& services, task_spec task, exec::cgroup_limits limits);
// For a shim that was started otherwise.
std::unique_ptr<task_handle> wrap_shim_task(shim_services& services, std::unique_ptr<exec::shim_handle> handle);
// What is the same for every driver that uses a shim.
exec::launch_spec base_launch_spec(const shim_services& services, const task_spec& task);
// "ALLOC.TASK".
std::string cgroup_name(const task_spec& task);

}  // namespace drover::client
