#include "agent/command.h"

int main(int argc, char** argv) { return drover::agent::run_agent_command(argc - 1, argv + 1); }
