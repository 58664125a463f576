// The formatting language of format() and formatlist(): Go's verbs. A pure function.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/value.h"

namespace drover::hcl {

// %v any value, %s text, %q quoted text, %t bool, %d %b %o %x %X whole numbers (%x text too), %e %f %g numbers, %% a
// percent sign; flags "+", "-", " ", "0", "#", a width, a precision, and "[2]" for which argument.
result<std::string> format_text(std::string_view pattern, std::span<const value> arguments);

}  // namespace drover::hcl
