// The limits of jwt/: tokens and key sets come from strangers.
#pragma once

#include <cstddef>

namespace drover::jwt {

inline constexpr size_t token_bytes_max = 64 * 1024;  // a longer token is refused unread
inline constexpr size_t header_bytes_max = 8 * 1024;  // decoded
inline constexpr size_t key_set_bytes_max = 1 << 20;  // a JWKS document
inline constexpr size_t key_set_keys_max = 256;       // further keys are an error

}  // namespace drover::jwt
