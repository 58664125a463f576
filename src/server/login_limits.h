// The limits of single sign-on. Reaching one is an error that names it.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace drover::server {

inline constexpr duration login_fetch_timeout = seconds(10);
inline constexpr size_t login_fetch_bytes_max = 1 << 20;
inline constexpr size_t login_providers_max = 64;  // whose keys are kept; all are forgotten above that
inline constexpr duration login_keys_kept_for = minutes(5);

}  // namespace drover::server
