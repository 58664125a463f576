#include "gossip/cipher.h"

#include <openssl/evp.h>

#include <memory>

#include "base/ensure.h"

namespace drover::gossip {
namespace {

constexpr size_t nonce_size = 12;
constexpr size_t tag_size = 16;
constexpr size_t block_size = 16;

struct free_context {
  void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }
};
using context = std::unique_ptr<EVP_CIPHER_CTX, free_context>;

const EVP_CIPHER* cipher_for(size_t key_size) {
  ENSURE(key_size == 16 || key_size == 24 || key_size == 32, "a gossip key has 16, 24 or 32 bytes");
  return key_size == 16 ? EVP_aes_128_gcm() : key_size == 24 ? EVP_aes_192_gcm() : EVP_aes_256_gcm();
}

const unsigned char* raw(std::string_view s) { return reinterpret_cast<const unsigned char*>(s.data()); }
unsigned char* raw(std::string& s) { return reinterpret_cast<unsigned char*>(s.data()); }

// False: not sealed with this key.
bool open_with(std::string_view key, std::string_view nonce, std::string_view body, std::string_view tag, std::string_view authenticated, std::string& plain) {
  context c(EVP_CIPHER_CTX_new());
  ENSURE(c, "out of memory for a cipher");
  int count = 0;
  plain.resize(body.size());
  if (EVP_DecryptInit_ex(c.get(), cipher_for(key.size()), nullptr, raw(key), raw(nonce)) != 1) return false;
  if (!authenticated.empty() && EVP_DecryptUpdate(c.get(), nullptr, &count, raw(authenticated), static_cast<int>(authenticated.size())) != 1) return false;
  if (EVP_DecryptUpdate(c.get(), raw(plain), &count, raw(body), static_cast<int>(body.size())) != 1) return false;
  if (EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_SET_TAG, tag_size, const_cast<char*>(tag.data())) != 1) return false;
  unsigned char nothing[block_size];
  return EVP_DecryptFinal_ex(c.get(), nothing, &count) == 1;
}

}  // namespace

std::string seal(std::string_view key, const cipher_nonce& nonce, std::string_view plain, std::string_view authenticated) {
  context c(EVP_CIPHER_CTX_new());
  ENSURE(c, "out of memory for a cipher");
  std::string out;
  out.reserve(plain.size() + seal_overhead);
  out += '\x01';
  out.append(reinterpret_cast<const char*>(nonce.data()), nonce.size());
  out.resize(plain.size() + seal_overhead);
  unsigned char* body = raw(out) + 1 + nonce_size;
  int count = 0;
  bool ok = EVP_EncryptInit_ex(c.get(), cipher_for(key.size()), nullptr, raw(key), nonce.data()) == 1;
  if (ok && !authenticated.empty()) ok = EVP_EncryptUpdate(c.get(), nullptr, &count, raw(authenticated), static_cast<int>(authenticated.size())) == 1;
  ok = ok && EVP_EncryptUpdate(c.get(), body, &count, raw(plain), static_cast<int>(plain.size())) == 1;
  ok = ok && EVP_EncryptFinal_ex(c.get(), body + plain.size(), &count) == 1;
  ok = ok && EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_GET_TAG, tag_size, body + plain.size()) == 1;
  ENSURE(ok, "AES-GCM fails only for want of memory");
  return out;
}

result<std::string> unseal(const keyring& keys, std::string_view sealed, std::string_view authenticated) {
  if (sealed.empty() || static_cast<uint8_t>(sealed[0]) > 1) return fail(errc::invalid, "these are no encrypted data");
  bool padded = sealed[0] == 0;
  if (sealed.size() < seal_overhead + (padded ? block_size : 0)) return fail(errc::invalid, "{} bytes are too few for encrypted data", sealed.size());
  auto nonce = sealed.substr(1, nonce_size);
  auto body = sealed.substr(1 + nonce_size, sealed.size() - seal_overhead);
  auto tag = sealed.substr(sealed.size() - tag_size);
  std::string plain;
  for (const auto& key : keys.keys()) {
    if (!open_with(key, nonce, body, tag, authenticated, plain)) continue;
    if (!padded) return plain;
    auto padding = static_cast<uint8_t>(plain.back());
    if (padding == 0 || padding > block_size || padding > plain.size()) return fail(errc::invalid, "the padding of encrypted data is wrong");
    plain.resize(plain.size() - padding);
    return plain;
  }
  return fail(errc::permission_denied, "encrypted with a key that is not in the keyring");
}

}  // namespace drover::gossip
