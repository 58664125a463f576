// Completion in shells: the shell runs this program with the line in COMP_LINE and shows what it prints; -autocomplete-install tells the
// shells of this user to do so. Pure but for the files of the shells.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::cli {

// The words that may stand where the line ends: parts of command names, or flags.
std::vector<std::string> completions(std::string_view line);

// Adds the line to the start-up files of bash, zsh and fish that this user has, or removes it. Errors: none of them is there, or it is
// installed already. The text says what was done.
result<std::string> install_completion(const std::string& program, const std::string& path, const std::string& home);
result<std::string> uninstall_completion(const std::string& program, const std::string& path, const std::string& home);

}  // namespace drover::cli
