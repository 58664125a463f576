#include "crypto/seal.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>

#include "base/ensure.h"
#include "crypto/openssl_handle.h"

namespace drover::crypto {
namespace {

constexpr size_t nonce_bytes = 12;
constexpr size_t tag_bytes = 16;
using cipher_handle = std::unique_ptr<EVP_CIPHER_CTX, openssl_release<&EVP_CIPHER_CTX_free>>;

const unsigned char* data_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* data_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::string random_bytes(size_t size) {
  std::string out(size, '\0');
  ENSURE(RAND_bytes(data_of(out), static_cast<int>(size)) == 1, "the random generator works");
  return out;
}

}  // namespace

std::string make_seal_key() { return random_bytes(seal_key_bytes); }

std::string seal(std::string_view key, std::string_view text, std::string_view context) {
  ENSURE(key.size() == seal_key_bytes, "an AES-256 key has 32 bytes");
  std::string out = random_bytes(nonce_bytes);
  const auto nonce = out;
  out.resize(nonce_bytes + text.size() + tag_bytes);
  cipher_handle c(EVP_CIPHER_CTX_new());
  int size = 0;
  auto* body = data_of(out) + nonce_bytes;
  bool ok = c && EVP_EncryptInit_ex(c.get(), EVP_aes_256_gcm(), nullptr, data_of(key), data_of(std::string_view(nonce))) == 1;
  ok = ok && EVP_EncryptUpdate(c.get(), nullptr, &size, data_of(context), static_cast<int>(context.size())) == 1;
  ok = ok && EVP_EncryptUpdate(c.get(), body, &size, data_of(text), static_cast<int>(text.size())) == 1;
  ok = ok && EVP_EncryptFinal_ex(c.get(), body + text.size(), &size) == 1;
  ok = ok && EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, body + text.size()) == 1;
  ENSURE(ok, "AES-GCM fails only for want of memory");
  return out;
}

result<std::string> open_sealed(std::string_view key, std::string_view sealed, std::string_view context) {
  if (key.size() != seal_key_bytes) return fail(errc::corrupt, "the key has {} bytes instead of {}", key.size(), seal_key_bytes);
  if (sealed.size() < nonce_bytes + tag_bytes) return fail(errc::corrupt, "the sealed text has only {} bytes", sealed.size());
  auto body = sealed.substr(nonce_bytes, sealed.size() - nonce_bytes - tag_bytes);
  std::string tag(sealed.substr(sealed.size() - tag_bytes));
  std::string out(body.size(), '\0');
  cipher_handle c(EVP_CIPHER_CTX_new());
  int size = 0;
  bool ok = c && EVP_DecryptInit_ex(c.get(), EVP_aes_256_gcm(), nullptr, data_of(key), data_of(sealed)) == 1;
  ok = ok && EVP_DecryptUpdate(c.get(), nullptr, &size, data_of(context), static_cast<int>(context.size())) == 1;
  ok = ok && EVP_DecryptUpdate(c.get(), data_of(out), &size, data_of(body), static_cast<int>(body.size())) == 1;
  ok = ok && EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) == 1;
  ok = ok && EVP_DecryptFinal_ex(c.get(), data_of(out) + out.size(), &size) == 1;
  if (!ok) {
    ERR_clear_error();
    return fail(errc::corrupt, "what was sealed does not open with this key");
  }
  return out;
}

}  // namespace drover::crypto
