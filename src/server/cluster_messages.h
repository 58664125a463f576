// What servers of a region say to each other to form a cluster: methods of our own, beside Nomad's.
//
//   Cluster.Report     what a server has: its cluster, its log, its first configuration
//   Cluster.Prepare    may I give you and these others the first configuration? (bootstrap.h)
//   Cluster.Bootstrap  this is the first configuration
//
// Plain records.
#pragma once

#include <string>
#include <vector>

#include "schema/describe.h"

namespace drover::server {

struct cluster_report_request {
  std::string region;
  DROVER_RECORD(cluster_report_request);
};

struct cluster_report {
  std::string server_id;
  std::string cluster_id;  // empty: it belongs to none, or does not know yet
  uint64_t term = 0;
  uint64_t last_index = 0;           // 0: it has nothing
  std::vector<std::string> members;  // UUIDs of its Raft configuration
  std::string leader_id;             // empty: it knows none
  DROVER_RECORD(cluster_report);
};

struct first_configuration_request {
  std::string proposer;
  std::vector<std::string> members;  // UUIDs
  DROVER_RECORD(first_configuration_request);
};

struct first_configuration_answer {
  std::string refusal;  // empty: yes
  DROVER_RECORD(first_configuration_answer);
};

}  // namespace drover::server
