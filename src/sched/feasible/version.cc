#include "sched/feasible/version.h"

#include <algorithm>

#include "base/text.h"

namespace drover::sched {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '~'; }

bool is_identifiers(std::string_view text) {
  if (text.empty()) return false;
  for (std::string_view part : split(text, '.')) {
    if (part.empty()) return false;
    for (char c : part)
      if (!is_digit(c) && !is_letter(c) && c != '-') return false;
  }
  return true;
}

// Numbers come before words; numbers compare as numbers.
int compare_identifier(std::string_view a, std::string_view b) {
  auto x = parse_int(a);
  auto y = parse_int(b);
  if (x && y) return *x < *y ? -1 : *x > *y;
  if (x) return -1;
  if (y) return 1;
  int order = a.compare(b);
  return order < 0 ? -1 : order > 0;
}

int compare_prerelease(std::string_view a, std::string_view b) {
  if (a == b) return 0;
  if (a.empty()) return 1;
  if (b.empty()) return -1;
  auto x = split(a, '.');
  auto y = split(b, '.');
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
    if (int order = compare_identifier(x[i], y[i]); order != 0) return order;
  return x.size() < y.size() ? -1 : x.size() > y.size();
}

int compare_segments(const version& a, const version& b) {
  for (size_t i = 0; i < std::max(a.segments.size(), b.segments.size()); ++i) {
    int64_t x = i < a.segments.size() ? a.segments[i] : 0;
    int64_t y = i < b.segments.size() ? b.segments[i] : 0;
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

}  // namespace

std::optional<version> parse_version(std::string_view text) {
  version v;
  text = trim(text);
  if (text.starts_with('v')) text.remove_prefix(1);
  for (;;) {
    size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) ++digits;
    auto number = parse_int(text.substr(0, digits));
    if (!number) return std::nullopt;
    v.segments.push_back(*number);
    text.remove_prefix(digits);
    if (!text.starts_with('.')) break;
    text.remove_prefix(1);
  }
  v.written = v.segments.size();
  while (v.segments.size() < 3) v.segments.push_back(0);
  if (size_t plus = text.find('+'); plus != std::string_view::npos) {
    if (!is_identifiers(text.substr(plus + 1))) return std::nullopt;
    text = text.substr(0, plus);
  }
  if (text.empty()) return v;
  if (text.starts_with('-')) text.remove_prefix(1);
  else if (!is_letter(text.front())) return std::nullopt;
  if (!is_identifiers(text)) return std::nullopt;
  v.prerelease = text;
  return v;
}

int compare(const version& a, const version& b) {
  int order = compare_segments(a, b);
  return order != 0 ? order : compare_prerelease(a.prerelease, b.prerelease);
}

std::optional<version_constraints::op> version_constraints::parse_op(std::string_view text, version_rule rule) {
  if (text.empty() || text == "=") return op::equal;
  if (text == "!=") return op::not_equal;
  if (text == "<") return op::less;
  if (text == "<=") return op::less_equal;
  if (text == ">") return op::greater;
  if (text == ">=") return op::greater_equal;
  if (text == "~>" && rule == version_rule::lenient) return op::pessimistic;
  return std::nullopt;
}

std::optional<version_constraints> version_constraints::parse(std::string_view text, version_rule rule) {
  version_constraints made;
  made.rule_ = rule;
  for (std::string_view part : split(text, ',')) {
    part = trim(part);
    size_t end = 0;
    while (end < part.size() && std::string_view("=!<>~").find(part[end]) != std::string_view::npos) ++end;
    auto operation = parse_op(part.substr(0, end), rule);
    auto bound = parse_version(part.substr(end));
    if (!operation || !bound) return std::nullopt;
    made.parts_.push_back({*operation, std::move(*bound)});
  }
  return made;
}

bool version_constraints::match(const version& candidate) const {
  return std::all_of(parts_.begin(), parts_.end(), [&](const part& p) { return match(p, candidate); });
}

bool version_constraints::match(const part& p, const version& candidate) const {
  int order = compare(candidate, p.bound);
  if (p.operation == op::equal) return order == 0;
  if (p.operation == op::not_equal) return order != 0;
  if (rule_ == version_rule::lenient && !candidate.prerelease.empty())
    if (p.bound.prerelease.empty() || compare_segments(candidate, p.bound) != 0) return false;
  switch (p.operation) {
    case op::less: return order < 0;
    case op::less_equal: return order <= 0;
    case op::greater: return order > 0;
    case op::greater_equal: return order >= 0;
    default: break;
  }
  // ~> 1.2.3 is >= 1.2.3 within 1.2; ~> 1.2 is >= 1.2 within 1.
  if (order < 0) return false;
  for (size_t i = 0; i + 1 < p.bound.written; ++i)
    if (i >= candidate.segments.size() || candidate.segments[i] != p.bound.segments[i]) return false;
  return true;
}

}  // namespace drover::sched
