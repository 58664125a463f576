// The instructions of a task or of an exec session, as pointers into the blob they came in. The blob lives as long as
// the config.
#pragma once

#include "shim/protocol.h"

namespace drover::shim {

// A repeated entry: a NULL-terminated array of pointers to the entries' bytes.
struct list {
  const char** items = nullptr;
  uint32_t count = 0;
};

struct config {
  void* memory = nullptr;
  uint64_t memory_size = 0;

  const char* control_dir = nullptr;
  const char* oom_file = nullptr;
  const char* kill_file = nullptr;
  const char* freezer_dir = nullptr;
  const char* work_dir = nullptr;
  const char* network_namespace = nullptr;
  const char* log_prefix = nullptr;
  const char* root = nullptr;
  const char* command_name = nullptr;
  const char* shim_unified = nullptr;
  const char* task_unified = nullptr;
  list shim_cgroups, task_cgroups, candidates, environment, mounts, rlimits;
  // items[0] is left free for the path that is executed.
  list arguments;

  bool has_ids = false;
  uint32_t uid = 0, gid = 0, group_count = 0;
  const uint32_t* groups = nullptr;
  bool has_capabilities = false;
  uint64_t capabilities_bounding = 0, capabilities_ambient = 0;
  bool no_new_privs = false;
  bool has_oom_score_adj = false;
  int32_t oom_score_adj = 0;
  uint64_t log_files = 10, log_file_bytes = 10u << 20;
  uint32_t namespaces = 0;
  bool docker_log = false, docker_terminal = false;
};

// Reads a whole blob from `fd` and points `out` into it. False and errno when it cannot be read or is malformed
// (EBADMSG).
bool load_config(int fd, config* out);
void free_config(config* c);

}  // namespace drover::shim
