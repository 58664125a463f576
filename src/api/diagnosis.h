// What an agent tells about its machine and itself when somebody looks for a fault: Agent.Host, Agent.Profile, Agent.MonitorExport, and their
// routes under /v1/agent and /debug/pprof. Loop thread.
#pragma once

#include "api/call.h"

namespace drover::api {

struct diagnosis_options {
  // Host data and profiles are shown at all (enable_debug).
  bool enable_debug = false;
  // Where the log is written besides standard output; empty: nowhere.
  std::string log_file{};
  // What does the reading of names for profiles off the loop; null: it is done at once.
  net::loop* loop = nullptr;
};

// The methods of this agent itself. The table must not outlive the loop.
void add_diagnosis(rpc::method_table& table, diagnosis_options options);

}  // namespace drover::api
