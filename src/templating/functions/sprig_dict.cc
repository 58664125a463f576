// sprig's functions on dictionaries, and its JSON.
#include <algorithm>

#include "templating/encode.h"
#include "templating/functions/common.h"

namespace drover::templating {

namespace {
// A dictionary that others hold too: set and unset change what everybody sees, as in Go.
result<map_box*> shared_map(const datum& d, std::string_view function) {
  if (auto* m = d.as_map()) return m;
  return fail(errc::invalid, "{}: the dictionary must be a map, not {}", function, d.type_name());
}

result<datum> dict(const call& c) {
  datum::map out;
  for (size_t i = 0; i < c.size(); i += 2) out.insert_or_assign(text_of(c[i]), i + 1 < c.size() ? c[i + 1] : datum(""));
  return datum(std::move(out));
}

result<datum> set(const call& c) {
  TRY_ASSIGN(auto* m, shared_map(c[0], "set"));
  if (contains_box(c[2], m)) return fail(errc::invalid, "set: a dictionary cannot contain itself");
  m->of_text = false;
  m->members.insert_or_assign(c.text(1), c[2]);
  return c[0];
}

result<datum> unset(const call& c) {
  TRY_ASSIGN(auto* m, shared_map(c[0], "unset"));
  m->members.erase(c.text(1));
  return c[0];
}

result<datum> pluck(const call& c) {
  datum::list out;
  for (size_t i = 1; i < c.size(); i++) {
    auto plain = c[i].plain();
    if (!plain.as_map()) return fail(errc::invalid, "pluck: argument {} must be a dictionary, not {}", i + 1, c[i].type_name());
    auto found = plain.as_map()->members.find(c.text(0));
    if (found != plain.as_map()->members.end()) out.push_back(found->second);
  }
  return datum(std::move(out));
}

result<datum> keys(const call& c) {
  std::vector<std::string> out;
  for (auto& d : c.arguments)
    for (auto& [key, v] : d.as_map()->members) out.push_back(key);
  return text_list(std::move(out));
}

result<datum> picked(const call& c, bool keep) {
  datum::map out;
  for (auto& [key, v] : c.map(0)) {
    bool named = std::ranges::any_of(c.arguments.subspan(1), [&](auto& d) { return *d.as_text() == key; });
    if (named == keep) out.emplace(key, v);
  }
  return datum(std::move(out));
}

result<> merge_into(map_box& into, const datum::map& from, bool overwrite, int depth) {
  if (depth > value_depth_max) return fail(errc::too_large, "merge: the value nests more than {} levels deep", value_depth_max);
  for (auto& [key, v] : from) {
    auto found = into.members.find(key);
    if (contains_box(v, &into)) return fail(errc::invalid, "merge: a dictionary cannot contain itself");
    if (found == into.members.end()) into.members.emplace(key, v);
    else if (found->second.as_map() && v.as_map()) TRY(merge_into(*found->second.as_map(), v.as_map()->members, overwrite, depth + 1));
    else if (overwrite ? v.truth() : !found->second.truth()) found->second = v;
  }
  return {};
}

result<datum> merge(const call& c, bool overwrite) {
  TRY_ASSIGN(auto* into, shared_map(c[0], "merge"));
  into->of_text = false;
  for (size_t i = 1; i < c.size(); i++) {
    auto from = c.map(i);
    TRY(merge_into(*into, from, overwrite, 0));
  }
  return c[0];
}

result<datum> values(const call& c) {
  datum::list out;
  for (auto& [key, v] : c.map(0)) out.push_back(v);
  return datum(std::move(out));
}

datum copied(const datum& d, int depth) {
  if (depth > value_depth_max) return d;
  if (auto* l = d.as_list()) {
    auto out = std::make_shared<list_box>(*l);
    for (auto& item : out->items) item = copied(item, depth + 1);
    return out;
  }
  if (auto* m = d.as_map()) {
    auto out = std::make_shared<map_box>(*m);
    for (auto& [key, v] : out->members) v = copied(v, depth + 1);
    return out;
  }
  return d;
}

result<datum> dig(const call& c) {
  if (c.size() < 3) return fail(errc::invalid, "dig needs at least three arguments");
  datum at = c[c.size() - 1];
  for (size_t i = 0; i + 2 < c.size(); i++) {
    auto plain = at.plain();
    if (!plain.as_map() || !c[i].as_text())
      return fail(errc::invalid, "dig: {} is no dictionary", i == 0 ? "the last argument" : "\"" + text_of(c[i - 1]) + "\"");
    auto found = plain.as_map()->members.find(c.text(i));
    if (found == plain.as_map()->members.end()) return c[c.size() - 2];
    auto next = found->second;
    at = std::move(next);
  }
  return at;
}

// Without "must" a value that cannot be encoded is nothing.
template <bool Must>
result<datum> json(const call& c, const json_layout& layout) {
  auto text = encode_json(c[0], layout);
  if (!text && Must) return fail(text.error());
  return datum(text ? *text : "");
}

constexpr function table[] = {
    {"dict", "a*", dict},
    {"get", "ms",
     [](const call& c) -> result<datum> {
       auto found = c.map(0).find(c.text(1));
       return found == c.map(0).end() ? datum("") : found->second;
     }},
    {"set", "asa", set},
    {"unset", "as", unset},
    {"hasKey", "ms", [](const call& c) -> result<datum> { return datum(c.map(0).contains(c.text(1))); }},
    {"pluck", "sa*", pluck},
    {"keys", "m*", keys},
    {"pick", "ms*", [](const call& c) { return picked(c, true); }},
    {"omit", "ms*", [](const call& c) { return picked(c, false); }},
    {"merge", "am*", [](const call& c) { return merge(c, false); }},
    {"mustMerge", "am*", [](const call& c) { return merge(c, false); }},
    {"mergeOverwrite", "am*", [](const call& c) { return merge(c, true); }},
    {"mustMergeOverwrite", "am*", [](const call& c) { return merge(c, true); }},
    {"values", "m", values},
    {"deepCopy", "a", [](const call& c) -> result<datum> { return copied(c[0], 0); }},
    {"mustDeepCopy", "a", [](const call& c) -> result<datum> { return copied(c[0], 0); }},
    {"dig", "a*", dig},
    {"fromJson", "s",
     [](const call& c) -> result<datum> {
       auto d = decode_json(c.text(0));
       return d ? *d : datum();
     }},
    {"mustFromJson", "s", [](const call& c) { return decode_json(c.text(0)); }},
    {"toJson", "a", [](const call& c) { return json<false>(c, {}); }},
    {"mustToJson", "a", [](const call& c) { return json<true>(c, {}); }},
    {"toPrettyJson", "a", [](const call& c) { return json<false>(c, {.indent = "  "}); }},
    {"mustToPrettyJson", "a", [](const call& c) { return json<true>(c, {.indent = "  "}); }},
    {"toRawJson", "a", [](const call& c) { return json<false>(c, {.escape_html = false}); }},
    {"mustToRawJson", "a", [](const call& c) { return json<true>(c, {.escape_html = false}); }},
};
}  // namespace

std::span<const function> sprig_dict_functions() { return table; }

}  // namespace drover::templating
