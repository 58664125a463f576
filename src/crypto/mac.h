// Message authentication codes by digest (HMAC, RFC 2104) beside digest.h's. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace drover::crypto {

enum class mac_kind : uint8_t { sha256, sha384, sha512 };
std::string mac(mac_kind kind, std::string_view key, std::string_view data);

}  // namespace drover::crypto
