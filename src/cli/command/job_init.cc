// job init: an example to start from.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "cli/command/all.h"
#include "jobspec/example.h"

namespace drover::cli::commands {
namespace {

constexpr std::string_view default_path = "example.nomad.hcl";

constexpr flag_spec flags[] = {
    {"short", flag_kind::boolean, "Without explanations."},
    {"connect", flag_kind::boolean, "Two services that talk through sidecar proxies."},
};

result<> write_new(const std::string& path, std::string_view text) {
  int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0 && errno == EEXIST) return fail(errc::exists, "Job file '{}' already exists", path);
  if (descriptor < 0) return fail(system_error(errno, fmt::format("Failed to write '{}'", path)));
  while (!text.empty()) {
    auto count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      auto why = system_error(errno, fmt::format("Failed to write '{}'", path));
      ::close(descriptor);
      return fail(std::move(why));
    }
    text.remove_prefix(static_cast<size_t>(count));
  }
  ::close(descriptor);
  return {};
}

result<int> run(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes no arguments or one: <filename>");
  auto path = c.arguments.empty() ? std::string(default_path) : c.arguments[0];
  TRY(write_new(path, jobspec::example_job({.brief = c.flags.on("short"), .connect = c.flags.on("connect")})));
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
