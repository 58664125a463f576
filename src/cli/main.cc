#include "agent/command.h"
#include "cli/run.h"

int main(int argc, char** argv) { return drover::cli::run(argc, argv, &drover::agent::run_agent_command); }
