// consul-template's arithmetic: the operand that comes through the pipe is the left one.
#include <cmath>

#include "templating/functions/common.h"
#include "templating/print.h"

namespace drover::templating {

namespace {
enum class operation : uint8_t { add, subtract, multiply, divide, modulo, minimum, maximum };

bool is_number(const datum& d) { return d.as_integer() || d.as_double(); }

// Go's integers wrap around.
int64_t wrapped(uint64_t n) { return static_cast<int64_t>(n); }

result<datum> whole(operation op, integer a, integer b) {
  auto kind = a.kind == integer_kind::uint64 && b.kind == integer_kind::uint64 ? integer_kind::uint64 : integer_kind::int64;
  auto made = [&](int64_t n) -> result<datum> { return datum(integer{n, kind}); };
  auto x = static_cast<uint64_t>(a.n), y = static_cast<uint64_t>(b.n);
  switch (op) {
    case operation::add: return made(wrapped(x + y));
    case operation::subtract: return made(wrapped(x - y));
    case operation::multiply: return made(wrapped(x * y));
    case operation::divide:
    case operation::modulo:
      if (b.n == 0) return fail(errc::invalid, "runtime error: integer divide by zero");
      if (b.n == -1) return made(op == operation::modulo ? 0 : wrapped(0 - x));
      return made(op == operation::divide ? a.n / b.n : a.n % b.n);
    case operation::minimum: return datum(a.n < b.n ? integer{a.n, integer_kind::int64} : integer{b.n, integer_kind::int64});
    case operation::maximum: return datum(a.n > b.n ? integer{a.n, integer_kind::int64} : integer{b.n, integer_kind::int64});
  }
  return datum();
}

result<datum> calculate(operation op, std::string_view name, const call& c) {
  auto b = c[0].plain(), a = c[1].plain();
  for (auto* d : {&a, &b})
    if (!is_number(*d)) return fail(errc::invalid, "{}: unknown type for \"{}\" ({})", name, print_value(*d), d->type_name());
  if (a.as_integer() && b.as_integer()) return whole(op, *a.as_integer(), *b.as_integer());
  double x = double_of(a), y = double_of(b);
  switch (op) {
    case operation::add: return datum(x + y);
    case operation::subtract: return datum(x - y);
    case operation::multiply: return datum(x * y);
    case operation::divide: return datum(x / y);
    case operation::modulo: return fail(errc::invalid, "modulo: unknown type for \"{}\" ({})", print_value(a), a.as_double() ? a.type_name() : b.type_name());
    case operation::minimum: return x < y ? a : b;
    case operation::maximum: return x > y ? a : b;
  }
  return datum();
}

constexpr function table[] = {
    {"add", "aa", [](const call& c) { return calculate(operation::add, "add", c); }},
    {"subtract", "aa", [](const call& c) { return calculate(operation::subtract, "subtract", c); }},
    {"multiply", "aa", [](const call& c) { return calculate(operation::multiply, "multiply", c); }},
    {"divide", "aa", [](const call& c) { return calculate(operation::divide, "divide", c); }},
    {"modulo", "aa", [](const call& c) { return calculate(operation::modulo, "modulo", c); }},
    {"minimum", "aa", [](const call& c) { return calculate(operation::minimum, "minimum", c); }},
    {"maximum", "aa", [](const call& c) { return calculate(operation::maximum, "maximum", c); }},
};
}  // namespace

std::span<const function> math_functions() { return table; }

}  // namespace drover::templating
