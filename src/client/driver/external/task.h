// A running task of an external driver. Loop thread; owned by one task runner.
#pragma once

#include <memory>
#include <string>

#include "client/driver/external/plugin.h"

namespace drover::client::external {

// What is stored of a task.
struct stored_task {
  std::string task_id;
  // The bytes of its TaskHandle.
  std::string handle;
  // How to find the collector of its output; empty: there is none.
  std::string logs;
  std::string cgroup;
  std::string serialise() const;
  static result<stored_task> parse(std::string_view text);
};

// The FIFOs of a task's output, in the allocation's log directory.
struct output_paths {
  std::string out, err;
  // See note_of().
  std::string note;
};
output_paths output_of(const task_spec& spec);
// A file that says what is begun while the driver is asked to start the task.
std::string note_of(const task_spec& spec);

// `generation`: of the connection over which it was started or recovered.
std::unique_ptr<task_handle> make_handle(std::shared_ptr<plugin> p, stored_task stored, output_paths output, std::shared_ptr<task_handle> logs,
                                         uint64_t generation);
// Tells the plugin about a task that another of its processes, or another agent, started.
awaitable<result<>> recover_task(std::shared_ptr<plugin> p, std::string handle, std::string task_id);
awaitable<result<std::unique_ptr<exec_process>>> start_exec(std::shared_ptr<plugin> p, std::string task_id, exec_options options);

}  // namespace drover::client::external
