// man (ours): the manual pages of all commands, for a package or for reading at once.
#include "cli/man.h"

#include <sys/stat.h>
#include <cerrno>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/output_file.h"
#include "cli/registry.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {{"out", flag_kind::text, "Write the page of every command into this directory, which is made if it is missing."}};

result<int> write_all(context& c, const std::string& directory) {
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) return fail(system_error(errno, "making the directory " + directory));
  size_t count = 1;
  TRY(write_new_file(directory + "/" + c.program + ".1", man_overview(c.program)));
  for (const auto* each : all_commands()) {
    TRY(write_new_file(directory + "/" + man_name(c.program, each->name) + ".1", man_page(*each, c.program)));
    ++count;
  }
  c.say(fmt::format("{} manual pages written to {}", count, directory));
  return 0;
}

result<int> run(context& c) {
  if (c.flags.has("out")) {
    if (!c.arguments.empty()) return c.misused("With -out this command takes no arguments");
    return write_all(c, c.flags.text("out"));
  }
  if (c.arguments.empty()) {
    c.out.write(man_overview(c.program));
    return 0;
  }
  auto found = find_command(c.arguments);
  if (!found || found->words != c.arguments.size())
    return c.misused(fmt::format("There is no command \"{}\".{}", join(c.arguments, " "), did_you_mean(c.arguments)));
  c.out.write(man_page(*found->self, c.program));
  return 0;
}

}  // namespace

const command man = {.name = "man",
                     .synopsis = "Print or write manual pages",
                     .usage = "[options] [command ...]",
                     .help = "Prints the page of one command, or of the program, as man(1) reads it: drover man job run | man -l -",
                     .flags = flags,
                     .run = &run,
                     .local = true};

}  // namespace drover::cli::commands
