#include <unistd.h>

#include <filesystem>

#include "base/log.h"
#include "client/fingerprint/fingerprint.h"
#include "client/network/cni.h"
#include "client/network/firewall.h"
#include "client/system.h"

namespace drover::client::fingerprint {

namespace {
// In use, built in, or one that the kernel loads when the first bridge is made.
bool kernel_has_bridge() {
  std::error_code failed;
  if (std::filesystem::exists("/sys/module/bridge", failed)) return true;
  auto folder = "/lib/modules/" + read_line("/proc/sys/kernel/osrelease");
  for (auto list : {"/modules.builtin", "/modules.dep"}) {
    auto text = read_file(folder + list, 16 << 20);
    if (text && text->find("/bridge.ko") != std::string::npos) return true;
  }
  return false;
}

bool has_nftables() {
  std::error_code failed;
  for (auto folder : {"/usr/lib", "/usr/lib64", "/usr/local/lib"}) {
    if (std::filesystem::exists(std::string(folder) + "/libnftables.so.1", failed)) return true;
    for (auto& entry : std::filesystem::directory_iterator(folder, failed))
      if (std::filesystem::exists(entry.path() / "libnftables.so.1", failed)) return true;
  }
  return false;
}

void add_mode(schema::node& node, const std::string& mode, const std::string& device) {
  schema::network_resource legacy;
  legacy.mode = mode;
  node.node_resources->networks.push_back(std::move(legacy));
  schema::node_network_resource network;
  network.mode = mode;
  network.device = device;
  node.node_resources->node_networks.push_back(std::move(network));
}
}  // namespace

void bridge(const context& c, schema::node& node) {
  if (::geteuid() != 0 || !kernel_has_bridge() || !has_nftables()) return;
  add_mode(node, "bridge", c.options.network.bridge_name);
  node.attributes["nomad.bridge.hairpin_mode"] = c.options.network.bridge_hairpin ? "true" : "false";
}

void cni(const context& c, schema::node& node) {
  if (::geteuid() != 0) return;
  cni_networks networks(c.options.network.cni_path, c.options.network.cni_config_dir);
  std::vector<std::string> problems;
  for (auto& name : networks.names(&problems)) add_mode(node, "cni/" + name, "");
  for (auto& problem : problems) log::logger("client.fingerprint").warn("a CNI configuration cannot be used", {{"why", problem}});
  for (auto& [name, version] : networks.plugin_versions()) node.attributes["plugins.cni.version." + name] = version;
}

}  // namespace drover::client::fingerprint
