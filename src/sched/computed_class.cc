#include "sched/computed_class.h"

#include <algorithm>
#include <map>
#include <set>

#include "codec/compare.h"
#include "schema/node.h"

namespace drover::sched {
namespace {

constexpr std::string_view unique_prefix = "unique.";

// The parts of a node that make its class, as one record, so that the hash is the codec's.
using text_map_of = std::map<std::string, std::string>;

text_map_of shared_part(const text_map_of& all) {
  text_map_of shared;
  for (const auto& [key, text] : all)
    if (!key.starts_with(unique_prefix)) shared.emplace(key, text);
  return shared;
}

template <class T>
uint64_t hash_of(const T& part) {
  return codec::hash(schema::record_view{&schema::type_of<T>(), &part});
}

std::vector<std::string> networks_of(const schema::node& node) {
  std::set<std::string> found;
  for (const auto& network : node.node_resources->node_networks) {
    found.insert("mode " + network.mode);
    for (const auto& address : network.addresses) found.insert("alias " + address.alias);
  }
  for (const auto& network : node.node_resources->networks) found.insert("mode " + network.mode);
  return {found.begin(), found.end()};
}

std::vector<std::string> devices_of(const schema::node& node) {
  std::vector<std::string> found;
  for (const auto& device : node.node_resources->devices)
    found.push_back(device.vendor + "/" + device.type + "/" + device.name + " " +
                    std::to_string(std::ranges::count_if(device.instances, &schema::node_device::healthy)) + " " + std::to_string(hash_of(device.attributes)));
  return found;
}

}  // namespace

std::string computed_class(const schema::node& node) {
  std::map<std::string, std::string> parts;
  parts["datacenter"] = node.datacenter;
  parts["pool"] = node.node_pool;
  parts["class"] = node.node_class;
  parts["attributes"] = std::to_string(hash_of(shared_part(std::map<std::string, std::string>(node.attributes))));
  parts["meta"] = std::to_string(hash_of(shared_part(node.meta)));
  std::vector<std::string> names;
  for (const auto& [name, driver] : node.drivers)
    if (driver.detected && driver.healthy) names.push_back(name);
  parts["drivers"] = std::to_string(hash_of(names));
  names.clear();
  for (const auto& [name, volume] : node.host_volumes) names.push_back(name + (volume.read_only ? " read-only" : ""));
  parts["volumes"] = std::to_string(hash_of(names));
  if (node.node_resources) {
    parts["networks"] = std::to_string(hash_of(networks_of(node)));
    parts["devices"] = std::to_string(hash_of(devices_of(node)));
  }
  return "v1:" + std::to_string(hash_of(parts));
}

bool escapes_class(std::string_view target) {
  return target.starts_with("${attr.unique.") || target.starts_with("${meta.unique.") || target.starts_with("${node.unique.");
}

}  // namespace drover::sched
