// What a command is, and what it gets when it runs.
//
// Every command is a constant of its own file in command/, listed in registry.cc: nothing is built at start-up. A command returns its exit
// code, or an error whose message is printed to stderr (exit 1).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/api_client.h"
#include "cli/flags.h"
#include "cli/format/units.h"
#include "cli/terminal.h"

namespace drover::cli {

struct context;

struct command {
  std::string_view name;      // "job run"
  std::string_view synopsis;  // one line for the list of commands
  std::string_view usage;     // what follows the name: "[options] <path>"
  std::string_view help;      // sentences
  std::span<const flag_spec> flags;
  result<int> (*run)(context&);
  // Its arguments are somebody else's command line.
  bool stop_at_argument = false;
  // Talks to no agent: the general flags are left out of its help.
  bool local = false;
};

// What the agent of this program does for the command line: an agent is no part of this room.
struct agent_functions {
  int (*run)(int argc, char** argv) = nullptr;
  // Warnings about configuration files; an error if an agent would refuse them.
  result<std::vector<std::string>> (*validate)(const std::vector<std::string>& paths) = nullptr;
};

struct context {
  const command& self;
  std::string program;  // as it was called: "drover", "nomad"
  parsed_flags flags;
  std::vector<std::string> arguments;
  terminal& out;
  api_client& api;
  const agent_functions& agent;

  bool verbose() const { return flags.on("verbose"); }
  format::style style() const;
  // For mistakes of the one who types: the sentence, then where help is. Exit code 1.
  result<int> misused(std::string_view sentence) const;
  // "Error querying jobs: <cause>".
  static std::unexpected<error> failed(std::string_view doing, const error& cause);
  void say(std::string_view text) { out.say(text); }
  // -json or -t was given: prints `body`, the agent's answer, accordingly.
  bool wants_raw() const { return flags.has("json") || flags.has("t"); }
  result<int> raw(std::string_view body);
  // The same for a list of what is stored: newest first, as it is shown without -json.
  result<int> raw_newest_first(std::string_view body);
};

// The wall clock.
timestamp now();

// The help text of a command.
std::string help_of(const command& c, std::string_view program);

inline constexpr flag_spec verbose_flag = {"verbose", flag_kind::boolean, "Whole ids, exact times and more columns."};
inline constexpr flag_spec json_flag = {"json", flag_kind::boolean, "Print the API's answer as JSON."};
inline constexpr flag_spec template_flag = {"t", flag_kind::text, "Print the API's answer through a Go template."};
inline constexpr flag_spec detach_flag = {"detach", flag_kind::boolean, "Return at once instead of following the evaluation."};
inline constexpr flag_spec yes_flag = {"yes", flag_kind::boolean, "Answer yes to questions."};

}  // namespace drover::cli
