// YAML text <-> values. The only file that sees libyaml is yaml.cc. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/value.h"

namespace drover::hcl {

// The first document. Plain scalars follow YAML 1.2's core schema plus 1.1's "yes"-less booleans: true, false, null, ~,
// numbers. Aliases are followed; what they make is bounded.
result<value> decode_yaml(std::string_view text);
// Strings and keys are double-quoted, members in order of name, two spaces a level.
std::string encode_yaml(const value& v);

}  // namespace drover::hcl
