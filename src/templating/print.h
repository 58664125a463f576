// Values as Go's fmt package prints them. Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "templating/datum.h"

namespace drover::templating {

// %v.
std::string print_value(const datum& d);
std::string sprint(std::span<const datum> arguments);
std::string sprintln(std::span<const datum> arguments);
// Mistakes in the format become text such as "%!d(string=x)", as in Go.
std::string sprintf_go(std::string_view format, std::span<const datum> arguments);
// strconv.FormatFloat with 64 bits; precision -1: as few digits as tell the number from its neighbours.
std::string format_float(double d, char verb, int precision);

}  // namespace drover::templating
