// What several function files need. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hcl/diagnostic.h"
#include "hcl/function.h"
#include "hcl/limits.h"
#include "hcl/utf8.h"
#include "hcl/values.h"

namespace drover::hcl {

using arguments = function::arguments;

// Arguments were converted before the call (call_function), so their kind is certain.
inline const std::string& text_at(arguments a, size_t i) { return *a[i].as_string(); }
inline const value::list& list_at(arguments a, size_t i) { return *a[i].as_list(); }
inline const value::object& map_at(arguments a, size_t i) { return *a[i].as_object(); }
// A whole number; the error names the argument.
result<int64_t> integer_at(arguments a, size_t i);

std::string encode_json(const value& v);
// Refuses a string that is not UTF-8: the language's strings are text.
result<value> text_value(std::string bytes, std::string_view what);

}  // namespace drover::hcl
