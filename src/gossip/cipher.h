// AES-GCM as memberlist seals packets and streams; see protocol.h for the layout. Pure: the nonce is the caller's.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "gossip/keyring.h"

namespace drover::gossip {

using cipher_nonce = std::array<uint8_t, 12>;
inline constexpr size_t seal_overhead = 1 + 12 + 16;

// Version 1: no padding. Requires: the key has 16, 24 or 32 bytes.
std::string seal(std::string_view key, const cipher_nonce& nonce, std::string_view plain, std::string_view authenticated);
// Tries every key. errc::permission_denied: no key fits (or the data were changed); errc::invalid: these are no sealed data.
result<std::string> unseal(const keyring& keys, std::string_view sealed, std::string_view authenticated);

}  // namespace drover::gossip
