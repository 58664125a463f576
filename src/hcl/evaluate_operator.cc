#include <cmath>

#include "hcl/evaluator.h"

namespace drover::hcl {

std::optional<bool> evaluator::boolean_of(const expression& e, const eval_context& c, std::string_view what) {
  auto v = run(e, c);
  if (!v) return std::nullopt;
  if (auto b = to_boolean(*v)) return b;
  return fail(e.where, v->is_null() ? "Null condition" : "Incorrect condition type",
              fmt::format("{} must be true or false, but this is {}.", what, v->is_null() ? "null" : fmt::format("a {}", v->kind())), runtime_hint(*v));
}

std::optional<value> evaluator::unary(const unary_expression& e, const eval_context& c) {
  if (e.op == unary_operator::logical_not) {
    auto b = boolean_of(*e.operand, c, "What \"!\" applies to");
    if (!b) return std::nullopt;
    return value(!*b);
  }
  auto v = run(*e.operand, c);
  if (!v) return std::nullopt;
  auto n = to_number(*v);
  if (!n) return fail(e.operand->where, "Invalid operand", fmt::format("\"-\" needs a number, but this is a {}.", v->kind()), runtime_hint(*v));
  if (auto* i = n->as_int(); i != nullptr && *i != INT64_MIN) return value(-*i);
  return make_number(-to_double(*n));
}

std::optional<value> evaluator::logical(const binary_expression& e, const eval_context& c) {
  std::string what = fmt::format("Each side of \"{}\"", text_of(e.op));
  auto left = boolean_of(*e.left, c, what);
  if (!left) return std::nullopt;
  if (*left == (e.op == binary_operator::logical_or)) return value(*left);
  auto right = boolean_of(*e.right, c, what);
  if (!right) return std::nullopt;
  return value(*right);
}

std::optional<value> evaluator::binary(const binary_expression& e, const eval_context& c) {
  if (e.op == binary_operator::logical_and || e.op == binary_operator::logical_or) return logical(e, c);
  auto left = run(*e.left, c);
  if (!left) return std::nullopt;
  auto right = run(*e.right, c);
  if (!right) return std::nullopt;
  if (e.op == binary_operator::equal) return value(*left == *right);
  if (e.op == binary_operator::not_equal) return value(!(*left == *right));

  auto number = [&](const value& v, const expression& side) -> std::optional<value> {
    if (auto n = to_number(v)) return n;
    std::string what = v.is_null() ? "null" : v.as_string() ? fmt::format("the text {}", quoted(*v.as_string())) : fmt::format("a {}", v.kind());
    return fail(side.where, "Invalid operand", fmt::format("\"{}\" needs a number on each side, but this is {}.", text_of(e.op), what), runtime_hint(v));
  };
  auto a = number(*left, *e.left);
  if (!a) return std::nullopt;
  auto b = number(*right, *e.right);
  if (!b) return std::nullopt;
  switch (e.op) {
    case binary_operator::less: return value(compare_numbers(*a, *b) < 0);
    case binary_operator::less_equal: return value(compare_numbers(*a, *b) <= 0);
    case binary_operator::greater: return value(compare_numbers(*a, *b) > 0);
    case binary_operator::greater_equal: return value(compare_numbers(*a, *b) >= 0);
    default: return arithmetic(e, *a, *b);
  }
}

namespace {
// A sum of decimal fractions is meant as decimal: 0.1 + 0.2 is 0.3. Doubles that differ from a number of 15 digits by
// their last bit or two are taken for it.
double tidy(double d) {
  if (!std::isfinite(d) || d == 0) return d;
  char digits[40];
  snprintf(digits, sizeof digits, "%.15g", d);
  double rounded = std::strtod(digits, nullptr);
  double two_steps = 2 * (std::nextafter(std::fabs(d), HUGE_VAL) - std::fabs(d));
  return std::fabs(rounded - d) <= two_steps ? rounded : d;
}
}  // namespace

std::optional<value> evaluator::arithmetic(const binary_expression& e, const value& a, const value& b) {
  double x = to_double(a), y = to_double(b);
  bool zero = y == 0 && (e.op == binary_operator::divide || e.op == binary_operator::modulo);
  if (zero) return fail(e.right->where, "Division by zero", "The right side is zero.");
  if (a.as_int() && b.as_int()) {
    int64_t i = *a.as_int(), j = *b.as_int(), out = 0;
    bool overflow = false;
    switch (e.op) {
      case binary_operator::add: overflow = __builtin_add_overflow(i, j, &out); break;
      case binary_operator::subtract: overflow = __builtin_sub_overflow(i, j, &out); break;
      case binary_operator::multiply: overflow = __builtin_mul_overflow(i, j, &out); break;
      case binary_operator::divide:
        overflow = j == -1 ? i == INT64_MIN : i % j != 0;
        if (!overflow) out = i / j;
        break;
      default:
        if (j != -1) out = i % j;
        break;
    }
    if (!overflow) return value(out);
  }
  double out = e.op == binary_operator::add        ? x + y
               : e.op == binary_operator::subtract ? x - y
               : e.op == binary_operator::multiply ? x * y
               : e.op == binary_operator::divide   ? x / y
                                                   : std::fmod(x, y);
  if (!std::isfinite(out)) return fail(e.where, "Operation failed", "The result is too large.");
  return make_number(tidy(out));
}

}  // namespace drover::hcl
