#pragma once

#include <string>
#include <string_view>

namespace drover::codec {

// For text that a parser has refused: the line and column of the first mistake and what is wrong there, as words. Slow path only.
std::string locate_json_error(std::string_view text);

}  // namespace drover::codec
