#include <algorithm>
#include <clocale>
#include <cwctype>

#include "base/text.h"
#include "hcl/functions/common.h"
#include "hcl/functions/format.h"

namespace drover::hcl {
namespace {

// Upper and lower case of all scripts, whatever the process's locale.
locale_t text_locale() {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return locale;
}

std::string change_case(std::string_view character, bool upper) {
  if (static_cast<uint8_t>(character[0]) >= 0x80 && character.size() == 1) return std::string(character);
  uint32_t code = code_point(character);
  locale_t locale = text_locale();
  if (locale == nullptr) return upper ? to_upper(character) : to_lower(character);
  std::string out;
  append_utf8(out, static_cast<uint32_t>(upper ? towupper_l(code, locale) : towlower_l(code, locale)));
  return out;
}

std::string change_all(std::string_view text, bool upper) {
  std::string out;
  for (auto character : characters(text)) out += change_case(character, upper);
  return out;
}

result<value> chomp(arguments a, const function_environment&) {
  std::string text = text_at(a, 0);
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return value(std::move(text));
}

result<value> format(arguments a, const function_environment&) {
  TRY_ASSIGN(std::string out, format_text(text_at(a, 0), a.subspan(1)));
  return value(std::move(out));
}

// Lists among the arguments are gone through side by side; the others stay the same.
result<value> formatlist(arguments a, const function_environment&) {
  std::optional<size_t> length;
  for (size_t i = 1; i < a.size(); ++i) {
    auto* list = a[i].as_list();
    if (list == nullptr) continue;
    if (length && *length != list->size())
      return fail(errc::invalid, "the lists have different lengths: argument {} has {} elements, an earlier one {}", i + 1, list->size(), *length);
    length = list->size();
  }
  value::list out;
  std::vector<value> row(a.begin() + 1, a.end());
  for (size_t k = 0; k < length.value_or(1); ++k) {
    for (size_t i = 1; i < a.size(); ++i)
      if (auto* list = a[i].as_list()) row[i - 1] = (*list)[k];
    TRY_ASSIGN(std::string text, format_text(text_at(a, 0), row));
    out.emplace_back(std::move(text));
  }
  return value(std::move(out));
}

result<value> indent(arguments a, const function_environment&) {
  TRY_ASSIGN(int64_t spaces, integer_at(a, 0));
  constexpr int64_t spaces_max = 1000;
  if (spaces < 0 || spaces > spaces_max) return fail(errc::invalid, "the indentation must be 0 to {} spaces, but is {}", spaces_max, spaces);
  return value(replace_all(text_at(a, 1), "\n", "\n" + std::string(static_cast<size_t>(spaces), ' ')));
}

result<value> join_lists(arguments a, const function_environment&) {
  std::string out;
  bool first = true;
  for (size_t i = 1; i < a.size(); ++i) {
    for (const auto& element : list_at(a, i)) {
      auto text = to_text(element);
      if (!text) return fail(errc::invalid, "argument {} holds a {}; only strings can be joined", i + 1, element.kind());
      if (!first) out += text_at(a, 0);
      first = false;
      if (out.size() + text->size() > string_bytes_max) return fail(errc::invalid, "the text grows beyond {} bytes", string_bytes_max);
      out += *text;
    }
  }
  return value(std::move(out));
}

result<value> lower(arguments a, const function_environment&) { return value(change_all(text_at(a, 0), false)); }
result<value> upper(arguments a, const function_environment&) { return value(change_all(text_at(a, 0), true)); }

result<value> title(arguments a, const function_environment&) {
  std::string out;
  bool starts_word = true;
  for (auto character : characters(text_at(a, 0))) {
    out += starts_word ? change_case(character, true) : std::string(character);
    char c = character[0];
    bool in_word = static_cast<uint8_t>(c) >= 0x80 || std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '\'';
    starts_word = !in_word;
  }
  return value(std::move(out));
}

result<value> replace(arguments a, const function_environment&) {
  const auto &text = text_at(a, 0), &from = text_at(a, 1), &to = text_at(a, 2);
  if (!from.empty()) {
    if (to.size() > from.size() && text.size() / from.size() * (to.size() - from.size()) > string_bytes_max)
      return fail(errc::invalid, "the text could grow beyond {} bytes", string_bytes_max);
    return value(replace_all(text, from, to));
  }
  // Between all characters, as Go does.
  std::string out = to;
  for (auto character : characters(text)) (out += character) += to;
  return value(std::move(out));
}

result<value> split_text(arguments a, const function_environment&) {
  const auto &separator = text_at(a, 0), &text = text_at(a, 1);
  value::list out;
  if (separator.empty()) {
    for (auto character : characters(text)) out.emplace_back(character);
    return value(std::move(out));
  }
  std::string_view rest = text;
  for (;;) {
    size_t at = rest.find(separator);
    out.emplace_back(rest.substr(0, at));
    if (at == std::string_view::npos) return value(std::move(out));
    rest.remove_prefix(at + separator.size());
  }
}

result<value> strlen(arguments a, const function_environment&) { return value(static_cast<int64_t>(characters(text_at(a, 0)).size())); }

result<value> strrev(arguments a, const function_environment&) { return value(reversed(text_at(a, 0))); }

result<value> substr(arguments a, const function_environment&) {
  TRY_ASSIGN(int64_t offset, integer_at(a, 1));
  TRY_ASSIGN(int64_t length, integer_at(a, 2));
  auto parts = characters(text_at(a, 0));
  auto size = static_cast<int64_t>(parts.size());
  if (offset < 0) offset = std::max<int64_t>(0, offset + size);
  if (offset >= size) return value("");
  int64_t end = length < 0 || length > size - offset ? size : offset + length;
  std::string out;
  for (int64_t i = offset; i < end; ++i) out += parts[static_cast<size_t>(i)];
  return value(std::move(out));
}

result<value> trim_set(arguments a, const function_environment&) {
  auto parts = characters(text_at(a, 0));
  auto set = characters(text_at(a, 1));
  auto in_set = [&](std::string_view c) { return std::ranges::find(set, c) != set.end(); };
  size_t begin = 0, end = parts.size();
  while (begin < end && in_set(parts[begin])) ++begin;
  while (end > begin && in_set(parts[end - 1])) --end;
  std::string out;
  for (size_t i = begin; i < end; ++i) out += parts[i];
  return value(std::move(out));
}

result<value> trimprefix(arguments a, const function_environment&) {
  std::string_view text = text_at(a, 0);
  if (text.starts_with(text_at(a, 1))) text.remove_prefix(text_at(a, 1).size());
  return value(text);
}

result<value> trimsuffix(arguments a, const function_environment&) {
  std::string_view text = text_at(a, 0);
  if (text.ends_with(text_at(a, 1))) text.remove_suffix(text_at(a, 1).size());
  return value(text);
}

result<value> trimspace(arguments a, const function_environment&) { return value(trim(text_at(a, 0))); }

}  // namespace

std::span<const function> string_functions() {
  using enum parameter;
  static const function table[] = {
      {"chomp", {string}, {}, chomp},
      {"format", {string}, any, format, true},
      {"formatlist", {string}, any, formatlist, true},
      {"indent", {number, string}, {}, indent},
      {"join", {string}, list, join_lists},
      {"lower", {string}, {}, lower},
      {"replace", {string, string, string}, {}, replace},
      {"split", {string, string}, {}, split_text},
      {"strlen", {string}, {}, strlen},
      {"strrev", {string}, {}, strrev},
      {"substr", {string, number, number}, {}, substr},
      {"title", {string}, {}, title},
      {"trim", {string, string}, {}, trim_set},
      {"trimprefix", {string, string}, {}, trimprefix},
      {"trimspace", {string}, {}, trimspace},
      {"trimsuffix", {string, string}, {}, trimsuffix},
      {"upper", {string}, {}, upper},
  };
  return table;
}

}  // namespace drover::hcl
