// Regular expressions are RE2's, which are Go's: no backtracking, linear time.
#include <re2/re2.h>

#include "hcl/functions/common.h"

namespace drover::hcl {
namespace {

using compiled = std::unique_ptr<RE2>;

result<compiled> compile(const std::string& pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  auto out = std::make_unique<RE2>(pattern, options);
  if (!out->ok()) return fail(errc::invalid, "{} is no regular expression: {}", quoted(pattern), out->error());
  return out;
}

// The groups of a match: [0] is all of it. A group that took no part has a null data().
using groups = std::vector<re2::StringPiece>;
bool match(const RE2& re, std::string_view text, size_t from, groups& out) {
  return re.Match(re2::StringPiece(text.data(), text.size()), from, text.size(), RE2::UNANCHORED, out.data(), static_cast<int>(out.size()));
}

// "$1", "${1}", "$name", "${name}" and "$$" of a replacement, as Go's Expand has them.
void expand(std::string& out, std::string_view replacement, const RE2& re, const groups& found) {
  size_t i = 0;
  while (i < replacement.size()) {
    if (replacement[i] != '$') {
      out += replacement[i++];
      continue;
    }
    std::string_view rest = replacement.substr(i + 1);
    if (rest.starts_with('$')) {
      out += '$';
      i += 2;
      continue;
    }
    bool braces = rest.starts_with('{');
    size_t length = 0;
    auto name_part = [&](size_t k) { return k < rest.size() && (std::isalnum(static_cast<unsigned char>(rest[k])) || rest[k] == '_'); };
    while (name_part(length + braces)) ++length;
    std::string name(rest.substr(braces, length));
    bool closed = !braces || (length + 1 < rest.size() && rest[length + 1] == '}');
    if (length == 0 || !closed) {
      out += replacement[i++];
      continue;
    }
    i += 1 + length + (braces ? 2 : 0);
    std::optional<size_t> group;
    if (auto n = parse_number(name); n && to_integer(*n)) group = static_cast<size_t>(*to_integer(*n));
    else if (auto at = re.NamedCapturingGroups().find(name); at != re.NamedCapturingGroups().end()) group = static_cast<size_t>(at->second);
    if (group && *group < found.size() && found[*group].data() != nullptr) out.append(found[*group].data(), found[*group].size());
  }
}

result<value> regex_replace(arguments a, const function_environment&) {
  TRY_ASSIGN(auto re, compile(text_at(a, 1)));
  std::string_view text = text_at(a, 0);
  groups found(static_cast<size_t>(re->NumberOfCapturingGroups()) + 1);
  std::string out;
  size_t copied = 0, from = 0;
  while (from <= text.size() && match(*re, text, from, found)) {
    auto begin = static_cast<size_t>(found[0].data() - text.data());
    size_t end = begin + found[0].size();
    out.append(text, copied, begin - copied);
    expand(out, text_at(a, 2), *re, found);
    copied = end;
    from = end;
    if (found[0].empty()) {
      // An empty match is followed by the character it stood before.
      size_t next = end < text.size() ? end + characters(text.substr(end, 4))[0].size() : end + 1;
      out.append(text, end, std::min(next, text.size()) - end);
      copied = std::min(next, text.size());
      from = next;
    }
    if (out.size() > string_bytes_max) return fail(errc::invalid, "the text grows beyond {} bytes", string_bytes_max);
  }
  out.append(text, copied);
  return value(std::move(out));
}

// Without groups the match; with named groups an object; otherwise a list of the groups.
value shape(const RE2& re, const groups& found) {
  auto piece = [](const re2::StringPiece& p) { return p.data() == nullptr ? value() : value(std::string_view(p.data(), p.size())); };
  if (found.size() == 1) return piece(found[0]);
  if (!re.NamedCapturingGroups().empty()) {
    value::object out;
    for (const auto& [name, group] : re.NamedCapturingGroups()) out.set(name, piece(found[static_cast<size_t>(group)]));
    return out;
  }
  value::list out;
  for (size_t i = 1; i < found.size(); ++i) out.push_back(piece(found[i]));
  return out;
}

result<value> regex(arguments a, const function_environment&) {
  TRY_ASSIGN(auto re, compile(text_at(a, 0)));
  groups found(static_cast<size_t>(re->NumberOfCapturingGroups()) + 1);
  if (!match(*re, text_at(a, 1), 0, found)) return fail(errc::invalid, "the pattern {} does not match the text", quoted(text_at(a, 0)));
  return shape(*re, found);
}

result<value> regexall(arguments a, const function_environment&) {
  TRY_ASSIGN(auto re, compile(text_at(a, 0)));
  std::string_view text = text_at(a, 1);
  groups found(static_cast<size_t>(re->NumberOfCapturingGroups()) + 1);
  value::list out;
  for (size_t from = 0; from <= text.size() && match(*re, text, from, found);) {
    out.push_back(shape(*re, found));
    if (out.size() > elements_max) return fail(errc::invalid, "there are more than {} matches", elements_max);
    from = static_cast<size_t>(found[0].data() - text.data()) + found[0].size();
    if (found[0].empty()) from += from < text.size() ? characters(text.substr(from, 4))[0].size() : 1;
  }
  return value(std::move(out));
}

}  // namespace

std::span<const function> regex_functions() {
  using enum parameter;
  static const function table[] = {
      {"regex", {string, string}, {}, regex},
      {"regexall", {string, string}, {}, regexall},
      {"regex_replace", {string, string, string}, {}, regex_replace},
  };
  return table;
}

}  // namespace drover::hcl
