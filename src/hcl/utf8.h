// UTF-8 text as characters. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drover::hcl {

// Requires: `code` is below 0x110000.
void append_utf8(std::string& out, uint32_t code);
// The text's characters (code points), each as its bytes; a wrong byte is a character of its own.
std::vector<std::string_view> characters(std::string_view text);
// The code point of one of characters().
uint32_t code_point(std::string_view character);
// The characters in the opposite order.
std::string reversed(std::string_view text);

}  // namespace drover::hcl
