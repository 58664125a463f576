// The parsed form of HCL2. Trees are immutable after parsing and may be read from any thread.
// A body (and every body inside it) holds its source file; an expression's ranges are valid while some body of its file
// lives. Height is bounded (limits.h), so recursion over a tree is safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/value.h"
#include "hcl/source.h"

namespace drover::hcl {

enum class expression_kind : uint8_t {
  literal,
  template_text,
  template_for,
  variable,
  traversal,
  call,
  tuple,
  object,
  for_each,
  conditional,
  unary,
  binary,
};

struct expression {
  expression(expression_kind k, range r) : kind(k), where(r) {}
  virtual ~expression() = default;
  expression(const expression&) = delete;
  expression& operator=(const expression&) = delete;

  const expression_kind kind;
  bool in_parentheses = false;
  uint16_t height = 1;
  range where;
};
using expression_ptr = std::shared_ptr<const expression>;

// A number, bool, null, or text without interpolation.
struct literal_expression : expression {
  literal_expression(range r, value v) : expression(expression_kind::literal, r), constant(std::move(v)) {}
  value constant;
};

// "a${b}c": the parts' texts joined. A single interpolation and nothing else (`wraps`) is the value itself, whatever
// its type. A %{ if } is a conditional_expression among the parts.
struct template_expression : expression {
  explicit template_expression(range r) : expression(expression_kind::template_text, r) {}
  std::vector<expression_ptr> parts;
  bool wraps = false;
};

// %{ for key, item in collection } body %{ endfor }
struct template_for_expression : expression {
  explicit template_for_expression(range r) : expression(expression_kind::template_for, r) {}
  std::string key_name;  // empty when only one name is given
  std::string value_name;
  expression_ptr collection, body;
};

struct variable_expression : expression {
  variable_expression(range r, std::string n) : expression(expression_kind::variable, r), name(std::move(n)) {}
  std::string name;
};

// A chain of steps from a value: a.b, a[0], a.0, a[*].b, a.*.b
struct traversal_step {
  enum class kind_type : uint8_t { attribute, index, attribute_splat, full_splat };
  kind_type kind;
  range where;
  std::string name;    // attribute
  expression_ptr key;  // index
};
struct traversal_expression : expression {
  explicit traversal_expression(range r) : expression(expression_kind::traversal, r) {}
  expression_ptr source;
  std::vector<traversal_step> steps;
};

struct call_expression : expression {
  explicit call_expression(range r) : expression(expression_kind::call, r) {}
  std::string name;
  range name_range;
  std::vector<expression_ptr> arguments;
  bool expand_last = false;  // f(list...)
};

struct tuple_expression : expression {
  explicit tuple_expression(range r) : expression(expression_kind::tuple, r) {}
  std::vector<expression_ptr> elements;
};

// A bare identifier key has become a literal.
struct object_item {
  expression_ptr key, item;
};
struct object_expression : expression {
  explicit object_expression(range r) : expression(expression_kind::object, r) {}
  std::vector<object_item> items;
};

// [for k, v in c : item if condition] and {for k, v in c : key => item... if condition}
struct for_expression : expression {
  explicit for_expression(range r) : expression(expression_kind::for_each, r) {}
  std::string key_name;
  std::string value_name;
  expression_ptr collection;
  expression_ptr key;  // null: makes a list
  expression_ptr item;
  expression_ptr condition;  // may be null
  bool group = false;
};

struct conditional_expression : expression {
  explicit conditional_expression(range r) : expression(expression_kind::conditional, r) {}
  expression_ptr condition, when_true, when_false;
};

enum class unary_operator : uint8_t { negate, logical_not };
struct unary_expression : expression {
  unary_expression(range r, unary_operator o) : expression(expression_kind::unary, r), op(o) {}
  unary_operator op;
  expression_ptr operand;
};

enum class binary_operator : uint8_t {
  logical_or,
  logical_and,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  add,
  subtract,
  multiply,
  divide,
  modulo,
};
std::string_view text_of(binary_operator op);
struct binary_expression : expression {
  binary_expression(range r, binary_operator o) : expression(expression_kind::binary, r), op(o) {}
  binary_operator op;
  expression_ptr left, right;
};

template <class T>
const T& as(const expression& e) {
  return static_cast<const T&>(e);
}

struct attribute {
  std::string name;
  range name_range;
  bool name_is_quoted = false;  // "a.b" = 1, which only map-like bodies take
  expression_ptr expr;
};

struct block_label {
  std::string text;
  range where;
};

struct block;

// The inside of a file or block. In JSON syntax whether a property is an attribute or a block is for the reader to say
// (hcl/decode.h), so such a body only holds its objects.
struct body {
  source_ptr file;
  range where;      // between the braces, or the whole file
  range end_range;  // where a missing thing would have to be added: the closing brace or the end of the file
  std::vector<attribute> attributes;
  std::vector<block> blocks;
  // JSON syntax: the objects, mostly one, whose properties are this body's. `json` is set even if it has no property.
  bool json = false;
  std::vector<expression_ptr> json_objects;

  const attribute* find_attribute(std::string_view name) const;
};
using body_ptr = std::shared_ptr<const body>;

struct block {
  std::string type;
  range type_range;
  std::vector<block_label> labels;
  body_ptr content;
  // Type and labels: what messages about the whole block point at.
  range header;
};

// A name that an expression refers to: `var.count[0]` is {"var", "count"}. Names that the expression binds itself (for)
// are left out.
struct reference {
  std::string root;
  std::string attribute;  // empty when the first step is no plain name
  range where;
};
std::vector<reference> references(const expression& e);

}  // namespace drover::hcl
