// A namespace as a file describes it, for `namespace apply <file>`. HCL as HCL1 took it, several arguments on a line. Pure.
#pragma once

#include <string>

#include "base/result.h"
#include "schema/node.h"

namespace drover::cli {

// Errors say what is wrong at which place of `name`.
result<schema::namespace_definition> parse_namespace(std::string name, std::string text);

}  // namespace drover::cli
