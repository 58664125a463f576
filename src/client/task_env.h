// The environment of a task and the interpolation of ${...} in its job. Pure values: built from records, no I/O; any thread.
//
// Order, later wins: NOMAD_* and ports and meta; the host's variables only where still unset; the job's env block; what hooks add; what
// templates add. Keys are sanitized at the very end (all()); interpolation also knows the names as written.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/value.h"
#include "schema/alloc.h"
#include "schema/job.h"
#include "schema/node.h"

namespace drover::client {

// Where the task sees its directories: host paths for raw_exec, paths below its own root when isolated.
struct task_paths_seen {
  std::string alloc_dir;
  std::string task_dir;
  std::string secrets_dir;
};

struct task_env_input {
  const schema::allocation* alloc = nullptr;  // with its job
  const schema::task_group* group = nullptr;
  // Null: for what belongs to the group.
  const schema::task* task = nullptr;
  const schema::node* node = nullptr;
  std::string region;
  std::string cgroup_parent;
  task_paths_seen paths;
  // Already without what must stay hidden; empty for images.
  std::map<std::string, std::string> host;
  std::map<std::string, std::string> hooks;
  std::map<std::string, std::string> templates;
};

class task_env {
 public:
  static task_env build(const task_env_input& input);

  // What the process gets.
  std::map<std::string, std::string> all() const;
  // Replaces ${NOMAD_X}, ${X}, ${env["X"]}, ${attr.k}, ${meta.k}, ${node.x}; what is not known stays as it is.
  std::string replace(std::string_view text) const;
  // In every text inside; keys of objects too. Depth is bounded by whoever parsed the job.
  value replace_value(const value& v) const;

 private:
  const std::string* find(std::string_view name) const;
  std::map<std::string, std::string, std::less<>> env_;
  std::map<std::string, std::string, std::less<>> node_;
};

// Characters outside [A-Za-z0-9_.] become "_".
std::string sanitize_env_key(std::string_view key);
// The N of "job.group[N]", 0 if there is none.
std::string alloc_index(std::string_view alloc_name);
// "1.2.3.4:80", "[::1]:80".
std::string join_host_port(std::string_view host, int64_t port);
// Host variables that tasks never see unless the agent says otherwise.
const std::vector<std::string>& default_env_denylist();

}  // namespace drover::client
