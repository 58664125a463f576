// What an agent prints at its start, in the form that people and tools know from Nomad. Pure.
#pragma once

#include <string>

#include "agent/config.h"

namespace drover::agent {

// "==> Drover agent configuration:" and the table below it. `http_addresses`: as bound.
std::string banner(const agent_config& config, const std::vector<std::string>& http_addresses);

}  // namespace drover::agent
