#include "hcl/values.h"

#include <algorithm>

namespace drover::hcl {

std::optional<std::string> to_text(const value& v) {
  if (auto* s = v.as_string()) return *s;
  if (auto* b = v.as_bool()) return *b ? "true" : "false";
  if (v.as_int() || v.as_double()) return number_text(v);
  return std::nullopt;
}

std::optional<value> to_number(const value& v) {
  if (v.as_int() || v.as_double()) return v;
  if (auto* s = v.as_string()) return parse_number(*s);
  return std::nullopt;
}

std::optional<bool> to_boolean(const value& v) {
  if (auto* b = v.as_bool()) return *b;
  if (auto* s = v.as_string()) {
    if (*s == "true" || *s == "1") return true;
    if (*s == "false" || *s == "0") return false;
  }
  return std::nullopt;
}

std::vector<const value::object::entry*> sorted_entries(const value::object& o) {
  std::vector<const value::object::entry*> out;
  out.reserve(o.size());
  for (const auto& e : o) out.push_back(&e);
  std::ranges::sort(out, {}, [](const auto* e) -> const std::string& { return e->first; });
  return out;
}

namespace {
int rank(const value& v) {
  if (v.is_null()) return 0;
  if (v.as_bool()) return 1;
  if (v.as_int() || v.as_double()) return 2;
  if (v.as_string()) return 3;
  if (v.as_list()) return 4;
  return 5;
}
template <class T>
int order(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}
}  // namespace

int compare(const value& a, const value& b) {
  if (int by_rank = order(rank(a), rank(b))) return by_rank;
  switch (rank(a)) {
    case 1: return order(*a.as_bool(), *b.as_bool());
    case 2: return compare_numbers(a, b);
    case 3: return order(*a.as_string(), *b.as_string());
    case 4: {
      const auto &x = *a.as_list(), &y = *b.as_list();
      for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
        if (int c = compare(x[i], y[i])) return c;
      return order(x.size(), y.size());
    }
    case 5: {
      if (!a.as_object() || !b.as_object()) return 0;
      auto x = sorted_entries(*a.as_object()), y = sorted_entries(*b.as_object());
      for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
        if (int c = order(x[i]->first, y[i]->first)) return c;
        if (int c = compare(x[i]->second, y[i]->second)) return c;
      }
      return order(x.size(), y.size());
    }
    default: return 0;
  }
}

value::list to_set(value::list elements) {
  std::ranges::sort(elements, [](const value& a, const value& b) { return compare(a, b) < 0; });
  auto [first, last] = std::ranges::unique(elements, [](const value& a, const value& b) { return compare(a, b) == 0; });
  elements.erase(first, last);
  return elements;
}

size_t weight(const value& v, size_t most) {
  size_t out = sizeof(value);
  if (auto* s = v.as_string()) out += s->size();
  if (auto* l = v.as_list()) {
    for (const auto& element : *l)
      if ((out += weight(element, most)) > most) return out;
  }
  if (auto* o = v.as_object()) {
    for (const auto& [name, member] : *o)
      if ((out += sizeof(std::string) + name.size() + weight(member, most)) > most) return out;
  }
  return out;
}

int depth(const value& v, int most) {
  if (most <= 1) return 1;
  int below = 0;
  if (auto* l = v.as_list())
    for (const auto& element : *l) below = std::max(below, depth(element, most - 1));
  if (auto* o = v.as_object())
    for (const auto& [name, member] : *o) below = std::max(below, depth(member, most - 1));
  return below + 1;
}

bool holds_runtime_reference(const value& v) {
  auto* s = v.as_string();
  return s != nullptr && s->find("${") != std::string::npos;
}

bool object_builder::set(std::string name, value v) {
  if (auto* old = find(name)) return *old = std::move(v), false;
  if (entries_.size() + 1 == indexed_from)
    for (size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].first, i);
  if (entries_.size() + 1 >= indexed_from) index_.emplace(name, entries_.size());
  entries_.emplace_back(std::move(name), std::move(v));
  return true;
}

value* object_builder::find(std::string_view name) {
  if (entries_.size() >= indexed_from - 1 && !index_.empty()) {
    auto at = index_.find(std::string(name));
    return at == index_.end() ? nullptr : &entries_[at->second].second;
  }
  for (auto& [known, v] : entries_)
    if (known == name) return &v;
  return nullptr;
}

value::object object_builder::take() {
  value::object out;
  for (auto& [name, v] : entries_) out.append(std::move(name), std::move(v));
  entries_.clear();
  index_.clear();
  return out;
}

}  // namespace drover::hcl
