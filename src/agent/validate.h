// `config validate`: reads configuration files as the agent does, and says what would stop it and what a person should know. Reads files.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace drover::agent {

// The warnings; the error is what the agent would refuse to start with.
result<std::vector<std::string>> validate_config(const std::vector<std::string>& paths);

}  // namespace drover::agent
