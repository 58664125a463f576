// Numbers of the language: an int64 where the value is one, otherwise a double. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/value.h"

namespace drover::hcl {

// An integral double that an int64 holds exactly becomes that int64.
value make_number(double d);
// As the language shows it: "5", "0.25", "1e+100" is written out in full. Requires: `v` is a number.
std::string number_text(const value& v);
// The whole text as a decimal number ("12", "-1.5", "1e3").
std::optional<value> parse_number(std::string_view text);
// -1, 0, 1. Requires: both are numbers.
int compare_numbers(const value& a, const value& b);
double to_double(const value& v);
// The int64 that a number is, if it is whole.
std::optional<int64_t> to_integer(const value& v);

}  // namespace drover::hcl
