// When a periodic job runs next.
#pragma once

#include <string>

#include "cli/command.h"
#include "schema/job.h"

namespace drover::cli {

// "2026-11-22T04:30:00Z (14h51m from now)"; "" if it never does. The server is asked, because it is its time zones that count.
std::string next_launch_of(context& c, const schema::ref<schema::job>& job);

}  // namespace drover::cli
