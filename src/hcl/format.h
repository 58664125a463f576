// The one way to lay out HCL text: two blanks a level, equal signs and comments of neighbouring lines in one column. Works on text that does not
// parse too, and never changes anything but blanks. Pure.
#pragma once

#include <string>
#include <string_view>

namespace drover::hcl {

std::string format(std::string_view text);

}  // namespace drover::hcl
