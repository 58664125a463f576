#include "base/value.h"

#include <algorithm>

namespace drover {

value::value(uint64_t n) {
  if (n <= static_cast<uint64_t>(INT64_MAX)) data_ = static_cast<int64_t>(n);
  else data_ = static_cast<double>(n);
}
value::value(list l) : data_(new list(std::move(l))) {}
value::value(object o) : data_(new object(std::move(o))) {}

value::value(const value& other) {
  if (auto* l = other.as_list()) data_ = new list(*l);
  else if (auto* o = other.as_object()) data_ = new object(*o);
  else data_ = other.data_;
}

value::value(value&& other) noexcept : data_(std::exchange(other.data_, std::monostate())) {}

value& value::operator=(const value& other) {
  if (this != &other) *this = value(other);
  return *this;
}

value& value::operator=(value&& other) noexcept {
  std::swap(data_, other.data_);
  return *this;
}

value::~value() {
  if (auto* l = std::get_if<list*>(&data_)) delete *l;
  if (auto* o = std::get_if<object*>(&data_)) delete *o;
}

const value::list* value::as_list() const {
  auto* p = std::get_if<list*>(&data_);
  return p != nullptr ? *p : nullptr;
}
const value::object* value::as_object() const {
  auto* p = std::get_if<object*>(&data_);
  return p != nullptr ? *p : nullptr;
}
value::list* value::as_list() { return const_cast<list*>(std::as_const(*this).as_list()); }
value::object* value::as_object() { return const_cast<object*>(std::as_const(*this).as_object()); }

bool value::number(double& out) const {
  if (auto* n = as_int()) return out = static_cast<double>(*n), true;
  if (auto* d = as_double()) return out = *d, true;
  return false;
}

const value* value::find(std::string_view key) const {
  auto* o = as_object();
  return o != nullptr ? o->find(key) : nullptr;
}

std::string_view value::kind() const {
  constexpr std::string_view names[] = {"null", "bool", "number", "number", "string", "bytes", "list", "object"};
  return names[data_.index()];
}

bool operator==(const value& a, const value& b) {
  double x, y;
  if (a.number(x) && b.number(y)) return a.as_int() && b.as_int() ? *a.as_int() == *b.as_int() : x == y;
  if (a.as_list() && b.as_list()) return *a.as_list() == *b.as_list();
  if (a.as_object() && b.as_object()) return *a.as_object() == *b.as_object();
  return a.data_ == b.data_;
}

const value* value::object::find(std::string_view key) const {
  for (const auto& [name, v] : entries_)
    if (name == key) return &v;
  return nullptr;
}
value* value::object::find(std::string_view key) { return const_cast<value*>(std::as_const(*this).find(key)); }

void value::object::set(std::string key, value v) {
  if (auto* old = find(key)) *old = std::move(v);
  else append(std::move(key), std::move(v));
}

bool value::object::erase(std::string_view key) {
  return std::erase_if(entries_, [&](const entry& e) { return e.first == key; }) > 0;
}

bool operator==(const value::object& a, const value::object& b) {
  return a.size() == b.size() && std::ranges::all_of(a, [&](const auto& e) {
           auto* other = b.find(e.first);
           return other != nullptr && *other == e.second;
         });
}

}  // namespace drover
