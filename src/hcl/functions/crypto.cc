// Hashes, password hashes, RSA and UUIDs. The only file of the room that sees OpenSSL and crypt(3).
#include <crypt.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/bytes.h"
#include "base/text.h"
#include "hcl/functions/common.h"

namespace drover::hcl {
namespace {

template <auto Free>
struct releaser {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
template <class T, auto Free>
using handle = std::unique_ptr<T, releaser<Free>>;

result<std::string> digest(const char* algorithm, std::string_view data) {
  handle<EVP_MD, EVP_MD_free> md(EVP_MD_fetch(nullptr, algorithm, nullptr));
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (md == nullptr || EVP_Digest(data.data(), data.size(), out, &size, md.get(), nullptr) != 1)
    return fail(errc::unsupported, "the hash {} is not available on this machine", algorithm);
  return std::string(reinterpret_cast<char*>(out), size);
}

result<value> hex_digest(const char* algorithm, arguments a) {
  TRY_ASSIGN(std::string out, digest(algorithm, text_at(a, 0)));
  return value(hex_encode(out));
}
result<value> md5(arguments a, const function_environment&) { return hex_digest("MD5", a); }
result<value> sha1(arguments a, const function_environment&) { return hex_digest("SHA1", a); }
result<value> sha256(arguments a, const function_environment&) { return hex_digest("SHA256", a); }
result<value> sha512(arguments a, const function_environment&) { return hex_digest("SHA512", a); }

result<value> bcrypt(arguments a, const function_environment& environment) {
  int64_t cost = 10;
  if (a.size() > 2) return fail(errc::invalid, "it takes a text and perhaps a cost, but got {} arguments", a.size());
  if (a.size() == 2) {
    TRY_ASSIGN(cost, integer_at(a, 1));
  }
  if (cost < 4 || cost > bcrypt_cost_max) return fail(errc::invalid, "the cost must be 4 to {}, but is {}", bcrypt_cost_max, cost);
  constexpr size_t password_bytes_max = 72;
  if (text_at(a, 0).size() > password_bytes_max) return fail(errc::invalid, "the text must not be longer than {} bytes", password_bytes_max);
  if (!environment.random) return fail(errc::invalid, "it is not available here: there is no randomness");
  uint8_t salt_bytes[16];
  environment.random(salt_bytes);
  char salt[CRYPT_GENSALT_OUTPUT_SIZE];
  auto* made = crypt_gensalt_rn("$2a$", static_cast<unsigned long>(cost), reinterpret_cast<const char*>(salt_bytes), sizeof salt_bytes, salt, sizeof salt);
  auto data = std::make_unique<crypt_data>();
  std::memset(data.get(), 0, sizeof(crypt_data));
  const char* out = made == nullptr ? nullptr : crypt_r(text_at(a, 0).c_str(), salt, data.get());
  if (out == nullptr || out[0] == '*') return fail(errc::unsupported, "bcrypt is not available on this machine");
  return value(out);
}

result<value> rsadecrypt(arguments a, const function_environment&) {
  auto cipher = base64_decode(text_at(a, 0));
  if (!cipher) return fail(errc::invalid, "argument 1 must be base64 text");
  const std::string& pem = text_at(a, 1);
  handle<BIO, BIO_free> memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // A key with a passphrase is refused rather than asked for on the terminal.
  auto no_passphrase = [](char*, int, int, void*) { return -1; };
  handle<EVP_PKEY, EVP_PKEY_free> key(PEM_read_bio_PrivateKey(memory.get(), nullptr, no_passphrase, nullptr));
  if (key == nullptr) return fail(errc::invalid, "argument 2 must be an RSA private key in PEM form without a passphrase");
  handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new(key.get(), nullptr));
  auto* in = reinterpret_cast<const unsigned char*>(cipher->data());
  size_t size = 0;
  bool ok = EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA && context != nullptr && EVP_PKEY_decrypt_init(context.get()) == 1 &&
            EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 && EVP_PKEY_decrypt(context.get(), nullptr, &size, in, cipher->size()) == 1;
  std::string out(size, '\0');
  ok = ok && EVP_PKEY_decrypt(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, in, cipher->size()) == 1;
  if (!ok) return fail(errc::invalid, "the text does not decrypt with this key");
  out.resize(size);
  return text_value(std::move(out), "the decrypted data");
}

std::string uuid_text(uint8_t (&bytes)[16], uint8_t version) {
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | version << 4);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  return format_uuid(bytes);
}

result<value> uuidv4(arguments, const function_environment& environment) {
  if (!environment.random) return fail(errc::invalid, "it is not available here: there is no randomness");
  uint8_t bytes[16];
  environment.random(bytes);
  return value(uuid_text(bytes, 4));
}

// RFC 4122 appendix C: the well-known name spaces differ in one digit.
result<value> uuidv5(arguments a, const function_environment&) {
  std::string space = to_lower(text_at(a, 0));
  constexpr std::pair<std::string_view, char> known[] = {{"dns", '0'}, {"url", '1'}, {"oid", '2'}, {"x500", '4'}};
  for (auto [name, digit] : known)
    if (space == name) space = fmt::format("6ba7b81{}-9dad-11d1-80b4-00c04fd430c8", digit);
  if (!is_uuid(space)) return fail(errc::invalid, "the name space must be \"dns\", \"url\", \"oid\", \"x500\" or a UUID, but is {}", quoted(text_at(a, 0)));
  TRY_ASSIGN(std::string prefix, hex_decode(replace_all(space, "-", "")));
  TRY_ASSIGN(std::string hash, digest("SHA1", prefix + text_at(a, 1)));
  uint8_t bytes[16];
  std::memcpy(bytes, hash.data(), sizeof bytes);
  return value(uuid_text(bytes, 5));
}

}  // namespace

std::span<const function> crypto_functions() {
  using enum parameter;
  static const function table[] = {
      {"bcrypt", {string}, number, bcrypt},
      {"md5", {string}, {}, md5},
      {"rsadecrypt", {string, string}, {}, rsadecrypt},
      {"sha1", {string}, {}, sha1},
      {"sha256", {string}, {}, sha256},
      {"sha512", {string}, {}, sha512},
      {"uuidv4", {}, {}, uuidv4},
      {"uuidv5", {string, string}, {}, uuidv5},
  };
  return table;
}

}  // namespace drover::hcl
