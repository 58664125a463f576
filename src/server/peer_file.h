// The servers of this region as they were last known: a small file beside the Raft log, so that after a total outage each server finds the
// others without an operator, also when configuration and gossip snapshot name addresses that are gone.
//
// The file is signed: HMAC-SHA-256 over its content with a random key of this data directory (peers.key, mode 0600, beside it). What that is
// good for: a torn write, a flipped bit, a file that was edited by hand or copied from another server's backup is noticed and ignored with a
// warning, so that a server never joins whoever a stale copy names. What it is not: protection from somebody who can read the data directory,
// who has the key and the whole Raft log as well; and it vouches for nobody: whoever answers at an address still has to prove by gossip key,
// certificate, region and cluster id who it is.
//
// Loop thread only (files of a few kilobytes, written when membership changes: renamed into place and synced). A plain value between.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "env/random.h"

namespace drover::server {

struct known_server {
  std::string id;    // UUID
  std::string name;  // gossip name
  std::string rpc_address, serf_address;
  friend bool operator==(const known_server&, const known_server&) = default;
};

class peer_file {
 public:
  // Reads what is there. A file that is missing, damaged or of another data directory gives none; the latter two with a warning.
  // Requires: the directory exists.
  static result<peer_file> open(std::string directory, env::random& random);

  // The same without making anything: for looking at the directory of a server that does not run. Errors say why there is nothing.
  static result<std::vector<known_server>> read(const std::string& directory);

  const std::vector<known_server>& servers() const { return servers_; }
  // Empty: unknown.
  std::string rpc_address_of(uint64_t raft_id) const;
  // Nothing is written when nothing changed.
  result<> store(std::vector<known_server> servers);

 private:
  std::string directory_;
  std::string key_;
  std::vector<known_server> servers_;
};

}  // namespace drover::server
