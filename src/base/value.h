// value: a dynamic value (driver configuration, HCL results, JSON of unknown shape). A plain immutable-by-habit tree.
// Depth is bounded by whoever builds it (parsers have limits), so recursion over it is safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace drover {

class value {
 public:
  using list = std::vector<value>;
  // Ordered as inserted: what a person wrote comes back in the same order. Keys are unique by the builder's care (set()).
  class object;

  value() = default;  // null
  value(std::nullptr_t) {}
  value(bool b) : data_(b) {}
  value(int64_t n) : data_(n) {}
  value(int n) : data_(static_cast<int64_t>(n)) {}
  value(uint64_t n);  // above INT64_MAX it becomes a double
  value(double d) : data_(d) {}
  value(std::string s) : data_(std::move(s)) {}
  value(std::string_view s) : data_(std::string(s)) {}
  value(const char* s) : data_(std::string(s)) {}
  value(bytes b) : data_(std::move(b)) {}
  value(list l);
  value(object o);
  value(const value&);
  value(value&&) noexcept;
  value& operator=(const value&);
  value& operator=(value&&) noexcept;
  ~value();

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  const bool* as_bool() const { return std::get_if<bool>(&data_); }
  const int64_t* as_int() const { return std::get_if<int64_t>(&data_); }
  const double* as_double() const { return std::get_if<double>(&data_); }
  const std::string* as_string() const { return std::get_if<std::string>(&data_); }
  const bytes* as_bytes() const { return std::get_if<bytes>(&data_); }
  const list* as_list() const;
  const object* as_object() const;
  list* as_list();
  object* as_object();
  // Int or double, as double.
  bool number(double& out) const;
  // Member of an object, or null if this is no object or has none.
  const value* find(std::string_view key) const;
  // "null", "bool", "number", "string", "bytes", "list", "object": for messages.
  std::string_view kind() const;

  friend bool operator==(const value&, const value&);

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, bytes, list*, object*> data_;
};

class value::object {
 public:
  using entry = std::pair<std::string, value>;
  // The member, or null. Linear below 8 members, which is what configurations have; fine to a few hundred.
  const value* find(std::string_view key) const;
  value* find(std::string_view key);
  // Adds or replaces.
  void set(std::string key, value v);
  // Adds without looking for an earlier one. Requires: the key is new.
  void append(std::string key, value v) { entries_.emplace_back(std::move(key), std::move(v)); }
  bool erase(std::string_view key);
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  auto begin() { return entries_.begin(); }
  auto end() { return entries_.end(); }
  // The same members, whatever their order.
  friend bool operator==(const object& a, const object& b);

 private:
  std::vector<entry> entries_;
};

}  // namespace drover
