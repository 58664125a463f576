// What a sticky disk is made of (alloc/data and each TASK/local) as a tar archive, bit by bit, for the node that goes on with it.
//
// Blocking; one thread at a time. Links are stored as links and never followed, whatever tasks do to the files meanwhile; devices, pipes and sockets
// are left out. A failure on the way ends the archive in the ordinary way, with a file in its root that says so (Nomad's convention): whoever unpacks it
// must look for that.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/alloc_dir.h"

namespace drover::client {

// "NOMAD-ALLOCID-ERROR.log".
std::string snapshot_error_name(const std::string& alloc_id);

class snapshot_archive {
 public:
  static result<std::unique_ptr<snapshot_archive>> open(const alloc_dir& dir, std::string alloc_id, std::vector<std::string> tasks);
  ~snapshot_archive();
  // The next bytes; empty: that was all.
  result<std::string> next();

 private:
  struct state;
  explicit snapshot_archive(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

}  // namespace drover::client
