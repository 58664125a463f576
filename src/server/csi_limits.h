// The limits of CSI on the servers. Each is enforced where it is named.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace drover::server::csi_limits {

inline constexpr duration release_retry = seconds(1);      // after a step of a release that failed; doubled each time ...
inline constexpr duration release_retry_max = minutes(1);  // ... up to this
inline constexpr duration look_interval = minutes(5);      // all claims are looked at so often, whatever happened
inline constexpr size_t volumes_max = 64;                  // in one request
inline constexpr size_t snapshots_max = 64;                // in one request
inline constexpr int page_entries_max = 1000;              // asked of a plugin at once

}  // namespace drover::server::csi_limits
