#include "client/task_path.h"

#include <filesystem>

namespace drover::client {

result<std::string> host_path(const task_env& env, const alloc_dir& dir, const std::string& task, bool own_root, const std::string& path) {
  namespace fs = std::filesystem;
  auto text = env.replace(std::string_view(path));
  auto task_root = fs::path(dir.task(task).root);
  fs::path full;
  auto wanted = fs::path(text).lexically_normal();
  if (!wanted.is_absolute()) {
    full = task_root / wanted;
  } else if (text.starts_with(dir.root() + "/")) {
    full = wanted;
  } else if (own_root || !wanted.string().starts_with(dir.root())) {
    auto relative = wanted.relative_path();
    // The shared directory is mounted over TASK/alloc.
    full = relative.begin() != relative.end() && *relative.begin() == "alloc" ? fs::path(dir.root()) / relative : task_root / relative;
  } else {
    full = wanted;
  }
  full = full.lexically_normal();
  auto below = full.lexically_relative(dir.root());
  if (below.empty() || *below.begin() == ".." || below == ".") return fail(errc::invalid, "\"{}\" leads outside of the allocation directory", path);
  return full.string();
}

}  // namespace drover::client
