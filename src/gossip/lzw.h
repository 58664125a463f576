// LZW as memberlist's compressed messages have it: GIF's variant with the least significant bit first, 8-bit literals, codes of 9 to 12
// bits, 256 clears the table, 257 ends. The encoder clears the table when the codes are used up. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::gossip {

std::string lzw_compress(std::string_view data);
// Refuses what is damaged, has no end, or would be larger than `bytes_max`.
result<std::string> lzw_expand(std::string_view data, size_t bytes_max);

}  // namespace drover::gossip
