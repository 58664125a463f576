// Turns to restart (Alloc.RestartTurn): ours. Plain values; wire names and kinds are in the .cc beside this file.
#pragma once

#include "schema/common.h"

namespace drover::schema {

// A node asks for an allocation of its own.
struct restart_turn_request : write_request {
  std::string alloc_id;
  std::string task;
  bool held = false;   // it was granted before, and the task is not well again yet
  bool leave = false;  // the turn is over
  DROVER_RECORD(restart_turn_request);
};

struct restart_turn_response : write_meta {
  bool granted = false;
  std::string reason;  // why not
  duration lease;      // how long it stays granted without being asked for again
  DROVER_RECORD(restart_turn_response);
};

}  // namespace drover::schema
