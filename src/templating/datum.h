// The values that templates work with: Go's, as far as a template can tell them apart. Copies are cheap and share lists and maps, as in Go.
// A value may be used by one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/value.h"

namespace drover::templating {

class datum;
struct list_box;
struct map_box;
struct record_box;

// A value with methods or fields of its own: a variable of the cluster, a time, scratch space.
class object {
 public:
  virtual ~object() = default;
  virtual std::string type_name() const = 0;
  // A field, or a method called with arguments. Nothing: there is none of that name.
  virtual result<std::optional<datum>> member(std::string_view name, std::span<const datum> arguments) = 0;
  // What it is without its methods: where ranging, indexing and comparing look.
  virtual datum underlying() const;
  // What print writes, if that is not the underlying value.
  virtual std::optional<std::string> text() const { return std::nullopt; }
  // What JSON, YAML and TOML get.
  virtual datum encoded() const;
};

enum class integer_kind : uint8_t { plain, int64, uint64, uint8, duration };

struct integer {
  int64_t n = 0;
  integer_kind kind = integer_kind::plain;
};

class datum {
 public:
  using list = std::vector<datum>;
  using map = std::map<std::string, datum, std::less<>>;
  // A map's missing member: like nil, but asking it for fields is fine.
  struct absent {};

  datum() = default;  // nil
  datum(std::nullptr_t) {}
  datum(absent a) : data_(a) {}
  datum(bool b) : data_(b) {}
  datum(int n) : data_(integer{n, integer_kind::plain}) {}
  datum(int64_t n) : data_(integer{n, integer_kind::plain}) {}
  datum(integer n) : data_(n) {}
  datum(double d) : data_(d) {}
  datum(std::string s) : data_(std::move(s)) {}
  datum(std::string_view s) : data_(std::string(s)) {}
  datum(const char* s) : data_(std::string(s)) {}
  datum(list items);
  datum(map members);
  datum(std::shared_ptr<list_box> l) : data_(std::move(l)) {}
  datum(std::shared_ptr<map_box> m) : data_(std::move(m)) {}
  datum(std::shared_ptr<record_box> r) : data_(std::move(r)) {}
  datum(std::shared_ptr<object> o) : data_(std::move(o)) {}

  bool is_nil() const { return data_.index() <= 1; }
  bool is_absent() const { return std::holds_alternative<absent>(data_); }
  const bool* as_bool() const { return std::get_if<bool>(&data_); }
  const integer* as_integer() const { return std::get_if<integer>(&data_); }
  const double* as_double() const { return std::get_if<double>(&data_); }
  const std::string* as_text() const { return std::get_if<std::string>(&data_); }
  list_box* as_list() const;
  map_box* as_map() const;
  const record_box* as_record() const;
  object* as_object() const;
  std::shared_ptr<object> shared_object() const;

  // Itself, or what an object is without its methods.
  datum plain() const;
  // Go's truth: not empty, not zero, not nil.
  bool truth() const;
  // As Go names the type: "int", "map[string]interface {}".
  std::string type_name() const;
  // As reflect names the kind: "int", "map", "slice", "invalid".
  std::string kind_name() const;

 private:
  std::variant<std::monostate, absent, bool, integer, double, std::string, std::shared_ptr<list_box>, std::shared_ptr<map_box>, std::shared_ptr<record_box>,
               std::shared_ptr<object>>
      data_;
};

struct list_box {
  datum::list items;
  bool of_text = false;  // []string
};
struct map_box {
  datum::map members;
  bool of_text = false;  // map[string]string
};
// A struct: its fields in order.
struct record_box {
  std::string type;
  std::vector<std::pair<std::string, datum>> fields;
  const datum* find(std::string_view name) const;
};

datum text_list(std::vector<std::string> items);
datum text_map(std::map<std::string, std::string> members);
datum make_record(std::string type, std::vector<std::pair<std::string, datum>> fields);
datum from_value(const value& v);
// Refused: deeper than value_depth_max.
result<value> to_value(const datum& d);
// The same value by Go's reflect.DeepEqual, as far as types are told apart here.
bool deep_equal(const datum& a, const datum& b, int depth = 0);
// `inside` is or contains the map or list `box` (which must not become a part of itself).
bool contains_box(const datum& inside, const void* box, int depth = 0);

}  // namespace drover::templating
