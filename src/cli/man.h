// Manual pages (man(7)) of the commands, made from what their help is made from. Pure.
#pragma once

#include <string>
#include <string_view>

#include "cli/command.h"

namespace drover::cli {

// "drover-job-run"; the page's file is that and ".1".
std::string man_name(std::string_view program, std::string_view command);
std::string man_page(const command& c, std::string_view program);
// Of the program itself: every command with its synopsis.
std::string man_overview(std::string_view program);

}  // namespace drover::cli
