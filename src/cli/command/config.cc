// config validate: what the agent would say of its configuration files, without starting it.
#include "cli/command/all.h"

namespace drover::cli::commands {
namespace {

result<int> run(context& c) {
  if (c.arguments.empty()) return c.misused("Must specify at least one config file or directory");
  if (c.agent.validate == nullptr) return fail(errc::unsupported, "this program holds no agent");
  auto warnings = c.agent.validate(c.arguments);
  if (!warnings) {
    c.out.complain(warnings.error().text() + "\nConfiguration is invalid");
    return 1;
  }
  for (const auto& each : *warnings) c.out.complain("WARNING: " + each);
  c.say("Configuration is valid!");
  return 0;
}

}  // namespace

const command config_validate = {
    .name = "config validate",
    .synopsis = "Check configuration files of an agent",
    .usage = "<path> [<path>...]",
    .help = "Files or directories, later ones replacing what earlier ones say, as for `agent -config`. Exit code 1 if an agent would refuse them.",
    .flags = {},
    .run = &run,
    .local = true,
};

}  // namespace drover::cli::commands
