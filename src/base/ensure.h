// ensure(): invariants, on in release too. Never for input: bad input is an error, a broken invariant is a bug.
#pragma once

#include <source_location>

namespace drover {
[[noreturn]] void ensure_failed(const char* condition, const char* message, std::source_location where);
}

#define ENSURE(condition, message)                                                   \
  do {                                                                               \
    if (!(condition)) [[unlikely]]                                                   \
      ::drover::ensure_failed(#condition, message, std::source_location::current()); \
  } while (false)
