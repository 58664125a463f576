#include <sys/stat.h>

#include <filesystem>

#include "client/csi/volumes.h"
#include "client/hook/hook.h"

namespace drover::client {
namespace {

// "/srv" of "srv/", "/srv" and "a/../srv": where the task sees it. Nothing leads out of the root.
std::string seen_at(const std::string& destination) {
  auto path = (std::filesystem::path("/") / std::filesystem::path(destination).relative_path()).lexically_normal().string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// The volumes of the group that the task mounts. This node's own and those made on it later are both in its record, by name.
class volume_hook : public task_hook {
 public:
  std::string_view name() const override { return "volumes"; }
  bool once() const override { return false; }
  awaitable<result<>> prestart(task_hook_context& c) override {
    c.mounts.clear();
    for (const auto& mount : c.task.volume_mounts) {
      auto wanted = c.group.volumes.find(mount.volume);
      if (wanted == c.group.volumes.end()) co_return fail(errc::invalid, "the group has no volume \"{}\"", mount.volume);
      CO_TRY_ASSIGN(auto made, wanted->second.type == "csi" ? csi_mount_of(c, mount, wanted->second) : mount_of(c, mount, wanted->second));
      c.mounts.push_back(std::move(made));
    }
    co_return result<>{};
  }

 private:
  static std::unexpected<error> cannot_mount(const task_hook_context& c) {
    return fail(errc::unsupported, "task driver \"{}\" for \"{}\" does not support host volumes", c.task.driver, c.task.name);
  }

  static result<task_mount> seen_as(task_hook_context& c, const schema::volume_mount& mount, std::string host_path, bool read_only) {
    task_mount out;
    out.host_path = std::move(host_path);
    auto destination = seen_at(c.env().replace(mount.destination));
    if (destination == "/")
      return fail(errc::invalid, "volume \"{}\" cannot be mounted at \"{}\": its destination must be a path below the task's root", mount.volume,
                  mount.destination);
    out.task_path = std::move(destination);
    out.read_only = mount.read_only || read_only;
    out.propagation = mount.propagation_mode.empty() ? "private" : mount.propagation_mode;
    return out;
  }

  // What the allocation's hook has mounted.
  static result<task_mount> csi_mount_of(task_hook_context& c, const schema::volume_mount& mount, const schema::volume_request& wanted) {
    if (!c.driver.can_mount()) return cannot_mount(c);
    const auto* held = c.node.csi == nullptr ? nullptr : c.node.csi->find(c.alloc->id, mount.volume);
    if (held == nullptr) return fail(errc::unavailable, "CSI volume \"{}\" is not mounted on this node", wanted.source);
    return seen_as(c, mount, c.node.csi->path_of(c.alloc->id, *held), wanted.read_only);
  }

  static result<task_mount> mount_of(task_hook_context& c, const schema::volume_mount& mount, const schema::volume_request& wanted) {
    if (!c.driver.can_mount()) return cannot_mount(c);
    auto source = wanted.per_alloc ? wanted.source + "[" + alloc_index(c.alloc->name) + "]" : wanted.source;
    auto node = c.node.node();
    auto here = node->host_volumes.find(source);
    // It may come back: the volume is made or registered again.
    if (here == node->host_volumes.end()) return fail(errc::unavailable, "this node has no host volume \"{}\"", source);
    struct stat info{};
    if (::stat(here->second.path.c_str(), &info) != 0)
      return fail(errc::unavailable, "host volume \"{}\": {}", source, system_error(errno, "looking at " + here->second.path).text());
    return seen_as(c, mount, here->second.path, wanted.read_only || here->second.read_only);
  }
};
}  // namespace

std::unique_ptr<task_hook> make_volume_hook() { return std::make_unique<volume_hook>(); }

}  // namespace drover::client
