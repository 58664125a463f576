// Namespaces and node pools by their names, or by a unique beginning of one.
#pragma once

#include <string>

#include "cli/command.h"
#include "schema/node.h"

namespace drover::cli::commands {

result<schema::namespace_definition> find_namespace(context& c, const std::string& wanted);
result<schema::node_pool> find_node_pool(context& c, const std::string& wanted);

}  // namespace drover::cli::commands
