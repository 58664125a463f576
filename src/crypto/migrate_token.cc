#include "crypto/migrate_token.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "base/bytes.h"
#include "base/ensure.h"

namespace drover::crypto {

std::string migrate_token(std::string_view node_secret, std::string_view alloc_id) {
  ENSURE(!node_secret.empty() && node_secret.size() <= 64, "a node's secret can be a key");
  std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> kind(EVP_MAC_fetch(nullptr, "BLAKE2BMAC", nullptr), &EVP_MAC_free);
  ENSURE(kind != nullptr, "OpenSSL has BLAKE2b");
  std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> made(EVP_MAC_CTX_new(kind.get()), &EVP_MAC_CTX_free);
  std::string out(64, '\0');
  size_t size = 0;
  bool done = made != nullptr && EVP_MAC_init(made.get(), reinterpret_cast<const unsigned char*>(node_secret.data()), node_secret.size(), nullptr) == 1 &&
              EVP_MAC_update(made.get(), reinterpret_cast<const unsigned char*>(alloc_id.data()), alloc_id.size()) == 1 &&
              EVP_MAC_final(made.get(), reinterpret_cast<unsigned char*>(out.data()), &size, out.size()) == 1;
  ENSURE(done && size == out.size(), "BLAKE2b failed");
  auto text = base64_encode(out);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

}  // namespace drover::crypto
