// The list of commands. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace drover::cli {

// Sorted as listed in the help.
std::span<const command* const> all_commands();

// Every name that a command can be called by, also shortcuts and old ones, and "agent".
std::vector<std::string> command_names();

struct found_command {
  const command* self = nullptr;
  size_t words = 0;  // how many words named it
};
// By the longest run of first words: "job run x.hcl" is "job run". Top-level shortcuts ("run") and old names ("alloc-status") count too.
std::optional<found_command> find_command(std::span<const std::string> words);
// For an unknown command: what may have been meant, or "".
std::string did_you_mean(std::span<const std::string> words);
// The names below a group ("job": run, plan, ...); empty if there is no such group.
std::vector<const command*> members_of(std::string_view group);

std::string overview(std::string_view program);
std::string group_overview(std::string_view program, std::string_view group);

}  // namespace drover::cli
