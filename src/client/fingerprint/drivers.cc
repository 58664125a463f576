#include "client/fingerprint/fingerprint.h"

namespace drover::client::fingerprint {

namespace {
void add_attributes(schema::node& node, const schema::driver_info& info) {
  if (!info.detected) return;
  for (auto& [key, text] : info.attributes) node.attributes[key] = text == "true" ? "1" : text;
}
}  // namespace

void drivers(const context& c, schema::node& node) {
  node.drivers = c.drivers.fingerprint(c.now);
  for (auto& [name, info] : node.drivers) add_attributes(node, info);
}

std::vector<std::string> refresh_drivers(const driver_registry& drivers, timestamp now, schema::node& node) {
  std::vector<std::string> health_changed;
  for (auto& [name, fresh] : drivers.fingerprint(now)) {
    auto& old = node.drivers[name];
    bool same_health = old.detected == fresh.detected && old.healthy == fresh.healthy && old.health_description == fresh.health_description;
    if (same_health && old.attributes == fresh.attributes) continue;
    if (!same_health) health_changed.push_back(name);
    for (auto& [key, text] : old.attributes) node.attributes.erase(key);
    old = fresh;
    add_attributes(node, fresh);
  }
  return health_changed;
}

}  // namespace drover::client::fingerprint
