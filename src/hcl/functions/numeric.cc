#include <cmath>

#include "hcl/functions/common.h"

namespace drover::hcl {
namespace {

result<value> finite(double d) {
  if (!std::isfinite(d)) return fail(errc::invalid, "the result is no finite number");
  return make_number(d);
}

result<value> absolute(arguments a, const function_environment&) {
  if (auto* n = a[0].as_int(); n != nullptr && *n != INT64_MIN) return value(std::abs(*n));
  return make_number(std::fabs(to_double(a[0])));
}

result<value> ceiling(arguments a, const function_environment&) { return make_number(std::ceil(to_double(a[0]))); }
result<value> floor_of(arguments a, const function_environment&) { return make_number(std::floor(to_double(a[0]))); }

result<value> logarithm(arguments a, const function_environment&) {
  double x = to_double(a[0]), base = to_double(a[1]);
  if (x <= 0 || base <= 0 || base == 1) return fail(errc::invalid, "the number and the base must be positive, and the base not 1");
  double out = std::log(x) / std::log(base);
  // log(8, 2) is 3, not the double before it.
  double whole = std::round(out);
  return finite(std::fabs(out - whole) < 1e-12 && std::pow(base, whole) == x ? whole : out);
}

value extreme(arguments a, int sign) {
  value best = a[0];
  for (const auto& v : a)
    if (compare_numbers(v, best) * sign > 0) best = v;
  return best;
}
result<value> maximum(arguments a, const function_environment&) { return extreme(a, 1); }
result<value> minimum(arguments a, const function_environment&) { return extreme(a, -1); }

result<value> parseint(arguments a, const function_environment&) {
  TRY_ASSIGN(int64_t base, integer_at(a, 1));
  if (base < 2 || base > 62) return fail(errc::invalid, "the base must be 2 to 62, but is {}", base);
  std::string_view digits = text_at(a, 0);
  bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  int64_t out = 0;
  bool ok = !digits.empty();
  for (char c : digits) {
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'z' ? c - 'a' + 10 : c >= 'A' && c <= 'Z' ? c - 'A' + (base <= 36 ? 10 : 36) : 99;
    if (digit >= base) {
      ok = false;
      break;
    }
    if (__builtin_mul_overflow(out, base, &out) || __builtin_sub_overflow(out, digit, &out))
      return fail(errc::invalid, "{} is too large a number", quoted(text_at(a, 0)));
  }
  if (!ok) return fail(errc::invalid, "cannot parse {} as a base {} integer", quoted(text_at(a, 0)), base);
  // Summed up below zero, where there is room for one more.
  if (negative) return value(out);
  if (out == INT64_MIN) return fail(errc::invalid, "{} is too large a number", quoted(text_at(a, 0)));
  return value(-out);
}

result<value> power(arguments a, const function_environment&) { return finite(std::pow(to_double(a[0]), to_double(a[1]))); }

result<value> signum(arguments a, const function_environment&) { return value(compare_numbers(a[0], value(0))); }

}  // namespace

std::span<const function> numeric_functions() {
  using enum parameter;
  static const function table[] = {
      {"abs", {number}, {}, absolute},
      {"ceil", {number}, {}, ceiling},
      {"floor", {number}, {}, floor_of},
      {"log", {number, number}, {}, logarithm},
      {"max", {number}, number, maximum},
      {"min", {number}, number, minimum},
      {"parseint", {string, number}, {}, parseint},
      {"pow", {number, number}, {}, power},
      {"signum", {number}, {}, signum},
  };
  return table;
}

}  // namespace drover::hcl
