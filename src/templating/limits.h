// The limits of templating/. Each is enforced where it is named.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drover::templating {

inline constexpr size_t source_bytes_max = 16 * 1024 * 1024;  // the text of one template
inline constexpr size_t output_bytes_max = 64 * 1024 * 1024;  // what one run may write
inline constexpr size_t string_bytes_max = 64 * 1024 * 1024;  // one value that a function makes
inline constexpr size_t elements_max = 1'000'000;             // of one list that a function makes
inline constexpr int64_t steps_max = 2'000'000;               // nodes and function calls of one run
inline constexpr int parse_depth_max = 200;                   // blocks and parentheses within each other
inline constexpr int call_depth_max = 200;                    // templates that call templates
inline constexpr int value_depth_max = 100;                   // lists and maps within each other
inline constexpr size_t context_bytes_max = 400;              // how much of a node an error shows
inline constexpr size_t tokens_max = 4'000'000;
inline constexpr size_t missing_max = 1'000;  // data that one run may ask for and not get

}  // namespace drover::templating
