// job init: an example to start from.
#include "cli/command/all.h"
#include "cli/output_file.h"
#include "jobspec/example.h"

namespace drover::cli::commands {
namespace {

constexpr std::string_view default_path = "example.nomad.hcl";

constexpr flag_spec flags[] = {
    {"short", flag_kind::boolean, "Without explanations."},
    {"connect", flag_kind::boolean, "Two services that talk through sidecar proxies."},
};

result<int> run(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes no arguments or one: <filename>");
  auto path = c.arguments.empty() ? std::string(default_path) : c.arguments[0];
  auto written = write_new_file(path, jobspec::example_job({.brief = c.flags.on("short"), .connect = c.flags.on("connect")}));
  if (!written && written.error().code() == errc::exists) return fail(errc::exists, "Job file '{}' already exists", path);
  TRY(written);
  c.say(fmt::format("Example job file written to {}", path));
  return 0;
}

}  // namespace

const command job_init = {
    .name = "job init",
    .synopsis = "Write an example job file",
    .usage = "[options] [<filename>]",
    .help = "Writes a job file to start from, example.nomad.hcl unless another name is given. An existing file is left alone.",
    .flags = flags,
    .run = &run,
    .local = true,
};

}  // namespace drover::cli::commands
