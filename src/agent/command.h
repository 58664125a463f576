// `drover agent`: from arguments to a running process.
#pragma once

#include <optional>

namespace drover::agent {

// Runs until a signal ends it. The arguments stand after the command's name ("-dev", "-config=/etc/drover"). Returns the exit code.
int run_agent_command(int argc, char** argv);
// Nothing, or the exit code of a process that this program started to work for an agent (client/artifact/child.h).
std::optional<int> run_helper(int argc, char** argv);

}  // namespace drover::agent
