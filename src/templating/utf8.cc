#include "templating/utf8.h"

#include <fmt/format.h>

#include <clocale>
#include <cwctype>
#include <memory>

namespace drover::templating {

namespace {
// Character classes do not depend on the process's locale.
locale_t unicode() {
  static locale_t made = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return made;
}
bool ascii(uint32_t code) { return code < 0x80; }
}  // namespace

rune decode_rune(std::string_view text) {
  if (text.empty()) return {};
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  size_t length = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xc2 && first < 0xe0 ? 2 : 0;
  if (length == 0 || text.size() < length) return {rune_error, 1};
  uint32_t code = first & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; i++) {
    if ((byte(i) & 0xc0) != 0x80) return {rune_error, 1};
    code = (code << 6) | (byte(i) & 0x3fu);
  }
  bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  if (overlong || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {rune_error, 1};
  return {code, length};
}

void append_rune(std::string& out, uint32_t code) {
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) code = rune_error;
  auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      put(0xe0 | (code >> 12));
    } else {
      put(0xf0 | (code >> 18));
      put(0x80 | ((code >> 12) & 0x3f));
    }
    put(0x80 | ((code >> 6) & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

std::vector<uint32_t> runes(std::string_view text) {
  std::vector<uint32_t> out;
  while (!text.empty()) {
    auto r = decode_rune(text);
    out.push_back(r.code);
    text.remove_prefix(r.length);
  }
  return out;
}

size_t rune_count(std::string_view text) {
  size_t n = 0;
  for (; !text.empty(); ++n) text.remove_prefix(decode_rune(text).length);
  return n;
}

bool is_letter(uint32_t code) {
  if (ascii(code)) return (code | 32) >= 'a' && (code | 32) <= 'z';
  return iswalpha_l(static_cast<wint_t>(code), unicode()) != 0;
}
bool is_digit(uint32_t code) { return code >= '0' && code <= '9'; }
bool is_space(uint32_t code) {
  if (ascii(code)) return code == ' ' || (code >= '\t' && code <= '\r');
  return code == 0x85 || code == 0xa0 || iswspace_l(static_cast<wint_t>(code), unicode()) != 0;
}
bool is_printable(uint32_t code) {
  if (ascii(code)) return code >= 0x20 && code < 0x7f;
  // Go prints no space but ' '.
  return code != 0xad && !is_space(code) && iswprint_l(static_cast<wint_t>(code), unicode()) != 0;
}
uint32_t upper_rune(uint32_t code) { return static_cast<uint32_t>(towupper_l(static_cast<wint_t>(code), unicode())); }
uint32_t lower_rune(uint32_t code) { return static_cast<uint32_t>(towlower_l(static_cast<wint_t>(code), unicode())); }
bool is_word_rune(uint32_t code) { return code == '_' || is_digit(code) || (code != rune_error && is_letter(code)); }

std::string rune_name(uint32_t code) {
  std::string out = fmt::format("U+{:04X}", code);
  if (!is_printable(code)) return out;
  out += " '";
  append_rune(out, code);
  return out + "'";
}

std::string upper_text(std::string_view text) {
  std::string out;
  for (auto code : runes(text)) append_rune(out, upper_rune(code));
  return out;
}
std::string lower_text(std::string_view text) {
  std::string out;
  for (auto code : runes(text)) append_rune(out, lower_rune(code));
  return out;
}

std::string go_quote(std::string_view text, bool ascii_only) {
  std::string out = "\"";
  while (!text.empty()) {
    auto r = decode_rune(text);
    char c = text[0];
    auto byte = static_cast<uint8_t>(c);
    text.remove_prefix(r.length);
    static constexpr std::string_view named = "\a\b\f\n\r\t\v", letters = "abfnrtv";
    if (r.code == rune_error && r.length == 1) out += fmt::format("\\x{:02x}", byte);
    else if (c == '"' || c == '\\') (out += '\\') += c;
    else if (auto at = named.find(c); r.length == 1 && at != std::string_view::npos) (out += '\\') += letters[at];
    else if (is_printable(r.code) && (!ascii_only || r.code < 0x80)) append_rune(out, r.code);
    else if (r.code < ' ' || r.code == 0x7f) out += fmt::format("\\x{:02x}", r.code);
    else if (r.code < 0x10000) out += fmt::format("\\u{:04x}", r.code);
    else out += fmt::format("\\U{:08x}", r.code);
  }
  return out + "\"";
}

namespace {
bool unescape(std::string_view& in, std::string& out, char quote) {
  char c = in[0];
  in.remove_prefix(1);
  static constexpr std::string_view letters = "abfnrtv\\", named = "\a\b\f\n\r\t\v\\";
  if (auto at = letters.find(c); at != std::string_view::npos) {
    out += named[at];
    return true;
  }
  if (c == '\'' || c == '"') {
    out += c;
    return c == quote;
  }
  size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : c >= '0' && c <= '7' ? 3 : 0;
  unsigned base = digits == 3 ? 8 : 16;
  if (digits == 3) in = {in.data() - 1, in.size() + 1};
  if (digits == 0 || in.size() < digits) return false;
  uint64_t code = 0;
  for (size_t i = 0; i < digits; i++) {
    char d = in[i];
    unsigned v = d >= '0' && d <= '9'   ? static_cast<unsigned>(d - '0')
                 : d >= 'a' && d <= 'f' ? static_cast<unsigned>(d - 'a' + 10)
                 : d >= 'A' && d <= 'F' ? static_cast<unsigned>(d - 'A' + 10)
                                        : 99;
    if (v >= base) return false;
    code = code * base + v;
  }
  in.remove_prefix(digits);
  if (c != 'u' && c != 'U') {
    if (code > 255) return false;
    if (quote == '\'') append_rune(out, static_cast<uint32_t>(code));
    else out += static_cast<char>(code);
    return true;
  }
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
  append_rune(out, static_cast<uint32_t>(code));
  return true;
}
}  // namespace

bool go_unquote(std::string_view literal, std::string& out) {
  out.clear();
  if (literal.size() < 2 || literal.front() != literal.back()) return false;
  char quote = literal[0];
  auto in = literal.substr(1, literal.size() - 2);
  if (quote == '`') {
    for (char c : in)
      if (c != '\r') out += c;
    return true;
  }
  while (!in.empty()) {
    if (in[0] == quote || in[0] == '\n') return false;
    if (in[0] != '\\') {
      out += in[0];
      in.remove_prefix(1);
      continue;
    }
    in.remove_prefix(1);
    if (in.empty() || !unescape(in, out, quote)) return false;
  }
  return quote != '\'' || rune_count(out) == 1;
}

}  // namespace drover::templating
