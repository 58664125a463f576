#include "crypto/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/ensure.h"
#include "crypto/mac.h"

namespace drover::crypto {

std::string digest(digest_kind kind, std::string_view data) {
  const EVP_MD* type = EVP_sha256();
  switch (kind) {
    case digest_kind::md5: type = EVP_md5(); break;
    case digest_kind::sha1: type = EVP_sha1(); break;
    case digest_kind::sha256: break;
    case digest_kind::sha512: type = EVP_sha512(); break;
  }
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  ENSURE(EVP_Digest(data.data(), data.size(), out, &size, type, nullptr) == 1, "a digest failed");
  return {reinterpret_cast<char*>(out), size};
}

std::string sha256(std::string_view data) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(), reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

std::string mac(mac_kind kind, std::string_view key, std::string_view data) {
  const auto* type = kind == mac_kind::sha256 ? EVP_sha256() : kind == mac_kind::sha384 ? EVP_sha384() : EVP_sha512();
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const auto* made = HMAC(type, key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(data.data()), data.size(), out, &size);
  ENSURE(made != nullptr, "an HMAC failed");
  return {reinterpret_cast<char*>(out), size};
}

std::string hmac_sha256(std::string_view key, std::string_view data) { return mac(mac_kind::sha256, key, data); }

bool same_digest(std::string_view a, std::string_view b) { return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

}  // namespace drover::crypto
