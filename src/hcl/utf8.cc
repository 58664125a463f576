#include "hcl/utf8.h"

namespace drover::hcl {

void append_utf8(std::string& out, uint32_t code) {
  auto put = [&](uint32_t c) { out += static_cast<char>(c); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6), put(0x80 | (code & 63));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12), put(0x80 | (code >> 6 & 63)), put(0x80 | (code & 63));
  } else {
    put(0xf0 | code >> 18), put(0x80 | (code >> 12 & 63)), put(0x80 | (code >> 6 & 63)), put(0x80 | (code & 63));
  }
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    auto first = static_cast<uint8_t>(text[0]);
    size_t wanted = first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 1;
    size_t length = 1;
    while (length < wanted && length < text.size() && (static_cast<uint8_t>(text[length]) & 0xc0) == 0x80) ++length;
    if (length < wanted) length = 1;
    out.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return out;
}

uint32_t code_point(std::string_view character) {
  auto first = static_cast<uint8_t>(character[0]);
  if (character.size() == 1) return first;
  uint32_t code = first & (0xff >> (character.size() + 1));
  for (char next : character.substr(1)) code = code << 6 | (static_cast<uint8_t>(next) & 63);
  return code;
}

std::string reversed(std::string_view text) {
  auto parts = characters(text);
  std::string out;
  for (auto at = parts.rbegin(); at != parts.rend(); ++at) out += *at;
  return out;
}

}  // namespace drover::hcl
