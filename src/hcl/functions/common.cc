#include "hcl/functions/common.h"

#include "base/text.h"

namespace drover::hcl {

result<int64_t> integer_at(arguments a, size_t i) {
  if (auto n = to_integer(a[i])) return *n;
  return fail(errc::invalid, "argument {} must be a whole number, but is {}", i + 1, number_text(a[i]));
}

result<value> text_value(std::string bytes, std::string_view what) {
  if (!is_valid_utf8(bytes)) return fail(errc::invalid, "{} is not UTF-8 text", what);
  return value(std::move(bytes));
}

}  // namespace drover::hcl
