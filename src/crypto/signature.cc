#include "crypto/signature.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "base/ensure.h"
#include "crypto/certificate.h"
#include "crypto/limits.h"
#include "crypto/openssl_handle.h"

namespace drover::crypto {

namespace detail {
struct key_data {
  key_handle key;
};
}  // namespace detail

namespace {

enum class family : uint8_t { rsa, pss, ec, ed25519 };
struct algorithm_row {
  signature_algorithm algorithm;
  std::string_view name;
  family kind;
  const EVP_MD* (*digest)();
  std::string_view curve;  // JOSE's name
};
constexpr std::array<algorithm_row, 10> algorithms{{
    {signature_algorithm::rs256, "RS256", family::rsa, &EVP_sha256, ""},
    {signature_algorithm::rs384, "RS384", family::rsa, &EVP_sha384, ""},
    {signature_algorithm::rs512, "RS512", family::rsa, &EVP_sha512, ""},
    {signature_algorithm::ps256, "PS256", family::pss, &EVP_sha256, ""},
    {signature_algorithm::ps384, "PS384", family::pss, &EVP_sha384, ""},
    {signature_algorithm::ps512, "PS512", family::pss, &EVP_sha512, ""},
    {signature_algorithm::es256, "ES256", family::ec, &EVP_sha256, "P-256"},
    {signature_algorithm::es384, "ES384", family::ec, &EVP_sha384, "P-384"},
    {signature_algorithm::es512, "ES512", family::ec, &EVP_sha512, "P-521"},
    {signature_algorithm::eddsa, "EdDSA", family::ed25519, nullptr, "Ed25519"},
}};
const algorithm_row& row_of(signature_algorithm a) { return algorithms[static_cast<size_t>(a)]; }

struct curve_row {
  std::string_view name, openssl_name;
  size_t bytes;
};
constexpr std::array<curve_row, 3> curves{{{"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}, {"P-521", "secp521r1", 66}}};

using digest_context = std::unique_ptr<EVP_MD_CTX, openssl_release<&EVP_MD_CTX_free>>;
using key_context = std::unique_ptr<EVP_PKEY_CTX, openssl_release<&EVP_PKEY_CTX_free>>;
using builder_handle = std::unique_ptr<OSSL_PARAM_BLD, openssl_release<&OSSL_PARAM_BLD_free>>;
using params_handle = std::unique_ptr<OSSL_PARAM, openssl_release<&OSSL_PARAM_free>>;
using ecdsa_handle = std::unique_ptr<ECDSA_SIG, openssl_release<&ECDSA_SIG_free>>;

const unsigned char* data_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* data_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::unexpected<error> no_key(std::string_view what) { return fail(errc::invalid, "this is no {}: {}", what, openssl_reason()); }

const curve_row* curve_of(EVP_PKEY* key) {
  std::array<char, 64> group{};
  size_t size = 0;
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC || EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) != 1) return nullptr;
  auto found = std::ranges::find(curves, std::string_view(group.data(), size), &curve_row::openssl_name);
  return found == curves.end() ? nullptr : &*found;
}

bool serves_algorithm(EVP_PKEY* key, const algorithm_row& row) {
  switch (row.kind) {
    case family::rsa:
    case family::pss: return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= rsa_bits_min;
    case family::ec: {
      const auto* curve = curve_of(key);
      return curve != nullptr && curve->name == row.curve;
    }
    case family::ed25519: return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
  }
  return false;
}

bool set_padding(EVP_PKEY_CTX* context, const algorithm_row& row) {
  if (row.kind != family::pss) return true;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

// JOSE writes an ECDSA signature as the two numbers side by side, OpenSSL as ASN.1.
result<std::string> to_jose_ecdsa(std::string_view der, size_t bytes) {
  const auto* p = data_of(der);
  ecdsa_handle parsed(d2i_ECDSA_SIG(nullptr, &p, static_cast<long>(der.size())));
  std::string out(bytes * 2, '\0');
  auto size = static_cast<int>(bytes);
  if (!parsed || BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), data_of(out), size) != size ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), data_of(out) + bytes, size) != size)
    return fail(errc::unknown, "signing: {}", openssl_reason());
  return out;
}

std::optional<std::string> from_jose_ecdsa(std::string_view jose, size_t bytes) {
  if (jose.size() != bytes * 2) return std::nullopt;
  ecdsa_handle numbers(ECDSA_SIG_new());
  auto* r = BN_bin2bn(data_of(jose), static_cast<int>(bytes), nullptr);
  auto* s = BN_bin2bn(data_of(jose) + bytes, static_cast<int>(bytes), nullptr);
  ENSURE(numbers && r != nullptr && s != nullptr && ECDSA_SIG_set0(numbers.get(), r, s) == 1, "numbers fit into memory");
  unsigned char* der = nullptr;
  int size = i2d_ECDSA_SIG(numbers.get(), &der);
  if (size <= 0) return std::nullopt;
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

std::string number_of(EVP_PKEY* key, const char* which, size_t pad_to = 0) {
  BIGNUM* raw = nullptr;
  ENSURE(EVP_PKEY_get_bn_param(key, which, &raw) == 1, "a key has its numbers");
  bignum_handle number(raw);
  std::string out(pad_to > 0 ? pad_to : static_cast<size_t>(BN_num_bytes(number.get())), '\0');
  BN_bn2binpad(number.get(), data_of(out), static_cast<int>(out.size()));
  return out;
}

result<key_handle> key_from_params(const char* kind, OSSL_PARAM_BLD* builder) {
  params_handle params(OSSL_PARAM_BLD_to_param(builder));
  key_context context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* raw = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 || EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return no_key("public key");
  return key_handle(raw);
}

result<key_handle> rsa_from_numbers(const public_key_numbers& n) {
  if (n.a.empty() || n.a.size() > rsa_bytes_max || n.b.empty() || n.b.size() > rsa_exponent_bytes_max)
    return fail(errc::invalid, "an RSA key needs n (at most {} bytes) and e (at most {})", rsa_bytes_max, rsa_exponent_bytes_max);
  builder_handle builder(OSSL_PARAM_BLD_new());
  bignum_handle modulus(BN_bin2bn(data_of(n.a), static_cast<int>(n.a.size()), nullptr));
  bignum_handle exponent(BN_bin2bn(data_of(n.b), static_cast<int>(n.b.size()), nullptr));
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  return key_from_params("RSA", builder.get());
}

result<key_handle> ec_from_numbers(const public_key_numbers& n) {
  auto curve = std::ranges::find(curves, n.curve, &curve_row::name);
  if (curve == curves.end()) return fail(errc::invalid, "the curve \"{}\" is not known; P-256, P-384 and P-521 are", n.curve);
  if (n.a.size() != curve->bytes || n.b.size() != curve->bytes) return fail(errc::invalid, "x and y of a {} key have {} bytes each", n.curve, curve->bytes);
  builder_handle builder(OSSL_PARAM_BLD_new());
  auto point = "\x04" + n.a + n.b;
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->openssl_name.data(), curve->openssl_name.size());
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  return key_from_params("EC", builder.get());
}

template <auto Write>
std::string der_of(EVP_PKEY* key) {
  ENSURE(EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA, "PKCS #1 is for RSA keys");
  bio_handle out(BIO_new(BIO_s_secmem()));
  ENSURE(Write(out.get(), key), "a key can be written");
  char* data = nullptr;
  auto size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

}  // namespace

std::optional<signature_algorithm> signature_algorithm_named(std::string_view name) {
  auto found = std::ranges::find(algorithms, name, &algorithm_row::name);
  if (found == algorithms.end()) return std::nullopt;
  return found->algorithm;
}
std::string_view name(signature_algorithm a) { return row_of(a).name; }

result<public_key> public_key::from_pem(std::string_view pem) {
  if (pem.size() > pem_bytes_max) return fail(errc::too_large, "a PEM text of {} bytes is too long; the limit is {}", pem.size(), pem_bytes_max);
  bio_handle in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  key_handle key;
  if (pem.find("BEGIN CERTIFICATE") != std::string_view::npos) {
    certificate_handle certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
    if (certificate) key.reset(X509_get_pubkey(certificate.get()));
  } else {
    key.reset(PEM_read_bio_PUBKEY(in.get(), nullptr, nullptr, nullptr));
  }
  if (!key) return no_key("PEM public key or certificate");
  return public_key(std::make_shared<const detail::key_data>(std::move(key)));
}

result<public_key> public_key::from_rsa_der(std::string_view der) {
  const auto* p = data_of(der);
  key_handle key(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &p, static_cast<long>(der.size())));
  if (!key) return no_key("RSA public key");
  return public_key(std::make_shared<const detail::key_data>(std::move(key)));
}

result<public_key> public_key::from_numbers(const public_key_numbers& n) {
  key_handle key;
  if (n.kind == "RSA") {
    TRY_ASSIGN(key, rsa_from_numbers(n));
  } else if (n.kind == "EC") {
    TRY_ASSIGN(key, ec_from_numbers(n));
  } else if (n.kind == "OKP" && n.curve == "Ed25519") {
    key.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, data_of(n.a), n.a.size()));
    if (!key) return no_key("Ed25519 public key");
  } else {
    return fail(errc::invalid, "keys of kind \"{}\" with curve \"{}\" are not known; RSA, EC and OKP with Ed25519 are", n.kind, n.curve);
  }
  return public_key(std::make_shared<const detail::key_data>(std::move(key)));
}

bool public_key::serves(signature_algorithm a) const { return serves_algorithm(data_->key.get(), row_of(a)); }

bool public_key::verify(signature_algorithm a, std::string_view message, std::string_view signature) const {
  const auto& row = row_of(a);
  auto* key = data_->key.get();
  if (!serves_algorithm(key, row)) return false;
  std::string der(signature);
  if (row.kind == family::ec) {
    auto converted = from_jose_ecdsa(signature, curve_of(key)->bytes);
    if (!converted) return false;
    der = *std::move(converted);
  }
  digest_context context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* padding = nullptr;
  bool ok = context && EVP_DigestVerifyInit(context.get(), &padding, row.digest ? row.digest() : nullptr, nullptr, key) == 1 && set_padding(padding, row) &&
            EVP_DigestVerify(context.get(), data_of(std::string_view(der)), der.size(), data_of(message), message.size()) == 1;
  if (!ok) ERR_clear_error();
  return ok;
}

result<public_key_numbers> public_key::numbers() const {
  auto* key = data_->key.get();
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA: return public_key_numbers{"RSA", "", number_of(key, OSSL_PKEY_PARAM_RSA_N), number_of(key, OSSL_PKEY_PARAM_RSA_E)};
    case EVP_PKEY_ED25519: {
      std::string raw(32, '\0');
      size_t size = raw.size();
      ENSURE(EVP_PKEY_get_raw_public_key(key, data_of(raw), &size) == 1, "an Ed25519 key has its bytes");
      return public_key_numbers{"OKP", "Ed25519", raw, ""};
    }
    default: break;
  }
  const auto* curve = curve_of(key);
  if (curve == nullptr) return fail(errc::unsupported, "keys of this kind cannot be shown as a JWK");
  return public_key_numbers{"EC", std::string(curve->name), number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, curve->bytes),
                            number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, curve->bytes)};
}

std::string public_key::rsa_der() const {
  return der_of<[](BIO* out, EVP_PKEY* key) {
    unsigned char* der = nullptr;
    int size = i2d_PublicKey(key, &der);
    bool ok = size > 0 && BIO_write(out, der, size) == size;
    OPENSSL_free(der);
    return ok;
  }>(data_->key.get());
}

result<private_key> private_key::make_rsa(int bits) {
  key_handle key(EVP_RSA_gen(static_cast<unsigned>(bits)));
  if (!key) return fail(errc::unknown, "making an RSA key: {}", openssl_reason());
  return private_key(std::make_shared<const detail::key_data>(std::move(key)));
}

result<private_key> private_key::make_ec_p256() {
  key_handle key(EVP_EC_gen("P-256"));
  if (!key) return fail(errc::unknown, "making a key: {}", openssl_reason());
  return private_key(std::make_shared<const detail::key_data>(std::move(key)));
}

result<private_key> private_key::from_rsa_der(std::string_view der) {
  const auto* p = data_of(der);
  key_handle key(d2i_PrivateKey(EVP_PKEY_RSA, nullptr, &p, static_cast<long>(der.size())));
  if (!key) return no_key("RSA private key");
  return private_key(std::make_shared<const detail::key_data>(std::move(key)));
}

result<private_key> private_key::from_pem(std::string_view pem) {
  if (pem.size() > pem_bytes_max) return fail(errc::too_large, "a PEM text of {} bytes is too long; the limit is {}", pem.size(), pem_bytes_max);
  bio_handle in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // An encrypted key is refused instead of asked for on a terminal.
  auto no_password = [](char*, int, int, void*) { return -1; };
  key_handle key(PEM_read_bio_PrivateKey(in.get(), nullptr, no_password, nullptr));
  if (!key) return no_key("unencrypted PEM private key");
  return private_key(std::make_shared<const detail::key_data>(std::move(key)));
}

result<private_key> private_key::from_ed25519_seed(std::string_view seed) {
  key_handle key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, data_of(seed), seed.size()));
  if (!key) return no_key("Ed25519 seed");
  return private_key(std::make_shared<const detail::key_data>(std::move(key)));
}

result<std::string> private_key::sign(signature_algorithm a, std::string_view message) const {
  const auto& row = row_of(a);
  auto* key = data_->key.get();
  if (!serves_algorithm(key, row)) return fail(errc::invalid, "this key does not serve for {}", row.name);
  digest_context context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* padding = nullptr;
  size_t size = static_cast<size_t>(EVP_PKEY_get_size(key));
  std::string out(size, '\0');
  bool ok = context && EVP_DigestSignInit(context.get(), &padding, row.digest ? row.digest() : nullptr, nullptr, key) == 1 && set_padding(padding, row) &&
            EVP_DigestSign(context.get(), data_of(out), &size, data_of(message), message.size()) == 1;
  if (!ok) return fail(errc::unknown, "signing: {}", openssl_reason());
  out.resize(size);
  if (row.kind == family::ec) return to_jose_ecdsa(out, curve_of(key)->bytes);
  return out;
}

std::string private_key::rsa_der() const {
  return der_of<[](BIO* out, EVP_PKEY* key) {
    unsigned char* der = nullptr;
    int size = i2d_PrivateKey(key, &der);
    bool ok = size > 0 && BIO_write(out, der, size) == size;
    if (size > 0) OPENSSL_clear_free(der, static_cast<size_t>(size));
    return ok;
  }>(data_->key.get());
}

}  // namespace drover::crypto
