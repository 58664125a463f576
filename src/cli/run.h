// The command line: finds the command, reads flags and environment, runs it.
#pragma once

namespace drover::cli {

// `agent` runs the command of that name: an agent is no part of this room. Returns the exit code. One call a process.
int run(int argc, char** argv, int (*agent)(int argc, char** argv));

}  // namespace drover::cli
