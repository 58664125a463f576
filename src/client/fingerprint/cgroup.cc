#include "client/fingerprint/fingerprint.h"

namespace drover::client::fingerprint {

void cgroup(const context& c, schema::node& node) {
  node.cgroup_parent = c.cgroups.parent();
  switch (c.cgroups.mode()) {
    case exec::cgroup_mode::v2: node.attributes["os.cgroups.version"] = "2"; break;
    case exec::cgroup_mode::v1:
    case exec::cgroup_mode::hybrid: node.attributes["os.cgroups.version"] = "1"; break;
    case exec::cgroup_mode::none: break;
  }
}

}  // namespace drover::client::fingerprint
