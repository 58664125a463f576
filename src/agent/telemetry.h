// From the telemetry block to what the HTTP API shows. Pure but for the name of this machine.
#pragma once

#include "agent/config.h"
#include "api/http_api.h"

namespace drover::agent {

api::telemetry_options telemetry_options_of(const agent_config& config);

}  // namespace drover::agent
