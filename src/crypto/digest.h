// Digests, and with a key (HMAC). Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace drover::crypto {

enum class digest_kind { md5, sha1, sha256, sha512 };
std::string digest(digest_kind kind, std::string_view data);
// 32 bytes.
std::string sha256(std::string_view data);
std::string hmac_sha256(std::string_view key, std::string_view data);
// In time that does not depend on where they differ.
bool same_digest(std::string_view a, std::string_view b);

}  // namespace drover::crypto
