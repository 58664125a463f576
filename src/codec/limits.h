// The limits of codec/ beside the depths that json.h and msgpack.h name.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drover::codec::limits {

inline constexpr size_t filter_bytes_max = 64 * 1024;         // a longer expression is refused
inline constexpr int filter_depth_max = 64;                   // parentheses, not, any and all inside each other
inline constexpr int64_t filter_regexp_memory_max = 1 << 20;  // RE2's budget for one pattern
inline constexpr size_t filter_regexps_max = 64;

}  // namespace drover::codec::limits
