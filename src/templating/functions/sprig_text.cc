// sprig's functions on text, patterns and paths.
#include <algorithm>
#include <filesystem>

#include "base/bytes.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "templating/functions/common.h"
#include "templating/print.h"
#include "templating/utf8.h"

namespace drover::templating {

namespace {
using crypto::digest_kind;

std::string from_runes(const std::vector<uint32_t>& all, size_t from, size_t to) {
  std::string out;
  for (size_t i = from; i < to && i < all.size(); i++) append_rune(out, all[i]);
  return out;
}

std::string abbreviated(const std::string& s, int64_t offset, int64_t width) {
  auto size = static_cast<int64_t>(s.size());
  if (size <= width || width < 4) return s;
  offset = std::min(offset, size);
  if (size - offset < width - 3) offset = size - (width - 3);
  auto part = [&](int64_t from, int64_t to) { return s.substr(static_cast<size_t>(from), static_cast<size_t>(to - from)); };
  if (offset <= 4) return part(0, width - 3) + "...";
  if (offset + width - 3 < size) return "..." + abbreviated(part(offset, size), 0, width - 3);
  return "..." + part(size - (width - 3), size);
}

result<datum> truncated(const call& c) {
  auto n = c.integer(0);
  auto& s = c.text(1);
  auto size = static_cast<int64_t>(s.size());
  if (n < 0 && size + n > 0) return datum(s.substr(static_cast<size_t>(size + n)));
  if (n >= 0 && size > n) return datum(s.substr(0, static_cast<size_t>(n)));
  return datum(s);
}

result<datum> substring(const call& c) {
  auto start = c.integer(0), end = c.integer(1);
  auto size = static_cast<int64_t>(c.text(2).size());
  if (start < 0) start = 0;
  else if (end < 0 || end > size) end = size;
  if (end < start || end > size) return fail(errc::invalid, "slice bounds out of range [{}:{}]", start, end);
  return datum(c.text(2).substr(static_cast<size_t>(start), static_cast<size_t>(end - start)));
}

std::string without_space(const std::string& s) {
  std::string out;
  for (auto code : runes(s))
    if (!is_space(code)) append_rune(out, code);
  return out;
}

std::string initials(const std::string& s) {
  std::string out;
  bool before = false;
  for (auto code : runes(s)) {
    bool word = !is_space(code);
    if (word && !before) append_rune(out, code);
    before = word;
  }
  return out;
}

std::string swapped_case(const std::string& s) {
  std::string out;
  bool after_space = true;
  for (auto code : runes(s)) {
    bool upper = lower_rune(code) != code;
    bool lower = upper_rune(code) != code;
    if (upper) append_rune(out, lower_rune(code));
    else if (lower) append_rune(out, after_space ? upper_rune(code) : upper_rune(code));
    else append_rune(out, code);
    after_space = is_space(code);
  }
  return out;
}

std::string untitled(const std::string& s) {
  std::string out;
  bool after_space = true;
  for (auto code : runes(s)) {
    append_rune(out, after_space ? lower_rune(code) : code);
    after_space = is_space(code);
  }
  return out;
}

// The words of "HTTPServer2_x y": a new one begins at a capital after a small letter or before one, at digits and at separators.
std::vector<std::vector<uint32_t>> words_of(const std::string& s) {
  std::vector<std::vector<uint32_t>> out;
  std::vector<uint32_t> word;
  auto all = runes(s);
  auto end = [&] {
    if (!word.empty()) out.push_back(std::exchange(word, {}));
  };
  auto upper = [](uint32_t code) { return lower_rune(code) != code; };
  for (size_t i = 0; i < all.size(); i++) {
    auto code = all[i];
    if (code == '_' || code == '-' || code == ' ' || is_space(code)) {
      end();
      continue;
    }
    if (!word.empty()) {
      bool after_small = upper(code) && !upper(word.back()) && !is_digit(word.back());
      bool before_small = upper(code) && upper(word.back()) && i + 1 < all.size() && is_letter(all[i + 1]) && !upper(all[i + 1]);
      bool after_digit = upper(code) && is_digit(word.back());
      if (after_small || before_small || after_digit) end();
    }
    word.push_back(code);
  }
  end();
  return out;
}

std::string connected_case(const std::string& s, char between) {
  std::string out;
  for (auto& word : words_of(s)) {
    if (!out.empty()) out += between;
    for (auto code : word) append_rune(out, lower_rune(code));
  }
  return out;
}

std::string pascal_case(const std::string& s) {
  std::string out;
  bool first = true;
  for (auto code : runes(s)) {
    if (code == '_' || code == '-' || is_space(code)) {
      first = true;
      continue;
    }
    append_rune(out, first ? upper_rune(code) : code);
    first = false;
  }
  return out;
}

// Lines of at most `width` characters, broken at blanks; a longer word is cut when `cut` says so.
std::string wrapped(const std::string& s, int64_t width, const std::string& line_end, bool cut) {
  width = std::max<int64_t>(width, 1);
  auto all = runes(s);
  auto size = static_cast<int64_t>(all.size());
  std::string out;
  int64_t at = 0;
  auto part = [&](int64_t from, int64_t to) { return from_runes(all, static_cast<size_t>(from), static_cast<size_t>(to)); };
  while (size - at > width) {
    if (all[static_cast<size_t>(at)] == ' ') {
      ++at;
      continue;
    }
    int64_t space = -1;
    for (int64_t i = at; i <= at + width; i++)
      if (all[static_cast<size_t>(i)] == ' ') space = i;
    if (space < 0 && cut) {
      out += part(at, at + width) + line_end;
      at += width;
      continue;
    }
    if (space < 0) {
      for (space = at + width; space < size && all[static_cast<size_t>(space)] != ' ';) ++space;
      if (space == size) break;
    }
    out += part(at, space) + line_end;
    at = space + 1;
  }
  return out + part(at, size);
}

result<datum> quoted(const call& c, bool single) {
  std::string out;
  bool first = true;
  for (auto& d : c.arguments) {
    if (d.is_nil()) continue;
    if (!std::exchange(first, false)) out += ' ';
    out += single ? "'" + text_of(d) + "'" : go_quote(text_of(d));
  }
  return datum(std::move(out));
}

result<datum> concatenated(const call& c) {
  std::string out;
  for (auto& d : c.arguments)
    if (!d.is_nil()) out += (out.empty() ? "" : " ") + text_of(d);
  return datum(std::move(out));
}

result<datum> digest(const call& c, digest_kind kind) { return datum(hex_encode(crypto::digest(kind, c.text(0)))); }

result<datum> adler32(const call& c) {
  uint32_t a = 1, b = 0;
  for (char ch : c.text(0)) {
    a = (a + static_cast<uint8_t>(ch)) % 65521;
    b = (b + a) % 65521;
  }
  return datum(std::to_string((static_cast<uint64_t>(b) << 16) | a));
}

constexpr std::string_view base32_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

result<datum> base32_encoded(const call& c) {
  std::string out;
  uint64_t bits = 0;
  int have = 0;
  for (char ch : c.text(0)) {
    bits = (bits << 8) | static_cast<uint8_t>(ch);
    for (have += 8; have >= 5; have -= 5) out += base32_alphabet[(bits >> (have - 5)) & 31];
  }
  if (have > 0) out += base32_alphabet[(bits << (5 - have)) & 31];
  while (out.size() % 8 != 0) out += '=';
  return datum(std::move(out));
}

result<datum> base32_decoded(const call& c) {
  std::string out;
  uint64_t bits = 0;
  int have = 0;
  for (size_t i = 0; i < c.text(0).size() && c.text(0)[i] != '='; i++) {
    auto at = base32_alphabet.find(c.text(0)[i]);
    if (at == std::string_view::npos) return datum(fmt::format("illegal base32 data at input byte {}", i));
    bits = (bits << 5) | at;
    if ((have += 5) >= 8) out += static_cast<char>((bits >> (have -= 8)) & 255);
  }
  return datum(std::move(out));
}

// Go's path.Clean.
std::string clean_path(std::string_view path) {
  if (path.empty()) return ".";
  bool rooted = path[0] == '/';
  std::vector<std::string> kept;
  for (auto part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == ".." && !kept.empty() && kept.back() != "..") kept.pop_back();
    else if (part != ".." || !rooted) kept.emplace_back(part);
  }
  auto out = (rooted ? "/" : "") + join(kept, "/");
  return out.empty() ? "." : out;
}
std::string base_of(std::string path) {
  if (path.empty()) return ".";
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (path == "/") return path;
  return path.substr(path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1);
}
std::string dir_of(const std::string& path) { return clean_path(path.substr(0, path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1)); }
std::string extension_of(const std::string& path) {
  auto dot = path.rfind('.');
  auto slash = path.rfind('/');
  return dot == std::string::npos || (slash != std::string::npos && dot < slash) ? "" : path.substr(dot);
}

result<datum> random_text(const call& c, std::string_view alphabet) {
  if (!c.run.outside().random) return fail(errc::unsupported, "no randomness is available here");
  auto n = std::clamp<int64_t>(c.integer(0), 0, 4096);
  std::string out;
  for (char ch : c.run.outside().random(static_cast<size_t>(n) * 4)) {
    // Bytes that would make some letters likelier are left out.
    if (static_cast<uint8_t>(ch) >= 256 / alphabet.size() * alphabet.size()) continue;
    if (out.size() < static_cast<size_t>(n)) out += alphabet[static_cast<uint8_t>(ch) % alphabet.size()];
  }
  return datum(std::move(out));
}
constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", digits = "0123456789",
                           both = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                           visible = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";

result<datum> regex_match(const call& c) {
  TRY_ASSIGN(auto regex, compile_regex(c.text(0)));
  return datum(RE2::PartialMatch(c.text(1), *regex));
}
result<datum> regex_find(const call& c) {
  TRY_ASSIGN(auto regex, compile_regex(c.text(0)));
  auto found = find_regex(*regex, c.text(1), 1);
  return datum(found.empty() ? "" : found[0]);
}
result<datum> regex_find_all(const call& c) {
  TRY_ASSIGN(auto regex, compile_regex(c.text(0)));
  return text_list(find_regex(*regex, c.text(1), c.integer(2)));
}
template <bool Literal>
result<datum> regex_replace(const call& c) {
  TRY_ASSIGN(auto regex, compile_regex(c.text(0)));
  return datum(replace_regex(*regex, c.text(1), c.text(2), Literal));
}
result<datum> regex_split(const call& c) {
  TRY_ASSIGN(auto regex, compile_regex(c.text(0)));
  auto most = c.integer(2);
  if (most == 0) return text_list({});
  std::vector<std::string> out;
  std::string_view text = c.text(1);
  size_t at = 0, from = 0;
  re2::StringPiece found;
  while (at < text.size() && (most < 0 || static_cast<int64_t>(out.size()) + 1 < most)) {
    if (!regex->Match({text.data(), text.size()}, at, text.size(), RE2::UNANCHORED, &found, 1)) break;
    auto start = static_cast<size_t>(found.data() - text.data());
    at = start + std::max<size_t>(found.size(), 1);
    if (found.empty() && (start == from || start >= text.size())) continue;
    out.emplace_back(text.substr(from, start - from));
    from = start + found.size();
  }
  out.emplace_back(text.substr(std::min(from, text.size())));
  return text_list(std::move(out));
}

#define TEXT(expression) [](const call& c) -> result<datum> { return datum(expression); }
constexpr function table[] = {
    {"hello", "", [](const call&) -> result<datum> { return datum("Hello!"); }},
    {"abbrev", "is", TEXT(abbreviated(c.text(1), 0, c.integer(0)))},
    {"abbrevboth", "iis", TEXT(c.integer(1) < 4 || (c.integer(0) > 0 && c.integer(1) < 7) ? c.text(2) : abbreviated(c.text(2), c.integer(0), c.integer(1)))},
    {"trunc", "is", truncated},
    {"trim", "s", TEXT(trim_space(c.text(0)))},
    {"upper", "s", TEXT(upper_text(c.text(0)))},
    {"lower", "s", TEXT(lower_text(c.text(0)))},
    {"title", "s", TEXT(title_text(c.text(0)))},
    {"untitle", "s", TEXT(untitled(c.text(0)))},
    {"substr", "iis", substring},
    {"repeat", "is",
     [](const call& c) -> result<datum> {
       TRY_ASSIGN(auto out, repeat_text(c.text(1), c.integer(0)));
       return datum(std::move(out));
     }},
    {"trimall", "ss", TEXT(trim_set(c.text(1), c.text(0)))},
    {"trimAll", "ss", TEXT(trim_set(c.text(1), c.text(0)))},
    {"trimSuffix", "ss", TEXT(c.text(1).ends_with(c.text(0)) ? c.text(1).substr(0, c.text(1).size() - c.text(0).size()) : c.text(1))},
    {"trimPrefix", "ss", TEXT(c.text(1).starts_with(c.text(0)) ? c.text(1).substr(c.text(0).size()) : c.text(1))},
    {"nospace", "s", TEXT(without_space(c.text(0)))},
    {"initials", "s", TEXT(initials(c.text(0)))},
    {"randAlphaNum", "i", [](const call& c) { return random_text(c, both); }},
    {"randAlpha", "i", [](const call& c) { return random_text(c, letters); }},
    {"randAscii", "i", [](const call& c) { return random_text(c, visible); }},
    {"randNumeric", "i", [](const call& c) { return random_text(c, digits); }},
    {"swapcase", "s", TEXT(swapped_case(c.text(0)))},
    {"snakecase", "s", TEXT(connected_case(c.text(0), '_'))},
    {"kebabcase", "s", TEXT(connected_case(c.text(0), '-'))},
    {"camelcase", "s", TEXT(pascal_case(c.text(0)))},
    {"wrap", "is", TEXT(wrapped(c.text(1), c.integer(0), "\n", false))},
    {"wrapWith", "iss", TEXT(wrapped(c.text(2), c.integer(0), c.text(1), true))},
    {"contains", "ss", TEXT(c.text(1).find(c.text(0)) != std::string::npos)},
    {"hasPrefix", "ss", TEXT(c.text(1).starts_with(c.text(0)))},
    {"hasSuffix", "ss", TEXT(c.text(1).ends_with(c.text(0)))},
    {"quote", "a*", [](const call& c) { return quoted(c, false); }},
    {"squote", "a*", [](const call& c) { return quoted(c, true); }},
    {"cat", "a*", concatenated},
    {"indent", "is", TEXT(indent_text(c.text(1), static_cast<size_t>(std::max<int64_t>(c.integer(0), 0)), true))},
    {"nindent", "is", TEXT("\n" + indent_text(c.text(1), static_cast<size_t>(std::max<int64_t>(c.integer(0), 0)), true))},
    {"replace", "sss", TEXT(c.text(0).empty() ? c.text(2) : replace_all(c.text(2), c.text(0), c.text(1)))},
    {"plural", "ssi", TEXT(c.integer(2) == 1 ? c.text(0) : c.text(1))},
    {"sha1sum", "s", [](const call& c) { return digest(c, digest_kind::sha1); }},
    {"sha256sum", "s", [](const call& c) { return digest(c, digest_kind::sha256); }},
    {"sha512sum", "s", [](const call& c) { return digest(c, digest_kind::sha512); }},
    {"adler32sum", "s", adler32},
    {"toString", "a", TEXT(text_of(c[0]))},
    {"b64enc", "s", TEXT(base64_encode(c.text(0)))},
    {"b64dec", "s",
     [](const call& c) -> result<datum> {
       auto out = base64_decode(c.text(0));
       return datum(out ? *out : out.error().text());
     }},
    {"b32enc", "s", base32_encoded},
    {"b32dec", "s", base32_decoded},
    {"base", "s", TEXT(base_of(c.text(0)))},
    {"dir", "s", TEXT(dir_of(c.text(0)))},
    {"clean", "s", TEXT(clean_path(c.text(0)))},
    {"ext", "s", TEXT(extension_of(c.text(0)))},
    {"isAbs", "s", TEXT(c.text(0).starts_with('/'))},
    {"osBase", "s", TEXT(base_of(c.text(0)))},
    {"osDir", "s", TEXT(dir_of(c.text(0)))},
    {"osClean", "s", TEXT(clean_path(c.text(0)))},
    {"osExt", "s", TEXT(extension_of(c.text(0)))},
    {"osIsAbs", "s", TEXT(c.text(0).starts_with('/'))},
    {"regexMatch", "ss", regex_match},
    {"mustRegexMatch", "ss", regex_match},
    {"regexFind", "ss", regex_find},
    {"mustRegexFind", "ss", regex_find},
    {"regexFindAll", "ssi", regex_find_all},
    {"mustRegexFindAll", "ssi", regex_find_all},
    {"regexReplaceAll", "sss", regex_replace<false>},
    {"mustRegexReplaceAll", "sss", regex_replace<false>},
    {"regexReplaceAllLiteral", "sss", regex_replace<true>},
    {"mustRegexReplaceAllLiteral", "sss", regex_replace<true>},
    {"regexSplit", "ssi", regex_split},
    {"mustRegexSplit", "ssi", regex_split},
    {"regexQuoteMeta", "s",
     [](const call& c) -> result<datum> {
       std::string out;
       for (char ch : c.text(0)) {
         if (std::string_view("\\.+*?()|[]{}^$").find(ch) != std::string_view::npos) out += '\\';
         out += ch;
       }
       return datum(std::move(out));
     }},
};
#undef TEXT
}  // namespace

std::span<const function> sprig_text_functions() { return table; }

}  // namespace drover::templating
