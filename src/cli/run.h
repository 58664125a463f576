// The command line: finds the command, reads flags and environment, runs it.
#pragma once

#include "cli/command.h"

namespace drover::cli {

// Returns the exit code. One call a process.
int run(int argc, char** argv, const agent_functions& agent);

}  // namespace drover::cli
