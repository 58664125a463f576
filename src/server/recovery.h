// peers.json: an operator's word about who is in the cluster from now on, after most servers were lost for good. Put beside the Raft log
// (<data_dir>/server/raft/peers.json) of every server that goes on, and read at their next start:
//   [{"id": "<the server's UUID, in <data_dir>/server/node-id>", "address": "10.0.0.1:4647", "non_voter": false}, ...]
// It is renamed to peers.json.used afterwards. Blocking; before Raft starts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "raft/raft.h"

namespace drover::server {

struct listed_server {
  std::string id;
  std::string address;
  bool non_voter = false;
  friend bool operator==(const listed_server&, const listed_server&) = default;
};
// errc::invalid: the sentence says which entry is wrong and what would be right.
result<std::vector<listed_server>> parse_peers_json(std::string_view text);
std::string peers_json(const std::vector<listed_server>& servers);
// As Raft has them: the address is the id.
std::vector<raft::server> to_raft(const std::vector<listed_server>& servers);

// Applies the file if there is one; what it listed, or nothing. Errors leave everything as it was, and the server should not start.
result<std::vector<listed_server>> apply_peers_json(const std::string& raft_directory, const std::string& server_id);

}  // namespace drover::server
