// Processors by number as the kernel writes them, "0-3,8". Pure. Source: cpuset(7), "List format".
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::client {

// Ascending, each once. Empty text: none. errc::invalid with what is wrong; numbers are at most 8191.
result<std::vector<uint16_t>> parse_cpu_list(std::string_view text);

}  // namespace drover::client
