#include "client/fingerprint/fingerprint.h"

namespace drover::client::fingerprint {

// Jobs constrain on nomad.version: it is the release whose behaviour we answer for.
void release(const context& c, schema::node& node) {
  auto& a = node.attributes;
  a["nomad.version"] = DROVER_NOMAD_VERSION;
  a["nomad.revision"] = "drover-" DROVER_VERSION;
  a["drover.version"] = DROVER_VERSION;
  a["nomad.service_discovery"] = c.options.service_discovery ? "true" : "false";
  if (!c.options.http_address.empty()) a["nomad.advertise.address"] = c.options.http_address;
}

}  // namespace drover::client::fingerprint
