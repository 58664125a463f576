#include "agent/command.h"
#include "agent/validate.h"
#include "cli/run.h"

int main(int argc, char** argv) {
  if (auto code = drover::agent::run_helper(argc, argv)) return *code;
  return drover::cli::run(argc, argv, {.run = &drover::agent::run_agent_command, .validate = &drover::agent::validate_config});
}
