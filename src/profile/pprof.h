// A profile in the format of pprof (proto/profile.proto of github.com/google/pprof, a public format), with names inside, so that `go tool pprof`
// shows it without this program beside it. Pure but for the names, which are read from this process: not on the loop.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace drover::profile {

struct value_type {
  std::string_view type, unit;
};

// A stack, innermost place first, and what was counted there: one number for each value type.
struct counted_stack {
  std::vector<uintptr_t> stack;
  std::vector<int64_t> values;
  std::string thread{};              // empty: not said
  std::vector<std::string> words{};  // instead of `stack`: names of places, innermost first
};

struct profile_head {
  std::vector<value_type> types;
  value_type period_type;
  int64_t period = 0;
  std::string_view default_type{};  // empty: the last
  timestamp when{};
  duration took{};
};

// Compressed by gzip.
std::string to_pprof(const profile_head& head, std::span<const counted_stack> stacks);

}  // namespace drover::profile
