// The limits of acl/. Reaching one is an error that names it.
#pragma once

#include <cstddef>

namespace drover::acl {

inline constexpr size_t policy_bytes_max = 1 << 20;  // of rules text
inline constexpr size_t rules_max = 10'000;          // patterns of all kinds in one policy
inline constexpr size_t pattern_bytes_max = 512;
inline constexpr size_t name_pattern_bytes_max = 128;  // of a namespace, node pool or host volume

}  // namespace drover::acl
