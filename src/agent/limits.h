// The limits of agent/.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace drover::agent {

inline constexpr size_t tls_regions_max = 256;                  // contexts kept, one a region that is dialled; beyond it they are made anew
inline constexpr duration certificate_warning = hours(24 * 7);  // a certificate that ends sooner gives a warning when it is loaded
inline constexpr duration start_settles = milliseconds(300);    // after it is ready, until the memory that only the start needed is given back
inline constexpr int64_t search_limit_max = 100'000;            // the largest number in the search block

}  // namespace drover::agent
