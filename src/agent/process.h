// What an agent's process arranges with the operating system.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::agent {

// Soft limit of open files up to the hard one; SIGPIPE ignored.
void prepare_process();
// Tells systemd ("READY=1", "STOPPING=1", "RELOADING=1"), if $NOTIFY_SOCKET names its socket.
void notify_supervisor(std::string_view state);
// A fresh directory for a dev agent.
result<std::string> make_temporary_directory();
// With what is mounted below it (tasks' memory filesystems).
void remove_temporary_directory(const std::string& path);

}  // namespace drover::agent
