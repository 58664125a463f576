#include "client/devices.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "client/driver/external/host.h"
#include "client/system.h"

namespace drover::client {

namespace {
template <class A, class B>
bool same_group(const A& a, const B& b) {
  return a.vendor == b.vendor && a.type == b.type && a.name == b.name;
}

std::string place_of(const client_options& options, const std::string& key, const std::string& otherwise) {
  auto named = options.options.find(key);
  return named == options.options.end() ? otherwise : named->second;
}

// "Device Minor: 	 0".
std::string nvidia_minor(const std::string& proc, const std::string& address) {
  auto text = read_file(proc + "/driver/nvidia/gpus/" + to_lower(address) + "/information").value_or(std::string());
  for (auto line : split(text, '\n'))
    if (line.starts_with("Device Minor:")) return std::string(trim(line.substr(line.find(':') + 1)));
  return {};
}
}  // namespace

std::vector<task_device> files_of_gpu(const std::string& sys, const std::string& dev, const std::string& proc, const std::string& vendor,
                                      const std::string& address) {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(sys + "/bus/pci/devices/" + address + "/drm", failed)) {
    auto name = entry.path().filename().string();
    if (name.starts_with("card") || name.starts_with("renderD")) names.push_back("dri/" + name);
  }
  std::ranges::sort(names);
  // What all processors of a maker share.
  if (vendor == "amd") names.emplace_back("kfd");
  if (vendor == "nvidia") {
    if (auto minor = nvidia_minor(proc, address); !minor.empty()) names.push_back("nvidia" + minor);
    for (const char* shared : {"nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset"}) names.emplace_back(shared);
  }
  std::vector<task_device> out;
  for (const auto& name : names)
    if (std::filesystem::exists(dev + "/" + name, failed)) out.push_back({.host_path = dev + "/" + name, .task_path = "/dev/" + name, .permissions = "rwm"});
  return out;
}

device_source::device_source(const client_options& options, external::plugin_host& plugins, std::vector<schema::node_device_resource> found)
    : options_(options), plugins_(plugins), found_(std::move(found)) {}

std::vector<schema::node_device_resource> device_source::groups() const {
  auto out = plugins_.devices();
  for (const auto& group : found_)
    if (std::ranges::none_of(out, [&](const auto& other) { return same_group(group, other); })) out.push_back(group);
  return out;
}

awaitable<result<device_reservation>> device_source::reserve(schema::allocated_device_resource wanted) {
  if (auto plugin = plugins_.device_plugin(wanted)) co_return co_await external::reserve(std::move(plugin), std::move(wanted.device_ids));
  device_reservation out;
  auto group = std::ranges::find_if(found_, [&](const auto& each) { return same_group(each, wanted); });
  auto unknown = [&](const std::string& id) {
    return group == found_.end() || std::ranges::find(group->instances, id, &schema::node_device::id) == group->instances.end();
  };
  for (const auto& id : wanted.device_ids) {
    if (unknown(id)) co_return fail(errc::unavailable, "this node has no device {}/{}/{} \"{}\" now", wanted.vendor, wanted.type, wanted.name, id);
    auto files =
        files_of_gpu(place_of(options_, "fingerprint.gpu.sysfs", "/sys"), place_of(options_, "fingerprint.gpu.dev", "/dev"), "/proc", wanted.vendor, id);
    for (auto& file : files)
      if (std::ranges::find(out.devices, file.host_path, &task_device::host_path) == out.devices.end()) out.devices.push_back(std::move(file));
  }
  co_return out;
}

std::vector<schema::device_group_stats> device_source::stats() const { return plugins_.device_stats(); }

std::vector<schema::device_group_stats> device_source::stats_of(const std::vector<schema::allocated_device_resource>& allocated) const {
  std::vector<schema::device_group_stats> out;
  if (allocated.empty()) return out;
  for (const auto& group : plugins_.device_stats()) {
    auto mine = std::ranges::find_if(allocated, [&](const auto& each) { return same_group(each, group); });
    if (mine == allocated.end()) continue;
    auto part = group;
    std::erase_if(part.instance_stats, [&](const auto& entry) { return std::ranges::find(mine->device_ids, entry.first) == mine->device_ids.end(); });
    out.push_back(std::move(part));
  }
  return out;
}

}  // namespace drover::client
