// Sealing: AES-256-GCM of a text with a 32-byte key. What is sealed cannot be read or changed without the key; `context` is not part of it but must
// be the same to open it. Any thread. Nonces and new keys come from OpenSSL's generator.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::crypto {

inline constexpr size_t seal_key_bytes = 32;

// 32 random bytes.
std::string make_seal_key();
// Nonce (12 bytes), sealed text, tag (16 bytes). Requires: the key has 32 bytes.
std::string seal(std::string_view key, std::string_view text, std::string_view context);
// errc::corrupt: another key or context, or changed bytes. Says nothing of the content.
result<std::string> open_sealed(std::string_view key, std::string_view sealed, std::string_view context);

}  // namespace drover::crypto
