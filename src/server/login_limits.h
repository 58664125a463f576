// The limits of single sign-on, and of the replication of access control between regions. Reaching one is an error that names it.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace drover::server {

inline constexpr duration login_fetch_timeout = seconds(10);
inline constexpr size_t login_fetch_bytes_max = 1 << 20;
inline constexpr size_t login_providers_max = 64;  // whose keys are kept; all are forgotten above that
inline constexpr duration login_keys_kept_for = minutes(5);
inline constexpr size_t oidc_logins_max = 1000;  // begun and not completed
inline constexpr duration oidc_login_lifetime = minutes(5);

// Of records that are fetched and written at once from the authoritative region; after a failure it is asked again so much later.
inline constexpr size_t acl_replication_batch = 256;
inline constexpr duration acl_replication_retry = seconds(10);

}  // namespace drover::server
