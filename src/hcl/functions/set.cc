// Sets are lists in order without duplicates.
#include <algorithm>

#include "hcl/functions/common.h"

namespace drover::hcl {
namespace {

bool before(const value& a, const value& b) { return compare(a, b) < 0; }

template <class Combine>
result<value> fold(arguments a, Combine combine) {
  value::list out = to_set(list_at(a, 0));
  for (size_t i = 1; i < a.size(); ++i) {
    value::list other = to_set(list_at(a, i)), next;
    combine(out, other, std::back_inserter(next));
    out = std::move(next);
  }
  return value(std::move(out));
}

result<value> intersection(arguments a, const function_environment&) {
  return fold(a, [](auto& x, auto& y, auto out) { std::ranges::set_intersection(x, y, out, before); });
}
result<value> set_union(arguments a, const function_environment&) {
  return fold(a, [](auto& x, auto& y, auto out) { std::ranges::set_union(x, y, out, before); });
}
result<value> subtract(arguments a, const function_environment&) {
  return fold(a, [](auto& x, auto& y, auto out) { std::ranges::set_difference(x, y, out, before); });
}

// Every way to take one element of each, in order.
result<value> product(arguments a, const function_environment&) {
  size_t total = 1;
  for (const auto& v : a) {
    total *= v.as_list()->size();
    if (total * a.size() > elements_max) return fail(errc::invalid, "the product has more than {} elements", elements_max / a.size());
  }
  std::vector<value::list> rows(total);
  size_t repeat = total;
  for (const auto& v : a) {
    const auto& list = *v.as_list();
    if (total == 0) break;
    repeat /= list.size();
    for (size_t i = 0; i < total; ++i) rows[i].push_back(list[i / repeat % list.size()]);
  }
  value::list out;
  for (auto& row : rows) out.emplace_back(std::move(row));
  return value(std::move(out));
}

}  // namespace

std::span<const function> set_functions() {
  using enum parameter;
  static const function table[] = {
      {"setintersection", {list}, list, intersection},
      {"setproduct", {list, list}, list, product},
      {"setsubtract", {list, list}, {}, subtract},
      {"setunion", {list}, list, set_union},
  };
  return table;
}

}  // namespace drover::hcl
