// The directories of an allocation on disk, and safe access to the files below them by a path that a user gave.
//
//   ROOT/alloc/{data,logs,tmp}   shared by the tasks
//   ROOT/TASK/{alloc,local,secrets,private,tmp}
//
// Blocking; any thread, one call per allocation at a time for build and destroy.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "schema/stats.h"

namespace drover::client {

struct task_dir {
  std::string root;
  std::string local, secrets, private_, tmp;
  // The shared directory as a mount point inside the task's own root.
  std::string shared;
};

class alloc_dir {
 public:
  // Nothing is touched yet.
  alloc_dir(std::string root) : root_(std::move(root)) {}

  const std::string& root() const { return root_; }
  std::string shared() const { return root_ + "/alloc"; }
  std::string logs() const { return shared() + "/logs"; }
  std::string data() const { return shared() + "/data"; }
  std::string shared_tmp() const { return shared() + "/tmp"; }
  task_dir task(const std::string& name) const;

  result<> build() const;
  // secrets/ and private/ are kept in memory where the agent may mount; `secrets_mb` is their size.
  result<> build_task(const std::string& name, int64_t secrets_mb) const;
  // Unmounts what is below and deletes everything. Gone already is fine.
  result<> destroy() const;
  // Moves alloc/data and each TASK/local of an earlier allocation here (sticky disk).
  result<> take_over(const alloc_dir& earlier, const std::vector<std::string>& tasks) const;

  // `path` is relative to the root whatever it starts with. not_found: no such file; permission_denied: it leads outside or into a
  // directory that users must not read (secrets, private).
  result<std::string> resolve(const std::string& path) const;
  result<std::vector<schema::alloc_file_info>> list(const std::string& path) const;
  result<schema::alloc_file_info> stat(const std::string& path) const;

 private:
  std::string root_;
};

// "drwxrwxrwx", "dtrwxrwxrwx", as Go prints modes.
std::string mode_text(unsigned mode);

}  // namespace drover::client
