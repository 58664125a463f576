// The devices of this node that tasks ask for: those that device plugins tell of, and the graphics processors that the kernel shows
// (fingerprint/gpu.cc). Loop thread; made with the client, outlives all runners.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "client/driver/driver.h"
#include "client/options.h"
#include "schema/node.h"
#include "schema/resources.h"
#include "schema/stats.h"

namespace drover::client {

namespace external {
class plugin_host;
}

// What a task needs to use its devices.
struct device_reservation {
  std::map<std::string, std::string> env;
  std::vector<task_mount> mounts;
  std::vector<task_device> devices;
};

class device_source {
 public:
  // `found`: what the fingerprint saw.
  device_source(const client_options& options, external::plugin_host& plugins, std::vector<schema::node_device_resource> found);
  // For the node's record. Of two groups of one name that of the plugin counts.
  std::vector<schema::node_device_resource> groups() const;
  // unavailable: this node has no such device now.
  awaitable<result<device_reservation>> reserve(schema::allocated_device_resource wanted);
  std::vector<schema::device_group_stats> stats() const;
  // Only of what `allocated` names.
  std::vector<schema::device_group_stats> stats_of(const std::vector<schema::allocated_device_resource>& allocated) const;

 private:
  const client_options& options_;
  external::plugin_host& plugins_;
  std::vector<schema::node_device_resource> found_;
};

// The device files of a graphics processor, by its address on the PCI bus. `sys`, `dev` and `proc` are where those file systems are. Blocking, but only
// for small files.
std::vector<task_device> files_of_gpu(const std::string& sys, const std::string& dev, const std::string& proc, const std::string& vendor,
                                      const std::string& address);

}  // namespace drover::client
