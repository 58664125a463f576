// The bytes of the drover-shim program, so that the one drover binary can put it where it is needed.
#pragma once

#include <string_view>

namespace drover::shim {

std::string_view shim_image();

}  // namespace drover::shim
