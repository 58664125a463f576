// Where a path of a job file (a template's or artifact's destination) leads on the host. Pure.
#pragma once

#include <string>

#include "base/result.h"
#include "client/alloc_dir.h"
#include "client/task_env.h"

namespace drover::client {

// Interpolates and joins. Relative paths start at the task's directory. NOMAD_TASK_DIR, NOMAD_SECRETS_DIR and NOMAD_ALLOC_DIR mean the
// host's directories, and so do /local, /secrets and /alloc for a task with its own root. What leads outside the allocation is invalid.
result<std::string> host_path(const task_env& env, const alloc_dir& dir, const std::string& task, bool own_root, const std::string& path);

}  // namespace drover::client
