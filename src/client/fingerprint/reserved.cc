#include "client/fingerprint/fingerprint.h"

namespace drover::client::fingerprint {

void reserved(const context& c, schema::node& node) {
  auto& r = c.options.reserved;
  schema::node_reserved_resources out;
  out.cpu.cpu_shares = static_cast<uint64_t>(r.cpu);
  out.memory.memory_mb = static_cast<uint64_t>(r.memory_mb);
  out.disk.disk_mb = static_cast<uint64_t>(r.disk_mb);
  out.networks.reserved_host_ports = r.ports;
  node.reserved_resources = std::move(out);
}

}  // namespace drover::client::fingerprint
