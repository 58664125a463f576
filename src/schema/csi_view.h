// A CSI volume as the HTTP API shows it: with short forms of the allocations that use it, without the servers' claims.
// Plain values; wire names are in the .cc beside this file.
#pragma once

#include "schema/volume.h"

namespace drover::schema {

struct csi_volume_view {
  std::string id;
  std::string name;
  std::string external_id;
  std::string namespace_;
  std::optional<schema::csi_topology_request> requested_topologies;
  std::vector<schema::csi_topology> topologies;
  std::string access_mode;
  std::string attachment_mode;
  std::optional<schema::csi_mount_options> mount_options;
  std::map<std::string, std::string> secrets;
  std::map<std::string, std::string> parameters;
  std::map<std::string, std::string> context;
  int64_t capacity = 0;
  int64_t requested_capacity_min = 0;
  int64_t requested_capacity_max = 0;
  std::vector<schema::csi_volume_capability> requested_capabilities;
  std::string clone_id;
  std::string snapshot_id;
  // The allocations themselves are in the list that follows: here are their ids with null.
  std::map<std::string, ref<schema::allocation>> read_allocs;
  std::map<std::string, ref<schema::allocation>> write_allocs;
  std::vector<schema::alloc_list_stub> allocations;
  bool schedulable = false;
  std::string plugin_id;
  std::string provider;
  std::string provider_version;
  bool controller_required = false;
  int64_t controllers_healthy = 0;
  int64_t controllers_expected = 0;
  int64_t nodes_healthy = 0;
  int64_t nodes_expected = 0;
  timestamp resource_exhausted;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  int64_t create_time = 0;
  int64_t modify_time = 0;
  DROVER_RECORD(csi_volume_view);
};

// Without `allocations`. Secrets and mount flags are blanked out.
csi_volume_view view_of(const csi_volume& v);

}  // namespace drover::schema
