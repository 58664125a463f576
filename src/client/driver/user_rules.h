// Whom a task may run as: the plugin blocks' denied_host_uids and denied_host_gids ("0,100-200"). Reads the host's users; any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "base/value.h"

namespace drover::client {

// Is `number` in a list such as "0,100-200"? Error: it is no such list.
result<bool> in_number_list(const std::string& list, uint32_t number);
// `user` empty: who the agent is.
result<> check_user_allowed(const std::string& driver, const std::string& user, const value& plugin);

}  // namespace drover::client
