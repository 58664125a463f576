#include "hcl/number.h"

#include <charconv>
#include <cmath>

#include "base/ensure.h"

namespace drover::hcl {

value make_number(double d) {
  // 2^63 is the first double that an int64 cannot hold.
  if (d == std::trunc(d) && d >= -0x1p63 && d < 0x1p63) return value(static_cast<int64_t>(d));
  return value(d);
}

std::string number_text(const value& v) {
  if (auto* n = v.as_int()) return std::to_string(*n);
  ENSURE(v.as_double() != nullptr, "only a number has a number's text");
  double d = *v.as_double();
  if (!std::isfinite(d)) return d != d ? "NaN" : d > 0 ? "Inf" : "-Inf";
  char buffer[512];  // the longest: 1.8e308 written out, or 5e-324
  auto [end, code] = std::to_chars(buffer, buffer + sizeof buffer, d, std::chars_format::fixed);
  if (code == std::errc()) return {buffer, end};
  auto [end2, code2] = std::to_chars(buffer, buffer + sizeof buffer, d);
  return {buffer, end2};
}

std::optional<value> parse_number(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('+') || digits.starts_with('-')) digits.remove_prefix(1);
  // from_chars also takes "inf" and "nan".
  if (digits.empty() || !(std::isdigit(static_cast<unsigned char>(digits[0])) || (digits[0] == '.' && digits.size() > 1))) return std::nullopt;
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t n = 0;
  const char* last = text.data() + text.size();
  if (auto [end, code] = std::from_chars(text.data(), last, n); code == std::errc() && end == last) return value(n);
  double d = 0;
  if (auto [end, code] = std::from_chars(text.data(), last, d); code == std::errc() && end == last) return make_number(d);
  return std::nullopt;
}

double to_double(const value& v) {
  double out = 0;
  ENSURE(v.number(out), "only a number converts to a double");
  return out;
}

int compare_numbers(const value& a, const value& b) {
  auto order = [](auto x, auto y) { return x < y ? -1 : x > y ? 1 : 0; };
  if (a.as_int() && b.as_int()) return order(*a.as_int(), *b.as_int());
  return order(to_double(a), to_double(b));
}

std::optional<int64_t> to_integer(const value& v) {
  if (auto* n = v.as_int()) return *n;
  if (auto* d = v.as_double()) {
    value n = make_number(*d);
    if (auto* whole = n.as_int()) return *whole;
  }
  return std::nullopt;
}

}  // namespace drover::hcl
