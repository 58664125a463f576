// consul-template's functions on lists and maps, and scratch space.
#include <algorithm>

#include "base/text.h"
#include "templating/functions/common.h"
#include "templating/print.h"
#include "templating/run.h"
#include "templating/utf8.h"

namespace drover::templating {

namespace {
bool same(const datum& a, const datum& b) {
  auto x = a.plain(), y = b.plain();
  if (x.as_integer() && y.as_integer()) return x.as_integer()->n == y.as_integer()->n;
  if (x.as_double() && y.as_double()) return *x.as_double() == *y.as_double();
  if (x.as_text() && y.as_text()) return *x.as_text() == *y.as_text();
  return false;
}

bool holds(const datum& where, const datum& what) {
  auto d = where.plain();
  if (auto* l = d.as_list()) return std::ranges::any_of(l->items, [&](auto& item) { return same(item, what); });
  auto w = what.plain();
  return d.as_text() && w.as_text() && d.as_text()->find(*w.as_text()) != std::string::npos;
}

// all: every one of the items; otherwise any.
bool holds_some(const call& c, bool all) {
  auto check = [&](const datum& item) { return holds(c[1], item); };
  return all ? std::ranges::all_of(c.list(0), check) : std::ranges::any_of(c.list(0), check);
}

// "a/b/c" with a value goes into maps within maps.
result<> explode_into(const std::shared_ptr<map_box>& into, std::string_view key, const datum& v, std::string_view whole, int depth) {
  if (depth > value_depth_max) return fail(errc::too_large, "the key {} has more than {} parts", go_quote(whole), value_depth_max);
  auto slash = key.find('/');
  if (slash == std::string_view::npos) {
    if (!key.empty()) into->members.insert_or_assign(std::string(key), v);
    return {};
  }
  auto top = std::string(key.substr(0, slash));
  auto& member = into->members.try_emplace(top, datum(datum::map{})).first->second;
  auto* nested = member.as_map();
  if (!nested) return fail(errc::invalid, "not a map: {}: {} already has value {}", go_quote(whole), go_quote(top), go_quote(print_value(member)));
  auto box = std::shared_ptr<map_box>(into, nested);
  return explode_into(box, key.substr(slash + 1), v, key, depth + 1);
}

result<datum> explode_pairs(const call& c) {
  auto out = std::make_shared<map_box>();
  for (auto& pair : c.list(0)) {
    auto* r = pair.as_record();
    const auto* key = r ? r->find("Key") : nullptr;
    const auto* v = r ? r->find("Value") : nullptr;
    if (!key || !v || !key->as_text()) return fail(errc::invalid, "explode: the list must be of key pairs, as ls and tree give");
    if (auto done = explode_into(out, *key->as_text(), *v, *key->as_text(), 0); !done) return fail(errc::invalid, "explode: {}", done.error().text());
  }
  return datum(out);
}

result<datum> explode_map(const call& c) {
  auto out = std::make_shared<map_box>();
  for (auto& [key, v] : c.map(0))
    if (auto done = explode_into(out, key, v, key, 0); !done) return fail(errc::invalid, "explodeMap: {}", done.error().text());
  return datum(out);
}

datum merged(const datum::map& into, const datum::map& from, bool override_, int depth) {
  datum::map out = into;
  for (auto& [key, v] : from) {
    auto found = out.find(key);
    if (found == out.end()) {
      out.emplace(key, v);
    } else if (found->second.as_map() && v.as_map() && depth < value_depth_max) {
      found->second = merged(found->second.as_map()->members, v.as_map()->members, override_, depth + 1);
    } else if (override_ ? v.truth() : !found->second.truth()) {
      found->second = v;
    }
  }
  return out;
}

result<int64_t> loop_bound(const datum& d) {
  if (auto* n = d.as_integer()) return n->n;
  if (auto* s = d.as_text()) {
    if (auto n = parse_int(*s)) return *n;
    return fail(errc::invalid, "parseInt: strconv.ParseInt: parsing {}: invalid syntax", go_quote(*s));
  }
  return fail(errc::invalid, "loop: bad argument type: {}", d.type_name());
}

result<datum> loop(const call& c) {
  if (c.size() != 1 && c.size() != 2) return fail(errc::invalid, "loop: wrong number of arguments, expected 1 or 2, but got {}", c.size());
  int64_t start = 0;
  if (c.size() == 2) {
    TRY_ASSIGN(start, loop_bound(c[0]));
  }
  TRY_ASSIGN(auto stop, loop_bound(c[c.size() - 1]));
  if (stop > start && static_cast<uint64_t>(stop) - static_cast<uint64_t>(start) > elements_max)
    return fail(errc::too_large, "loop: more than {} numbers", elements_max);
  datum::list out;
  for (auto i = start; i < stop; i++) out.emplace_back(integer{i, integer_kind::int64});
  return datum(std::move(out));
}

// Services by each of their tags, or by their port.
result<datum> grouped(const call& c, std::string_view field, std::string_view function) {
  datum::map out;
  auto put = [&](const std::string& key, const datum& item) {
    auto& group = out.try_emplace(key, datum(datum::list{})).first->second;
    group.as_list()->items.push_back(item);
  };
  for (auto& item : c.list(0)) {
    auto* r = item.as_record();
    const auto* v = r ? r->find(field) : nullptr;
    if (!v) return fail(errc::invalid, "{}: wrong argument type {}", function, item.type_name());
    auto plain = v->plain();
    if (auto* tags = plain.as_list()) {
      for (auto& tag : tags->items) put(print_value(tag), item);
    } else {
      put(print_value(plain), item);
    }
  }
  return datum(std::move(out));
}

// Key pairs by the first part of their key.
result<datum> by_key(const call& c) {
  datum::map out;
  for (auto& pair : c.list(0)) {
    auto* r = pair.as_record();
    const auto* key = r ? r->find("Key") : nullptr;
    if (!key || !key->as_text()) return fail(errc::invalid, "byKey: the list must be of key pairs, as ls and tree give");
    auto slash = key->as_text()->find('/');
    if (slash == std::string::npos || slash + 1 == key->as_text()->size()) continue;
    auto rest = key->as_text()->substr(slash + 1);
    auto fields = r->fields;
    for (auto& [name, v] : fields)
      if (name == "Key") v = datum(rest);
    auto& group = out.try_emplace(key->as_text()->substr(0, slash), datum(datum::map{})).first->second;
    group.as_map()->members.insert_or_assign(rest, make_record(r->type, std::move(fields)));
  }
  return datum(std::move(out));
}

class scratch_space : public object {
 public:
  std::string type_name() const override { return "*template.Scratch"; }
  result<std::optional<datum>> member(std::string_view name, std::span<const datum> a) override {
    auto text = [&](size_t i) { return i < a.size() ? a[i].as_text() : nullptr; };
    if (!text(0)) return std::nullopt;
    auto& key = *text(0);
    if (a.size() == 1) {
      auto found = values_.find(key);
      if (name == "Key") return datum(found != values_.end());
      if (name == "Get") return found == values_.end() ? datum() : found->second;
      if (name == "MapValues") return map_values(key);
    }
    if (a.size() == 2 && (name == "Set" || name == "SetX")) {
      if (name == "Set" || !values_.contains(key)) values_.insert_or_assign(key, a[1]);
      return datum("");
    }
    if (a.size() == 3 && text(1) && (name == "MapSet" || name == "MapSetX")) {
      auto& held = values_.try_emplace(key, datum(datum::map{})).first->second;
      if (!held.as_map()) return fail(errc::invalid, "\"{}\" is not a map", key);
      if (contains_box(a[2], held.as_map())) return fail(errc::invalid, "a map cannot contain itself");
      if (name == "MapSet") held.as_map()->members.insert_or_assign(*text(1), a[2]);
      else held.as_map()->members.try_emplace(*text(1), a[2]);
      return datum("");
    }
    return std::nullopt;
  }

 private:
  result<std::optional<datum>> map_values(const std::string& key) {
    auto found = values_.find(key);
    if (found == values_.end()) return datum();
    if (!found->second.as_map()) return fail(errc::invalid, "\"{}\" is not a map", key);
    datum::list out;
    for (auto& [name, v] : found->second.as_map()->members) out.push_back(v);
    return datum(std::move(out));
  }
  datum::map values_;
};

constexpr function table[] = {
    {"in", "aa", [](const call& c) -> result<datum> { return datum(holds(c[0], c[1])); }},
    {"contains", "aa", [](const call& c) -> result<datum> { return datum(holds(c[1], c[0])); }},
    {"containsAll", "la", [](const call& c) -> result<datum> { return datum(holds_some(c, true)); }},
    {"containsAny", "la", [](const call& c) -> result<datum> { return datum(holds_some(c, false)); }},
    {"containsNone", "la", [](const call& c) -> result<datum> { return datum(!holds_some(c, false)); }},
    {"containsNotAll", "la", [](const call& c) -> result<datum> { return datum(!holds_some(c, true)); }},
    {"explode", "l", explode_pairs},
    {"explodeMap", "m", explode_map},
    {"mergeMap", "mm", [](const call& c) -> result<datum> { return merged(c.map(0), c.map(1), false, 0); }},
    {"mergeMapWithOverride", "mm", [](const call& c) -> result<datum> { return merged(c.map(0), c.map(1), true, 0); }},
    {"loop", "a*", loop},
    {"byKey", "l", by_key},
    {"byTag", "l", [](const call& c) { return grouped(c, "Tags", "byTag"); }},
    {"byPort", "l", [](const call& c) { return grouped(c, "Port", "byPort"); }},
    {"scratch", "", [](const call& c) -> result<datum> { return datum(c.run.scratch()); }},
};
}  // namespace

std::shared_ptr<object> make_scratch() { return std::make_shared<scratch_space>(); }
std::span<const function> collection_functions() { return table; }

}  // namespace drover::templating
