// `drover agent`: from arguments to a running process.
#pragma once

namespace drover::agent {

// Runs until a signal ends it. The arguments stand after the command's name ("-dev", "-config=/etc/drover"). Returns the exit code.
int run_agent_command(int argc, char** argv);

}  // namespace drover::agent
