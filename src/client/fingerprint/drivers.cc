#include "client/fingerprint/fingerprint.h"

namespace drover::client::fingerprint {

void drivers(const context& c, schema::node& node) {
  node.drivers = c.drivers.fingerprint(c.now);
  for (auto& [name, info] : node.drivers) {
    if (!info.detected) continue;
    for (auto& [key, text] : info.attributes) node.attributes[key] = text == "true" ? "1" : text;
  }
}

}  // namespace drover::client::fingerprint
