// The limits of crypto/.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drover::crypto {

inline constexpr size_t pem_bytes_max = 1024 * 1024;  // a longer text is refused
inline constexpr size_t names_max = 256;              // of one certificate: names and addresses together
inline constexpr int64_t validity_days_max = 36'500;  // a century; beyond it dates stop meaning anything
inline constexpr int rsa_bits_min = 2048;             // a shorter RSA key neither signs nor verifies
inline constexpr size_t rsa_bytes_max = 2048;         // of a modulus that somebody sends: verifying costs its cube
inline constexpr size_t rsa_exponent_bytes_max = 8;

}  // namespace drover::crypto
