// sprig's functions on lists.
#include <algorithm>

#include "base/text.h"
#include "templating/functions/common.h"

namespace drover::templating {

namespace {
datum list_like(const datum& given, datum::list items) {
  auto out = std::make_shared<list_box>();
  auto plain = given.plain();
  out->of_text = plain.as_list() && plain.as_list()->of_text && std::ranges::all_of(items, [](auto& d) { return d.as_text() != nullptr; });
  out->items = std::move(items);
  return out;
}

bool holds(const datum::list& items, const datum& what) {
  return std::ranges::any_of(items, [&](auto& item) { return deep_equal(item, what); });
}

result<datum> pushed(const call& c, bool front) {
  TRY_ASSIGN(auto items, items_of(c[0], front ? "prepend" : "push"));
  if (items.size() >= elements_max) return fail(errc::too_large, "the list has more than {} items", elements_max);
  items.insert(front ? items.begin() : items.end(), c[1]);
  return datum(std::move(items));
}

// Half of a list: [from, size - without).
result<datum> part(const call& c, std::string_view name, size_t from, size_t without) {
  TRY_ASSIGN(auto items, items_of(c[0], name));
  if (items.empty()) return datum();
  return datum(datum::list(items.begin() + static_cast<ptrdiff_t>(from), items.end() - static_cast<ptrdiff_t>(without)));
}

result<datum> one(const call& c, std::string_view name, bool last) {
  TRY_ASSIGN(auto items, items_of(c[0], name));
  if (items.empty()) return datum();
  return last ? items.back() : items.front();
}

result<datum> reversed(const call& c) {
  TRY_ASSIGN(auto items, items_of(c[0], "reverse"));
  std::ranges::reverse(items);
  return datum(std::move(items));
}

result<datum> compacted(const call& c) {
  TRY_ASSIGN(auto items, items_of(c[0], "compact"));
  std::erase_if(items, [](auto& d) { return !d.truth(); });
  return datum(std::move(items));
}

result<datum> unique(const call& c) {
  TRY_ASSIGN(auto items, items_of(c[0], "uniq"));
  datum::list out;
  for (auto& item : items)
    if (!holds(out, item)) out.push_back(item);
  return datum(std::move(out));
}

result<datum> without(const call& c) {
  TRY_ASSIGN(auto items, items_of(c[0], "without"));
  datum::list unwanted(c.arguments.begin() + 1, c.arguments.end());
  std::erase_if(items, [&](auto& d) { return holds(unwanted, d); });
  return datum(std::move(items));
}

result<datum> has(const call& c) {
  if (c[1].is_nil()) return datum(false);
  TRY_ASSIGN(auto items, items_of(c[1], "has"));
  return datum(holds(items, c[0]));
}

result<datum> slice(const call& c) {
  TRY_ASSIGN(auto items, items_of(c[0], "slice"));
  if (items.empty()) return datum();
  auto size = static_cast<int64_t>(items.size());
  auto from = c.size() > 1 ? int_of(c[1]) : 0, to = c.size() > 2 ? int_of(c[2]) : size;
  if (from < 0 || to > size || from > to) return fail(errc::invalid, "slice bounds out of range [{}:{}] of {} items", from, to, size);
  return list_like(c[0], datum::list(items.begin() + from, items.begin() + to));
}

result<datum> concat(const call& c) {
  datum::list out;
  for (auto& d : c.arguments) {
    TRY_ASSIGN(auto items, items_of(d, "concat"));
    out.insert(out.end(), items.begin(), items.end());
    if (out.size() > elements_max) return fail(errc::too_large, "the list has more than {} items", elements_max);
  }
  return datum(std::move(out));
}

result<datum> chunk(const call& c) {
  TRY_ASSIGN(auto items, items_of(c[1], "chunk"));
  if (c.integer(0) < 1) return fail(errc::invalid, "chunk: the size must be at least 1");
  datum::list out;
  for (size_t at = 0; at < items.size(); at += static_cast<size_t>(c.integer(0))) {
    auto end = std::min(items.size(), at + static_cast<size_t>(c.integer(0)));
    out.emplace_back(datum::list(items.begin() + static_cast<ptrdiff_t>(at), items.begin() + static_cast<ptrdiff_t>(end)));
  }
  return datum(std::move(out));
}

// map[_0:a _1:b].
datum numbered(const std::vector<std::string>& parts) {
  std::map<std::string, std::string> out;
  for (size_t i = 0; i < parts.size(); i++) out["_" + std::to_string(i)] = parts[i];
  return text_map(std::move(out));
}

result<datum> sorted(const call& c) {
  auto out = texts_of(c[0]);
  std::ranges::sort(out);
  return text_list(std::move(out));
}

result<datum> steps(int64_t start, int64_t stop, int64_t step) {
  datum::list out;
  bool down = stop < start;
  if ((down && step >= 0) || (!down && step <= 0)) return datum(std::move(out));
  for (auto i = start; down ? i > stop : i < stop; i += step) {
    if (out.size() >= elements_max) return fail(errc::too_large, "more than {} numbers", elements_max);
    out.emplace_back(i);
  }
  return datum(std::move(out));
}

result<datum> sequence(const call& c) {
  if (c.size() == 0 || c.size() > 3) return datum("");
  auto first = c.size() == 1 ? 1 : c.integer(0);
  auto last = c.integer(c.size() - 1);
  int64_t direction = last < first ? -1 : 1;
  auto step = c.size() == 3 ? c.integer(1) : direction;
  if (c.size() == 3 && direction < 0 && step > 0) return datum("");
  TRY_ASSIGN(auto numbers, steps(first, last + direction, step));
  return datum(join(texts_of(numbers), " "));
}

// The first argument that is not empty.
result<datum> coalesce(const call& c) {
  for (auto& d : c.arguments)
    if (d.truth()) return d;
  return datum();
}

constexpr function table[] = {
    {"list", "a*", [](const call& c) -> result<datum> { return datum(datum::list(c.arguments.begin(), c.arguments.end())); }},
    {"tuple", "a*", [](const call& c) -> result<datum> { return datum(datum::list(c.arguments.begin(), c.arguments.end())); }},
    {"append", "aa", [](const call& c) { return pushed(c, false); }},
    {"mustAppend", "aa", [](const call& c) { return pushed(c, false); }},
    {"push", "aa", [](const call& c) { return pushed(c, false); }},
    {"mustPush", "aa", [](const call& c) { return pushed(c, false); }},
    {"prepend", "aa", [](const call& c) { return pushed(c, true); }},
    {"mustPrepend", "aa", [](const call& c) { return pushed(c, true); }},
    {"first", "a", [](const call& c) { return one(c, "first", false); }},
    {"mustFirst", "a", [](const call& c) { return one(c, "first", false); }},
    {"last", "a", [](const call& c) { return one(c, "last", true); }},
    {"mustLast", "a", [](const call& c) { return one(c, "last", true); }},
    {"rest", "a", [](const call& c) { return part(c, "rest", 1, 0); }},
    {"mustRest", "a", [](const call& c) { return part(c, "rest", 1, 0); }},
    {"initial", "a", [](const call& c) { return part(c, "initial", 0, 1); }},
    {"mustInitial", "a", [](const call& c) { return part(c, "initial", 0, 1); }},
    {"reverse", "a", reversed},
    {"mustReverse", "a", reversed},
    {"compact", "a", compacted},
    {"mustCompact", "a", compacted},
    {"uniq", "a", unique},
    {"mustUniq", "a", unique},
    {"without", "aa*", without},
    {"mustWithout", "aa*", without},
    {"has", "aa", has},
    {"mustHas", "aa", has},
    {"slice", "aa*", slice},
    {"mustSlice", "aa*", slice},
    {"concat", "a*", concat},
    {"chunk", "ia", chunk},
    {"mustChunk", "ia", chunk},
    {"join", "sa", [](const call& c) -> result<datum> { return datum(join(texts_of(c[1]), c.text(0))); }},
    {"sortAlpha", "a", sorted},
    {"splitList", "ss", [](const call& c) -> result<datum> { return text_list(split_text(c.text(1), c.text(0))); }},
    {"split", "ss", [](const call& c) -> result<datum> { return numbered(split_text(c.text(1), c.text(0))); }},
    {"splitn", "sis", [](const call& c) -> result<datum> { return numbered(split_text(c.text(2), c.text(0), c.integer(1))); }},
    {"toStrings", "a", [](const call& c) -> result<datum> { return text_list(texts_of(c[0])); }},
    {"until", "i", [](const call& c) { return steps(0, c.integer(0), c.integer(0) < 0 ? -1 : 1); }},
    {"untilStep", "iii", [](const call& c) { return steps(c.integer(0), c.integer(1), c.integer(2)); }},
    {"seq", "i*", sequence},
    {"coalesce", "a*", coalesce},
    {"all", "a*", [](const call& c) -> result<datum> { return datum(std::ranges::all_of(c.arguments, [](auto& d) { return d.truth(); })); }},
    {"any", "a*", [](const call& c) -> result<datum> { return datum(std::ranges::any_of(c.arguments, [](auto& d) { return d.truth(); })); }},
    {"empty", "a", [](const call& c) -> result<datum> { return datum(!c[0].truth()); }},
    {"default", "aa*", [](const call& c) -> result<datum> { return c.size() > 1 && c[1].truth() ? c[1] : c[0]; }},
    {"ternary", "aab", [](const call& c) -> result<datum> { return c.boolean(2) ? c[0] : c[1]; }},
};
}  // namespace

std::span<const function> sprig_list_functions() { return table; }

}  // namespace drover::templating
