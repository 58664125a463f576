#include <algorithm>
#include <set>

#include "hcl/functions/common.h"

namespace drover::hcl {
namespace {

result<value> chunklist(arguments a, const function_environment&) {
  TRY_ASSIGN(int64_t size, integer_at(a, 1));
  if (size < 0) return fail(errc::invalid, "the size of a chunk must not be negative, but is {}", size);
  const auto& list = list_at(a, 0);
  value::list out, chunk;
  for (const auto& element : list) {
    chunk.push_back(element);
    if (static_cast<int64_t>(chunk.size()) == size) out.emplace_back(std::exchange(chunk, {}));
  }
  if (!chunk.empty()) out.emplace_back(std::move(chunk));
  return value(std::move(out));
}

result<value> coalesce(arguments a, const function_environment&) {
  for (const auto& v : a)
    if (!v.is_null()) return v;
  return fail(errc::invalid, "no argument is other than null");
}

result<value> coalescelist(arguments a, const function_environment&) {
  for (const auto& v : a)
    if (!v.as_list()->empty()) return v;
  return fail(errc::invalid, "no argument is other than an empty list");
}

result<value> compact(arguments a, const function_environment&) {
  value::list out;
  for (const auto& element : list_at(a, 0)) {
    if (element.is_null()) continue;
    auto text = to_text(element);
    if (!text) return fail(errc::invalid, "the list must hold strings, but holds a {}", element.kind());
    if (!text->empty()) out.push_back(element);
  }
  return value(std::move(out));
}

result<value> concat(arguments a, const function_environment&) {
  value::list out;
  for (const auto& v : a) out.insert(out.end(), v.as_list()->begin(), v.as_list()->end());
  return value(std::move(out));
}

result<value> contains(arguments a, const function_environment&) {
  const auto& list = list_at(a, 0);
  return value(std::ranges::find(list, a[1]) != list.end());
}

struct earlier {
  bool operator()(const value* x, const value* y) const { return compare(*x, *y) < 0; }
};

result<value> distinct(arguments a, const function_environment&) {
  value::list out;
  std::set<const value*, earlier> seen;
  for (const auto& element : list_at(a, 0))
    if (seen.insert(&element).second) out.push_back(element);
  return value(std::move(out));
}

result<value> element(arguments a, const function_environment&) {
  TRY_ASSIGN(int64_t index, integer_at(a, 1));
  const auto& list = list_at(a, 0);
  if (list.empty()) return fail(errc::invalid, "an empty list has no elements");
  if (index < 0) return fail(errc::invalid, "the index must not be negative, but is {}", index);
  return list[static_cast<size_t>(index) % list.size()];
}

void flatten_into(value::list& out, const value::list& list) {
  for (const auto& element : list) {
    if (auto* inner = element.as_list()) flatten_into(out, *inner);
    else out.push_back(element);
  }
}

result<value> flatten(arguments a, const function_environment&) {
  value::list out;
  flatten_into(out, list_at(a, 0));
  return value(std::move(out));
}

// The place of a value in a list; the element at a key of a map, or at an index of a list that does not hold the value.
result<value> index(arguments a, const function_environment&) {
  if (auto* o = a[0].as_object()) {
    auto name = to_text(a[1]);
    if (auto* member = name ? o->find(*name) : nullptr) return *member;
    return fail(errc::invalid, "the map has no such key");
  }
  auto* list = a[0].as_list();
  if (list == nullptr) return fail(errc::invalid, "argument 1 must be a list or a map, but is a {}", a[0].kind());
  auto at = std::ranges::find(*list, a[1]);
  if (at != list->end()) return value(static_cast<int64_t>(at - list->begin()));
  auto place = to_integer(a[1]);
  if (place && *place >= 0 && static_cast<uint64_t>(*place) < list->size()) return (*list)[static_cast<size_t>(*place)];
  return fail(errc::invalid, "item not found");
}

result<value> keys(arguments a, const function_environment&) {
  value::list out;
  for (const auto* entry : sorted_entries(map_at(a, 0))) out.emplace_back(entry->first);
  return value(std::move(out));
}

result<value> values(arguments a, const function_environment&) {
  value::list out;
  for (const auto* entry : sorted_entries(map_at(a, 0))) out.push_back(entry->second);
  return value(std::move(out));
}

result<value> length(arguments a, const function_environment&) {
  if (auto* l = a[0].as_list()) return value(static_cast<int64_t>(l->size()));
  if (auto* o = a[0].as_object()) return value(static_cast<int64_t>(o->size()));
  if (auto* s = a[0].as_string()) return value(static_cast<int64_t>(characters(*s).size()));
  return fail(errc::invalid, "argument 1 must be a list, a map or a string, but is a {}", a[0].kind());
}

result<value> lookup(arguments a, const function_environment&) {
  if (a.size() > 3) return fail(errc::invalid, "it takes a map, a key and a default, but got {} arguments", a.size());
  if (a[0].as_object() == nullptr || a[1].as_string() == nullptr) return fail(errc::invalid, "it takes a map, a key and a default");
  if (auto* member = map_at(a, 0).find(text_at(a, 1))) return *member;
  if (a.size() == 3) return a[2];
  return fail(errc::invalid, "the map has no key {}, and no default was given", quoted(text_at(a, 1)));
}

result<value> merge(arguments a, const function_environment&) {
  object_builder out;
  for (const auto& v : a) {
    if (v.is_null()) continue;
    for (const auto& [name, member] : *v.as_object()) out.set(name, member);
  }
  return value(out.take());
}

result<value> range_of(arguments a, const function_environment&) {
  if (a.size() > 3) return fail(errc::invalid, "it takes a limit; a start and a limit; or a start, a limit and a step, but got {} arguments", a.size());
  value start = a.size() == 1 ? value(0) : a[0];
  value limit = a.size() == 1 ? a[0] : a[1];
  bool down = compare_numbers(limit, start) < 0;
  double from = to_double(start), to = to_double(limit), step = a.size() == 3 ? to_double(a[2]) : down ? -1 : 1;
  if (step == 0) return fail(errc::invalid, "the step must not be zero");
  if (down && step > 0) return fail(errc::invalid, "the limit is below the start, so the step must be negative");
  if (!down && step < 0 && from != to) return fail(errc::invalid, "the limit is above the start, so the step must be positive");
  value::list out;
  for (size_t i = 0;; ++i) {
    double d = from + static_cast<double>(i) * step;
    if (step > 0 ? d >= to : d <= to) break;
    if (out.size() == range_elements_max) return fail(errc::invalid, "this makes more than {} numbers", range_elements_max);
    out.push_back(make_number(d));
  }
  return value(std::move(out));
}

result<value> reverse(arguments a, const function_environment&) {
  if (auto* list = a[0].as_list()) return value(value::list(list->rbegin(), list->rend()));
  auto text = to_text(a[0]);
  if (!text) return fail(errc::invalid, "argument 1 must be a list or a string, but is a {}", a[0].kind());
  return value(reversed(*text));
}

result<value> slice(arguments a, const function_environment&) {
  TRY_ASSIGN(int64_t begin, integer_at(a, 1));
  TRY_ASSIGN(int64_t end, integer_at(a, 2));
  const auto& list = list_at(a, 0);
  if (begin < 0 || end < begin || static_cast<uint64_t>(end) > list.size())
    return fail(errc::invalid, "a list of {} elements has no slice from {} to {}", list.size(), begin, end);
  return value(value::list(list.begin() + begin, list.begin() + end));
}

result<value> sort(arguments a, const function_environment&) {
  std::vector<std::string> texts;
  for (const auto& element : list_at(a, 0)) {
    auto text = to_text(element);
    if (!text) return fail(errc::invalid, "only strings can be sorted, but the list holds a {}", element.kind());
    texts.push_back(*std::move(text));
  }
  std::ranges::sort(texts);
  value::list out;
  for (auto& text : texts) out.emplace_back(std::move(text));
  return value(std::move(out));
}

result<value> zipmap(arguments a, const function_environment&) {
  const auto &names = list_at(a, 0), &members = list_at(a, 1);
  if (names.size() != members.size()) return fail(errc::invalid, "there are {} keys but {} values", names.size(), members.size());
  object_builder out;
  for (size_t i = 0; i < names.size(); ++i) {
    auto name = to_text(names[i]);
    if (!name) return fail(errc::invalid, "a key must be a string, but key {} is a {}", i, names[i].kind());
    out.set(*std::move(name), members[i]);
  }
  return value(out.take());
}

}  // namespace

std::span<const function> collection_functions() {
  using enum parameter;
  static const function table[] = {
      {"chunklist", {list, number}, {}, chunklist},
      {"coalesce", {any}, any, coalesce, true},
      {"coalescelist", {list}, list, coalescelist},
      {"compact", {list}, {}, compact},
      {"concat", {}, list, concat},
      {"contains", {list, any}, {}, contains},
      {"distinct", {list}, {}, distinct},
      {"element", {list, number}, {}, element},
      {"flatten", {list}, {}, flatten},
      {"index", {any, any}, {}, index},
      {"keys", {map}, {}, keys},
      {"length", {any}, {}, length},
      {"lookup", {map, string}, any, lookup, true},
      {"merge", {}, map, merge, true},
      {"range", {number}, number, range_of},
      {"reverse", {any}, {}, reverse},
      {"slice", {list, number, number}, {}, slice},
      {"sort", {list}, {}, sort},
      {"values", {map}, {}, values},
      {"zipmap", {list, list}, {}, zipmap},
  };
  return table;
}

}  // namespace drover::hcl
