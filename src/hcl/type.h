// Type constraints ("list(string)", object({ a = optional(number, 1) })) and the conversion of values to them. Pure
// functions; values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/value.h"
#include "hcl/ast.h"
#include "hcl/diagnostic.h"

namespace drover::hcl {

struct type {
  enum class kind_type : uint8_t { any, string, number, boolean, list, set, map, tuple, object };
  struct member;

  kind_type kind = kind_type::any;
  std::vector<type> elements;   // list, set, map: one; tuple: one for each place
  std::vector<member> members;  // object

  // As it is written: "map(list(string))".
  std::string text() const;
};

struct type::member {
  std::string name;
  type of;
  bool optional = false;
  std::optional<value> fallback;  // of an optional member
};

// The type that a "type = ..." argument says; a string (JSON syntax, old files) is read as an expression.
// Nothing exactly if an error was added to `problems`.
std::optional<type> parse_type(const expression& e, diagnostics& problems);

// The value as that type. Null stays null. The error says which part does not fit.
result<value> convert(value v, const type& to);

}  // namespace drover::hcl
