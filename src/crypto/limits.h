// The limits of crypto/.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drover::crypto {

inline constexpr size_t pem_bytes_max = 1024 * 1024;   // a longer text is refused
inline constexpr size_t names_max = 256;               // of one certificate: names and addresses together
inline constexpr int64_t validity_days_max = 36'500;   // a century; beyond it dates stop meaning anything

}  // namespace drover::crypto
