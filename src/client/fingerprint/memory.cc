#include <unistd.h>

#include "client/fingerprint/fingerprint.h"

namespace drover::client::fingerprint {

void memory(const context& c, schema::node& node) {
  auto bytes = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  if (c.options.memory_total_mb > 0) bytes = c.options.memory_total_mb * 1024 * 1024;
  node.attributes["memory.totalbytes"] = std::to_string(bytes);
  node.node_resources->memory.memory_mb = bytes / (1024 * 1024);
}

}  // namespace drover::client::fingerprint
