// Every limit of the room. Reaching one is a diagnostic that names it, never a crash.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drover::hcl {

// A source file. Positions are 32-bit byte offsets.
inline constexpr size_t source_bytes_max = size_t{64} << 20;
// How deep blocks, brackets, templates and JSON arrays nest while parsing.
inline constexpr int nesting_max = 200;
// Height of one expression tree: nesting plus chains of operators such as 1 + 1 + 1.
inline constexpr int expression_height_max = 1000;
// Errors reported for one file; parsing stops there.
inline constexpr size_t errors_max = 20;
// How much of a source line a diagnostic quotes.
inline constexpr size_t quoted_line_bytes_max = 240;

// One evaluation of one expression: nodes visited, bytes of the values it makes on the way, and the size of any string
// or collection.
inline constexpr uint64_t evaluation_steps_max = 5'000'000;
inline constexpr size_t evaluation_bytes_max = size_t{256} << 20;
inline constexpr size_t string_bytes_max = size_t{64} << 20;
inline constexpr size_t elements_max = 1'000'000;
// Depth of a value made by decoding functions and of one put into a context; size of one put into a context.
inline constexpr int value_depth_max = 200;
inline constexpr size_t value_bytes_max = size_t{256} << 20;
// range() makes at most this many numbers.
inline constexpr size_t range_elements_max = 1024;
// templatefile() calling templatefile().
inline constexpr int template_file_nesting_max = 16;
// Blocks that one dynamic block may make.
inline constexpr size_t dynamic_blocks_max = 100'000;
// bcrypt() takes 2^cost rounds.
inline constexpr int bcrypt_cost_max = 14;

}  // namespace drover::hcl
