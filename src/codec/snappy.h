// Snappy's block format: how a dispatched job carries its payload on Nomad's wire (the Payload of the Job record). Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::codec {

std::string snappy_compress(std::string_view plain);
// errc::too_large above `bytes_max` (looked at before anything is allocated), errc::corrupt for what is no snappy block.
result<std::string> snappy_uncompress(std::string_view compressed, size_t bytes_max);

}  // namespace drover::codec
