// The instructions for a shim in its own form (shim/protocol.h). Internal to the room; pure but for make_memfd().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "client/exec/executor.h"
#include "client/exec/files.h"
#include "shim/protocol.h"

namespace drover::exec {

// Says what is wrong with a spec, looks up its user, and encodes it.
result<std::string> encode_launch(const launch_spec& spec);
// The search for the command and the environment follow the request alone.
result<std::string> encode_exec(const exec_request& request);
result<unique_fd> make_memfd(std::string_view content);
// "joining cgroup /x: Permission denied" for a packet that says where a start went wrong.
error launch_error(std::string_view id, uint32_t step, int number, std::string_view detail);

}  // namespace drover::exec
