// Do the dependencies of jobs (depends_on) lead back to where they began? Pure.
#pragma once

#include "base/result.h"
#include "schema/job.h"
#include "state/snapshot.h"

namespace drover::server {

// errc::invalid names the way around: "app" -> "db" -> "app". `job` counts as it is here, the others as they are stored; what does not exist
// yet leads nowhere.
result<> check_dependency_cycles(const schema::job& job, const state::snapshot& state);

}  // namespace drover::server
