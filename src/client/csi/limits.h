// The limits of CSI on a node. Each is enforced where it is named.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace drover::client::csi::limits {

inline constexpr duration call_timeout = seconds(30);       // of questions: who are you, what can you do
inline constexpr duration mount_timeout = minutes(2);       // of staging, publishing and their undoing
inline constexpr duration controller_timeout = minutes(5);  // of making, attaching, deleting: may be a machine elsewhere
inline constexpr duration probe_interval = seconds(30);     // a plugin that is well is asked again
inline constexpr duration probe_retry = milliseconds(500);  // one that is not
inline constexpr duration plugin_patience = minutes(1);     // an allocation waits so long for the plugin of its volume
inline constexpr duration wanted_interval = seconds(1);     // whoever waits for a plugin or a claim looks so often whether it is still to
inline constexpr duration claim_retry = milliseconds(250);  // a volume that is still in use elsewhere is asked for again, doubled each time ...
inline constexpr duration claim_retry_max = seconds(5);     // ... up to this ...
inline constexpr duration claim_patience = minutes(5);      // ... for so long
inline constexpr duration release_patience = seconds(5);    // the first unmounting waits so long for the plugin, then others are told first
inline constexpr duration release_retry = seconds(1);       // an unmounting that failed, doubled each time ...
inline constexpr duration release_retry_max = minutes(1);   // ... up to this, while the allocation is kept
inline constexpr size_t path_bytes_max = 107;               // of a socket: what the kernel takes

}  // namespace drover::client::csi::limits
