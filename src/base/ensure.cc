#include "base/ensure.h"

#include <cstdio>
#include <cstdlib>

namespace drover {

void ensure_failed(const char* condition, const char* message, std::source_location where) {
  std::fprintf(stderr, "drover: broken invariant: %s (%s) at %s:%u in %s\n", message, condition, where.file_name(), static_cast<unsigned>(where.line()),
               where.function_name());
  std::abort();
}

}  // namespace drover
