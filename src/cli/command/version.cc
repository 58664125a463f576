// version.
#include "cli/command/all.h"

namespace drover::cli::commands {
namespace {

result<int> run(context& c) {
  c.say("Drover v" DROVER_VERSION "\nNomad API v" DROVER_NOMAD_VERSION);
  return 0;
}

}  // namespace

const command version = {
    .name = "version",
    .synopsis = "Print the version",
    .usage = "",
    .help = "The version of this program, and of the API it speaks.",
    .flags = {},
    .run = &run,
    .local = true,
};

}  // namespace drover::cli::commands
