#include "templating/functions/common.h"

#include "base/text.h"
#include "templating/print.h"
#include "templating/utf8.h"

namespace drover::templating {

result<std::shared_ptr<const RE2>> compile_regex(const std::string& pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(16 << 20);
  auto made = std::make_shared<RE2>(pattern, options);
  if (!made->ok()) {
    // RE2 puts the culprit at the end; Go calls one mistake differently.
    auto text = made->error();
    if (text.ends_with(": " + made->error_arg())) text.resize(text.size() - made->error_arg().size() - 2);
    if (text == "missing )") text = "missing closing )";
    return fail(errc::invalid, "error parsing regexp: {}: `{}`", text, made->error_arg());
  }
  return made;
}

namespace {
re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

// "$1", "${1}", "${name}", "$$".
void expand(std::string& out, std::string_view with, const RE2& regex, const std::vector<re2::StringPiece>& groups) {
  while (!with.empty()) {
    auto dollar = with.find('$');
    out += with.substr(0, dollar);
    if (dollar == std::string_view::npos) return;
    with.remove_prefix(dollar + 1);
    if (with.starts_with('$')) {
      out += '$';
      with.remove_prefix(1);
      continue;
    }
    bool braces = with.starts_with('{');
    size_t end = braces ? 1 : 0;
    while (end < with.size() && is_word_rune(static_cast<uint8_t>(with[end]))) ++end;
    auto name = with.substr(braces ? 1 : 0, end - (braces ? 1 : 0));
    if (name.empty() || (braces && (end >= with.size() || with[end] != '}'))) {
      out += '$';
      continue;
    }
    with.remove_prefix(end + (braces ? 1 : 0));
    auto number = parse_uint(name);
    if (!number) {
      auto found = regex.NamedCapturingGroups().find(std::string(name));
      if (found != regex.NamedCapturingGroups().end()) number = static_cast<uint64_t>(found->second);
    }
    if (number && *number < groups.size() && groups[*number].data()) out.append(groups[*number].data(), groups[*number].size());
  }
}
}  // namespace

std::string replace_regex(const RE2& regex, std::string_view text, std::string_view with, bool literal) {
  std::vector<re2::StringPiece> groups(static_cast<size_t>(regex.NumberOfCapturingGroups()) + 1);
  std::string out;
  size_t at = 0;
  bool after_match = false;
  while (at <= text.size() && out.size() <= string_bytes_max) {
    if (!regex.Match(piece(text), at, text.size(), RE2::UNANCHORED, groups.data(), static_cast<int>(groups.size()))) break;
    auto start = static_cast<size_t>(groups[0].data() - text.data());
    auto length = groups[0].size();
    out += text.substr(at, start - at);
    // An empty match right behind the one before does not count.
    if (!(length == 0 && after_match && start == at)) {
      if (literal) out += with;
      else expand(out, with, regex, groups);
    }
    at = start + length;
    after_match = length > 0;
    if (length > 0) continue;
    auto step = decode_rune(text.substr(std::min(start, text.size()))).length;
    if (step == 0) return out;
    out += text.substr(start, step);
    at = start + step;
    after_match = false;
  }
  return at < text.size() ? out.append(text.substr(at)) : out;
}

std::vector<std::string> find_regex(const RE2& regex, std::string_view text, int64_t most) {
  std::vector<std::string> out;
  size_t at = 0;
  re2::StringPiece found;
  while (at <= text.size() && (most < 0 || static_cast<int64_t>(out.size()) < most)) {
    if (!regex.Match(piece(text), at, text.size(), RE2::UNANCHORED, &found, 1)) break;
    auto start = static_cast<size_t>(found.data() - text.data());
    out.emplace_back(found.data(), found.size());
    at = start + found.size();
    if (found.empty()) at += std::max<size_t>(1, decode_rune(text.substr(std::min(start, text.size()))).length);
  }
  return out;
}

std::vector<std::string> split_text(std::string_view text, std::string_view separator, int64_t most) {
  std::vector<std::string> out;
  if (most == 0) return out;
  while (most < 0 || static_cast<int64_t>(out.size()) + 1 < most) {
    if (separator.empty()) {
      if (text.empty()) return out;
      auto length = decode_rune(text).length;
      out.emplace_back(text.substr(0, length));
      text.remove_prefix(length);
      continue;
    }
    auto at = text.find(separator);
    if (at == std::string_view::npos) break;
    out.emplace_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  out.emplace_back(text);
  return out;
}

std::string trim_set(std::string_view text, std::string_view set) {
  auto in_set = [&](std::string_view character) { return set.find(character) != std::string_view::npos; };
  while (!text.empty()) {
    auto length = decode_rune(text).length;
    if (!in_set(text.substr(0, length))) break;
    text.remove_prefix(length);
  }
  while (!text.empty()) {
    size_t start = text.size() - 1;
    while (start > 0 && (static_cast<uint8_t>(text[start]) & 0xc0) == 0x80) --start;
    if (!in_set(text.substr(start))) break;
    text.remove_suffix(text.size() - start);
  }
  return std::string(text);
}

std::string trim_space(std::string_view text) {
  auto all = runes(text);
  size_t first = 0, last = all.size();
  while (first < last && is_space(all[first])) ++first;
  while (last > first && is_space(all[last - 1])) --last;
  std::string out;
  for (size_t i = first; i < last; i++) append_rune(out, all[i]);
  return first == 0 && last == all.size() ? std::string(text) : out;
}

std::string indent_text(std::string_view text, size_t blanks, bool all) {
  std::string out;
  std::string margin(std::min<size_t>(blanks, 10'000), ' ');
  bool first = true;
  for (auto line : split(text, '\n')) {
    if (!std::exchange(first, false)) out += '\n';
    if (all || !line.empty()) out += margin;
    out += line;
    if (out.size() > string_bytes_max) break;
  }
  return out;
}

result<std::string> repeat_text(std::string_view text, int64_t count) {
  if (count < 0) return fail(errc::invalid, "a text cannot be repeated {} times", count);
  if (!text.empty() && static_cast<uint64_t>(count) > string_bytes_max / text.size())
    return fail(errc::too_large, "the text would be larger than {} bytes", string_bytes_max);
  std::string out;
  for (int64_t i = 0; i < count && !text.empty(); i++) out += text;
  return out;
}

std::string title_text(std::string_view text) {
  std::string out;
  bool word = false;
  for (auto code : runes(text)) {
    append_rune(out, word ? code : upper_rune(code));
    word = is_word_rune(code) || code == '\'';
  }
  return out;
}

std::string text_of(const datum& d) { return print_value(d); }

int64_t int_of(const datum& d) {
  if (auto* n = d.as_integer()) return n->n;
  if (auto* x = d.as_double()) return *x >= 9.2e18 || *x <= -9.2e18 || *x != *x ? 0 : static_cast<int64_t>(*x);
  if (auto* b = d.as_bool()) return *b ? 1 : 0;
  if (auto* s = d.as_text()) {
    if (auto n = parse_int(*s)) return *n;
    if (auto x = parse_double(*s)) return int_of(datum(*x));
  }
  return 0;
}

double double_of(const datum& d) {
  if (auto* n = d.as_integer()) return static_cast<double>(n->n);
  if (auto* x = d.as_double()) return *x;
  if (auto* b = d.as_bool()) return *b ? 1 : 0;
  if (auto* s = d.as_text()) return parse_double(*s).value_or(0);
  return 0;
}

std::vector<std::string> texts_of(const datum& d) {
  std::vector<std::string> out;
  auto plain = d.plain();
  if (auto* l = plain.as_list()) {
    for (auto& item : l->items)
      if (!item.is_nil()) out.push_back(text_of(item));
  } else if (!d.is_nil()) {
    out.push_back(text_of(d));
  }
  return out;
}

result<datum::list> items_of(const datum& d, std::string_view function) {
  auto plain = d.plain();
  if (auto* l = plain.as_list()) return l->items;
  return fail(errc::invalid, "Cannot find {} on type {}", function, d.is_nil() ? "invalid" : d.kind_name());
}

}  // namespace drover::templating
