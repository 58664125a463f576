// sprig's arithmetic.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "templating/functions/common.h"

namespace drover::templating {

namespace {
datum big(int64_t n) { return integer{n, integer_kind::int64}; }

template <class F>
int64_t folded(const call& c, F f) {
  auto out = static_cast<uint64_t>(int_of(c[0]));
  for (size_t i = 1; i < c.size(); i++) out = f(out, static_cast<uint64_t>(int_of(c[i])));
  return static_cast<int64_t>(out);
}

result<datum> divided(const call& c, bool rest) {
  auto a = int_of(c[0]), b = int_of(c[1]);
  if (b == 0) return fail(errc::invalid, "runtime error: integer divide by zero");
  if (b == -1) return big(rest ? 0 : static_cast<int64_t>(0 - static_cast<uint64_t>(a)));
  return big(rest ? a % b : a / b);
}

// The number that people mean by the digits of `x`, more exactly than a double has it: 0.1 + 0.2 is 0.3.
long double decimal(double x) {
  char text[64];
  *std::to_chars(text, text + sizeof text - 1, x).ptr = '\0';
  return std::strtold(text, nullptr);
}

enum class fraction_step : uint8_t { add, subtract, multiply, divide };

result<datum> fractions(const call& c, fraction_step step, long double start, size_t from) {
  long double out = start;
  for (size_t i = from; i < c.size(); i++) {
    auto x = decimal(double_of(c[i]));
    switch (step) {
      case fraction_step::add: out += x; break;
      case fraction_step::subtract: out -= x; break;
      case fraction_step::multiply: out *= x; break;
      case fraction_step::divide:
        if (x == 0) return fail(errc::invalid, "decimal division by 0");
        out /= x;
        break;
    }
  }
  return datum(static_cast<double>(out));
}

result<datum> largest(const call& c, bool most) {
  auto out = int_of(c[0]);
  for (auto& d : c.arguments) out = most ? std::max(out, int_of(d)) : std::min(out, int_of(d));
  return big(out);
}
result<datum> largest_fraction(const call& c, bool most) {
  auto out = double_of(c[0]);
  for (auto& d : c.arguments) out = most ? std::max(out, double_of(d)) : std::min(out, double_of(d));
  return datum(out);
}

result<datum> rounded(const call& c) {
  auto half = c.size() > 2 ? double_of(c[2]) : 0.5;
  auto scale = std::pow(10, double_of(c[1]));
  auto digit = scale * double_of(c[0]);
  double whole = 0;
  auto rest = std::modf(digit, &whole);
  return datum((rest >= half ? std::ceil(digit) : std::floor(digit)) / scale);
}

result<datum> from_octal(const call& c) {
  auto text = text_of(c[0]);
  int64_t n = 0;
  auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), n, 8);
  return big(bad == std::errc() && end == text.data() + text.size() ? n : 0);
}

result<datum> random_integer(const call& c) {
  if (!c.run.outside().random) return fail(errc::unsupported, "no randomness is available here");
  auto low = c.integer(0), high = c.integer(1);
  if (high <= low) return fail(errc::invalid, "randInt: the second number must be larger than the first");
  uint64_t n = 0;
  for (char byte : c.run.outside().random(8)) n = (n << 8) | static_cast<uint8_t>(byte);
  return datum(static_cast<int64_t>(static_cast<uint64_t>(low) + n % (static_cast<uint64_t>(high) - static_cast<uint64_t>(low))));
}

constexpr function table[] = {
    {"atoi", "s", [](const call& c) -> result<datum> { return datum(parse_int(c.text(0).starts_with('+') ? c.text(0).substr(1) : c.text(0)).value_or(0)); }},
    {"int64", "a", [](const call& c) -> result<datum> { return big(int_of(c[0])); }},
    {"int", "a", [](const call& c) -> result<datum> { return datum(int_of(c[0])); }},
    {"float64", "a", [](const call& c) -> result<datum> { return datum(double_of(c[0])); }},
    {"toDecimal", "a", from_octal},
    {"add1", "a", [](const call& c) -> result<datum> { return big(static_cast<int64_t>(static_cast<uint64_t>(int_of(c[0])) + 1)); }},
    {"add", "a*", [](const call& c) -> result<datum> { return big(c.size() == 0 ? 0 : folded(c, [](uint64_t a, uint64_t b) { return a + b; })); }},
    {"sub", "aa", [](const call& c) -> result<datum> { return big(folded(c, [](uint64_t a, uint64_t b) { return a - b; })); }},
    {"mul", "aa*", [](const call& c) -> result<datum> { return big(folded(c, [](uint64_t a, uint64_t b) { return a * b; })); }},
    {"div", "aa", [](const call& c) { return divided(c, false); }},
    {"mod", "aa", [](const call& c) { return divided(c, true); }},
    {"randInt", "ii", random_integer},
    {"add1f", "a", [](const call& c) { return fractions(c, fraction_step::add, 1, 0); }},
    {"addf", "a*", [](const call& c) { return fractions(c, fraction_step::add, 0, 0); }},
    {"subf", "aa*", [](const call& c) { return fractions(c, fraction_step::subtract, decimal(double_of(c[0])), 1); }},
    {"mulf", "aa*", [](const call& c) { return fractions(c, fraction_step::multiply, decimal(double_of(c[0])), 1); }},
    {"divf", "aa*", [](const call& c) { return fractions(c, fraction_step::divide, decimal(double_of(c[0])), 1); }},
    {"biggest", "aa*", [](const call& c) { return largest(c, true); }},
    {"max", "aa*", [](const call& c) { return largest(c, true); }},
    {"min", "aa*", [](const call& c) { return largest(c, false); }},
    {"maxf", "aa*", [](const call& c) { return largest_fraction(c, true); }},
    {"minf", "aa*", [](const call& c) { return largest_fraction(c, false); }},
    {"ceil", "a", [](const call& c) -> result<datum> { return datum(std::ceil(double_of(c[0]))); }},
    {"floor", "a", [](const call& c) -> result<datum> { return datum(std::floor(double_of(c[0]))); }},
    {"round", "aa?f", rounded},
};
}  // namespace

std::span<const function> sprig_number_functions() { return table; }

}  // namespace drover::templating
