// -t: an answer of the agent written by a Go template of the user's. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/value.h"

namespace drover::cli {

result<std::string> run_template(std::string_view source, const value& data);

}  // namespace drover::cli
