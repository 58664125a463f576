// From the agent's configuration to the options of its parts. Pure.
#pragma once

#include "agent/config.h"
#include "base/log.h"
#include "client/options.h"
#include "server/options.h"

namespace drover::agent {

server::server_options server_options_of(const agent_config& config);
client::client_options client_options_of(const agent_config& config);
result<log::options> log_options_of(const agent_config& config);
int scheduler_workers(const agent_config& config);

// "1M", "512K", "1000": bytes.
result<int64_t> parse_size(std::string_view text);

}  // namespace drover::agent
