// What this machine is: each function adds its attributes and resources to the node record. Only files of /proc, /sys and /etc and system
// calls are used, so that all of them together take a few milliseconds. Blocking; once at start, on the loop.
#pragma once

#include "client/driver/registry.h"
#include "client/options.h"
#include "schema/node.h"

namespace drover::client::fingerprint {

struct context {
  const client_options& options;
  const driver_registry& drivers;
  const exec::cgroup_manager& cgroups;
  std::string alloc_dir;
  timestamp now;
};

void arch(const context&, schema::node&);
// The instance that a cloud says this is, where the configuration asks; waits up to seconds for it..
void cloud(const context&, schema::node&);
// Graphics processors, from sysfs.
void gpu(const context&, schema::node&);
void cgroup(const context&, schema::node&);
void cpu(const context&, schema::node&);
void drivers(const context&, schema::node&);
void host(const context&, schema::node&);
void memory(const context&, schema::node&);
void network(const context&, schema::node&);
// Network modes beside the host's own: bridge, where the kernel and the packet filter can, and each network of the CNI directory.
void bridge(const context&, schema::node&);
void cni(const context&, schema::node&);
void release(const context&, schema::node&);
void reserved(const context&, schema::node&);
void signal(const context&, schema::node&);
void storage(const context&, schema::node&);

// The drivers again, when one of them says something else than `node` does. What is the same keeps its time. Gives the names of those whose
// health is another.
std::vector<std::string> refresh_drivers(const driver_registry& drivers, timestamp now, schema::node& node);

// All of the above, in the order that their results need; honours fingerprint.allowlist and fingerprint.denylist.
void run_all(const context&, schema::node&);

}  // namespace drover::client::fingerprint
