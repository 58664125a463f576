#include "templating/functions/semver.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace drover::templating {

namespace {
struct semver {
  std::array<uint64_t, 3> numbers{};
  // How many of the numbers were written; "1.x" has one.
  size_t written = 0;
  std::string prerelease, metadata, original;
  auto operator<=>(const semver& o) const { return numbers <=> o.numbers; }
  bool operator==(const semver& o) const { return numbers == o.numbers && prerelease == o.prerelease; }
};

result<semver> parse(std::string_view text, bool range) {
  semver out;
  out.original = text;
  auto bad = [&] { return fail(errc::invalid, "invalid semantic version"); };
  auto rest = text;
  if (rest.starts_with('v')) rest.remove_prefix(1);
  if (auto plus = rest.find('+'); plus != std::string_view::npos) {
    out.metadata = rest.substr(plus + 1);
    rest = rest.substr(0, plus);
  }
  if (auto dash = rest.find('-'); dash != std::string_view::npos) {
    out.prerelease = rest.substr(dash + 1);
    rest = rest.substr(0, dash);
  }
  auto parts = split(rest, '.');
  if (parts.size() > 3) return bad();
  for (size_t i = 0; i < parts.size(); i++) {
    if (range && (parts[i] == "x" || parts[i] == "X" || parts[i] == "*")) return out;
    auto n = parse_uint(parts[i]);
    if (!n || (parts[i].size() > 1 && parts[i][0] == '0')) return bad();
    out.numbers[i] = *n;
    out.written = i + 1;
  }
  return out;
}

// <0, 0, >0. A prerelease is before its release; its parts compare as numbers or text.
int compared(const semver& a, const semver& b) {
  if (a.numbers != b.numbers) return a.numbers < b.numbers ? -1 : 1;
  if (a.prerelease == b.prerelease) return 0;
  if (a.prerelease.empty()) return 1;
  if (b.prerelease.empty()) return -1;
  auto x = split(a.prerelease, '.'), y = split(b.prerelease, '.');
  for (size_t i = 0; i < std::min(x.size(), y.size()); i++) {
    if (x[i] == y[i]) continue;
    auto m = parse_uint(x[i]), n = parse_uint(y[i]);
    if (m && n) return *m < *n ? -1 : 1;
    if (m || n) return m ? -1 : 1;
    return x[i] < y[i] ? -1 : 1;
  }
  return x.size() < y.size() ? -1 : 1;
}

// The first version after all that share the numbers before `position`.
semver next_at(semver v, size_t position) {
  ++v.numbers[position];
  for (size_t i = position + 1; i < 3; i++) v.numbers[i] = 0;
  v.prerelease.clear();
  return v;
}

bool in_series(const semver& v, const semver& from, size_t position) { return compared(v, from) >= 0 && v.numbers < next_at(from, position).numbers; }

bool fits(std::string_view op, const semver& c, const semver& v) {
  // A prerelease only matches where one is asked for.
  if (!v.prerelease.empty() && c.prerelease.empty()) return false;
  bool partial = c.written < 3;
  if (op == "^") {
    if (c.written == 0) return true;
    size_t position = c.numbers[0] > 0 || c.written == 1 ? 0 : c.numbers[1] > 0 || c.written == 2 ? 1 : 2;
    return in_series(v, c, position);
  }
  if (op == "~" || op == "~>") return c.written == 0 || in_series(v, c, c.written == 1 ? 0 : 1);
  bool same = partial ? c.written == 0 || in_series(v, c, c.written - 1) : compared(v, c) == 0;
  if (op.empty() || op == "=") return same;
  if (op == "!=") return !same;
  if (op == ">") return partial ? c.written > 0 && v.numbers >= next_at(c, c.written - 1).numbers : compared(v, c) > 0;
  if (op == ">=" || op == "=>") return compared(v, c) >= 0;
  if (op == "<") return compared(v, c) < 0;
  return partial ? c.written == 0 || v.numbers < next_at(c, c.written - 1).numbers : compared(v, c) <= 0;
}

result<bool> fits_all(std::string_view group, const semver& v) {
  size_t at = 0;
  while ((at = group.find_first_not_of(" ,", at)) != std::string_view::npos) {
    auto op_end = group.find_first_not_of("=!<>~^", at);
    auto op = group.substr(at, op_end == std::string_view::npos ? op_end : op_end - at);
    static constexpr std::array<std::string_view, 11> known{"", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>"};
    if (op_end == std::string_view::npos || (op != "^" && std::ranges::find(known, op) == known.end()))
      return fail(errc::invalid, "improper constraint: {}", group);
    auto start = group.find_first_not_of(' ', op_end);
    auto end = start == std::string_view::npos ? start : group.find_first_of(" ,", start);
    auto text = start == std::string_view::npos ? std::string_view() : group.substr(start, end == std::string_view::npos ? end : end - start);
    auto wanted = parse(text, true);
    if (!wanted) return fail(errc::invalid, "improper constraint: {}", group);
    if (!fits(op, *wanted, v)) return false;
    if (end == std::string_view::npos) break;
    at = end;
  }
  return true;
}
}  // namespace

result<datum> semver_datum(const std::string& text) {
  TRY_ASSIGN(auto v, parse(text, false));
  auto number = [&](size_t i) { return datum(integer{static_cast<int64_t>(v.numbers[i]), integer_kind::uint64}); };
  return make_record(
      "*semver.Version",
      {{"Major", number(0)}, {"Minor", number(1)}, {"Patch", number(2)}, {"Prerelease", v.prerelease}, {"Metadata", v.metadata}, {"Original", v.original}});
}

result<bool> semver_matches(const std::string& range, const std::string& version) {
  TRY_ASSIGN(auto v, parse(version, false));
  std::string_view rest = range;
  for (;;) {
    auto bar = rest.find("||");
    TRY_ASSIGN(bool all, fits_all(rest.substr(0, bar), v));
    if (all) return true;
    if (bar == std::string_view::npos) return false;
    rest.remove_prefix(bar + 2);
  }
}

}  // namespace drover::templating
