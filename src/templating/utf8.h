// Inside templating/: text as Unicode characters, as Go's packages see them. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drover::templating {

struct rune {
  uint32_t code = 0;
  size_t length = 0;
};
constexpr uint32_t rune_error = 0xfffd;
// The first character; bytes that are no UTF-8 are U+FFFD of length 1. Empty text: length 0.
rune decode_rune(std::string_view text);
void append_rune(std::string& out, uint32_t code);
std::vector<uint32_t> runes(std::string_view text);
size_t rune_count(std::string_view text);
bool is_letter(uint32_t code);
bool is_digit(uint32_t code);
bool is_space(uint32_t code);
bool is_printable(uint32_t code);
uint32_t upper_rune(uint32_t code);
uint32_t lower_rune(uint32_t code);
// Of names in templates: letters, digits, "_".
bool is_word_rune(uint32_t code);
// "U+0040 '@'".
std::string rune_name(uint32_t code);
std::string upper_text(std::string_view text);
std::string lower_text(std::string_view text);
// Go's strconv.Quote.
std::string go_quote(std::string_view text, bool ascii_only = false);
// The value of a Go string or character literal with its quotes; false when it is none.
bool go_unquote(std::string_view literal, std::string& out);

}  // namespace drover::templating
