// The one place that includes libraft. Only for this room's .cc files and their private headers.
#pragma once

extern "C" {
#include <raft.h>
#include <raft/uv.h>
}

#include "base/result.h"

namespace drover::raft {

// libraft has functions of the same names.
using apply_request = struct raft_apply;
using barrier_request = struct raft_barrier;
using transfer_request = struct raft_transfer;

// libraft's status as an error; `detail` is its errmsg buffer, which may be empty.
error libraft_error(int status, std::string_view doing, const char* detail = nullptr);

}  // namespace drover::raft
