#include "client/devices.h"
#include "client/hook/hook.h"

namespace drover::client {
namespace {

// The devices that the scheduler gave to the task: their files, mounts and variables. Runs after the volumes, whose mounts it keeps.
class devices_hook : public task_hook {
 public:
  std::string_view name() const override { return "devices"; }
  bool once() const override { return false; }
  awaitable<result<>> prestart(task_hook_context& c) override {
    c.devices.clear();
    for (const auto& wanted : allocated(c)) {
      auto reserved = co_await c.node.devices->reserve(wanted);
      if (!reserved) co_return wrap(reserved.error(), fmt::format("failed to reserve device {}/{}/{}", wanted.vendor, wanted.type, wanted.name));
      for (auto& [key, text] : reserved->env) c.hook_env[key] = text;
      // Without a root of its own the task sees everything where it is.
      if (c.driver.can_mount()) std::ranges::move(reserved->mounts, std::back_inserter(c.mounts));
      std::ranges::move(reserved->devices, std::back_inserter(c.devices));
    }
    co_return result<>{};
  }

 private:
  static std::vector<schema::allocated_device_resource> allocated(const task_hook_context& c) {
    if (!c.alloc->allocated_resources) return {};
    auto mine = c.alloc->allocated_resources->tasks.find(c.task.name);
    return mine == c.alloc->allocated_resources->tasks.end() ? std::vector<schema::allocated_device_resource>() : mine->second.devices;
  }
};
}  // namespace

std::unique_ptr<task_hook> make_devices_hook() { return std::make_unique<devices_hook>(); }

}  // namespace drover::client
