// Graphics processors as devices that a task can ask for: device "nvidia/gpu", "gpu". Found on the PCI bus; a device plugin of their maker knows
// more about them, and "fingerprint.denylist" = "gpu" leaves them to it. The option "fingerprint.gpu.sysfs" names another place than /sys.
#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "client/fingerprint/fingerprint.h"
#include "client/system.h"

namespace drover::client::fingerprint {

namespace {

constexpr size_t devices_max = 128;

std::string_view vendor_of(std::string_view id) {
  if (id == "0x10de") return "nvidia";
  if (id == "0x1002") return "amd";
  if (id == "0x8086") return "intel";
  return {};
}

// VGA controllers, 3D controllers, other displays: what computes as well as what shows.
bool is_display(std::string_view pci_class) { return pci_class.starts_with("0x0300") || pci_class.starts_with("0x0302") || pci_class.starts_with("0x0380"); }

std::string link_name(const std::filesystem::path& link) {
  std::error_code failed;
  auto target = std::filesystem::read_symlink(link, failed);
  return failed ? std::string() : target.filename().string();
}

schema::device_attribute text_attribute(std::string text) {
  schema::device_attribute out;
  out.string = std::move(text);
  return out;
}

std::map<std::string, schema::device_attribute> attributes_of(const std::string& device) {
  std::map<std::string, schema::device_attribute> out;
  if (auto driver = link_name(device + "/driver"); !driver.empty()) out["driver"] = text_attribute(driver);
  out["device_id"] = text_attribute(read_line(device + "/device"));
  if (auto bytes = parse_int(read_line(device + "/mem_info_vram_total"))) {
    auto& memory = out["memory"];
    memory.int_ = *bytes / (1024 * 1024);
    memory.unit = "MiB";
  }
  return out;
}

}  // namespace

void gpu(const context& c, schema::node& node) {
  auto named = c.options.options.find("fingerprint.gpu.sysfs");
  auto bus = (named == c.options.options.end() ? std::string("/sys") : named->second) + "/bus/pci/devices";
  std::vector<std::string> addresses;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(bus, failed)) addresses.push_back(entry.path().filename().string());
  std::ranges::sort(addresses);
  size_t count = 0;
  for (const auto& address : addresses) {
    auto device = bus + "/" + address;
    auto vendor = vendor_of(read_line(device + "/vendor"));
    if (vendor.empty() || !is_display(read_line(device + "/class")) || ++count > devices_max) continue;
    // Where no driver is bound it does nothing.
    auto driver = link_name(device + "/driver");
    auto name = read_line(device + "/product_name");
    if (name.empty()) name = "pci-" + read_line(device + "/device");
    auto& groups = node.node_resources->devices;
    auto group = std::ranges::find_if(groups, [&](const auto& g) { return g.vendor == vendor && g.type == "gpu" && g.name == name; });
    if (group == groups.end()) {
      group = groups.insert(groups.end(), schema::node_device_resource());
      group->vendor = vendor;
      group->type = "gpu";
      group->name = name;
      group->attributes = attributes_of(device);
    }
    auto& instance = group->instances.emplace_back();
    instance.id = address;
    instance.healthy = !driver.empty();
    if (driver.empty()) instance.health_description = "no driver is bound to it";
    instance.locality.emplace().pci_bus_id = address;
  }
}

}  // namespace drover::client::fingerprint
