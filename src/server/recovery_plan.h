// What is left of a cluster that lost most of its servers, and what making it anew would cost: `operator recover` shows it before anything is
// changed. look_at() reads a directory and changes nothing; plan_recovery() is pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "raft/offline.h"
#include "server/peer_file.h"
#include "server/recovery.h"

namespace drover::server {

// `path`: a data_dir, its server directory, or the raft directory in that. errc::not_found: it is none of them.
result<std::string> find_raft_directory(std::string path);

// The data directory of a server that does not run.
struct survivor {
  std::string raft_directory;
  std::string id;  // UUID
  raft::log_survey log;
  std::vector<known_server> known;  // its file of known servers, if it can be read
};
// `path` as above.
result<survivor> look_at(const std::string& path);

struct member_fate {
  std::string id;
  std::string name, address;  // as last known; may be empty
  bool voter = false;
  bool survives = false;
};

struct recovery_plan {
  size_t newest = 0;                 // the survivor whose log counts
  std::vector<member_fate> members;  // of its configuration
  size_t voters = 0, surviving_voters = 0, quorum = 0;
  // The survivors can elect a leader without any of this: they only have to be started.
  bool needed = false;
  std::vector<std::string> losses;     // sentences
  std::vector<listed_server> servers;  // the cluster from then on
};
// errc::invalid: these directories make no cluster (none, one twice, or of different clusters); the sentence says which.
result<recovery_plan> plan_recovery(const std::vector<survivor>& survivors);

}  // namespace drover::server
