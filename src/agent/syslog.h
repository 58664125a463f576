// enable_syslog: what the agent logs goes to the machine's syslog daemon too (/dev/log, RFC 3164's form as syslog(3) writes it).
//
// Any thread logs through it. A daemon that is slow or absent costs lines, never time: lines that cannot be sent at once are dropped.
#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "base/result.h"

namespace drover::agent {

// KERN ... LOCAL7 by name; errc::invalid lists the names.
result<int> parse_syslog_facility(const std::string& name);

// What is at or above `level` is sent to the socket until the handle goes. `socket_path`: /dev/log but in tests.
result<std::unique_ptr<log::subscription>> log_to_syslog(log::level level, const std::string& facility, const std::string& socket_path = "/dev/log");

}  // namespace drover::agent
