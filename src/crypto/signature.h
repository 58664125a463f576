// Signatures as JOSE names them (RFC 7518, RFC 8037): keys, signing, verifying. Text formats of tokens are jwt/.
//
// Keys are immutable and shared by copies; any thread. New keys come from OpenSSL's generator.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::crypto {

enum class signature_algorithm : uint8_t { rs256, rs384, rs512, ps256, ps384, ps512, es256, es384, es512, eddsa };
// "RS256" ...; nothing for what is none of them ("none" and HMACs are none).
std::optional<signature_algorithm> signature_algorithm_named(std::string_view name);
std::string_view name(signature_algorithm a);

namespace detail {
struct key_data;
}

// The numbers of a public key, big-endian, as a JWK has them: "RSA" (a: n, b: e), "EC" (curve, a: x, b: y), "OKP" (curve Ed25519, a: x).
struct public_key_numbers {
  std::string kind, curve, a, b;
};

class public_key {
 public:
  // "BEGIN PUBLIC KEY", "BEGIN RSA PUBLIC KEY" or "BEGIN CERTIFICATE".
  static result<public_key> from_pem(std::string_view pem);
  // PKCS #1, "RSAPublicKey".
  static result<public_key> from_rsa_der(std::string_view der);
  static result<public_key> from_numbers(const public_key_numbers& numbers);

  // Whether `a` is an algorithm for this kind of key and curve. RSA keys below 2048 bits serve for none.
  bool serves(signature_algorithm a) const;
  // False also for an algorithm that the key does not serve: the key says what may be tried, never the message.
  bool verify(signature_algorithm a, std::string_view message, std::string_view signature) const;
  result<public_key_numbers> numbers() const;
  std::string rsa_der() const;  // Requires: an RSA key

 private:
  friend class private_key;
  explicit public_key(std::shared_ptr<const detail::key_data> data) : data_(std::move(data)) {}
  std::shared_ptr<const detail::key_data> data_;
};

class private_key {
 public:
  static result<private_key> make_rsa(int bits = 2048);
  static result<private_key> make_ec_p256();
  // PKCS #1, "RSAPrivateKey".
  static result<private_key> from_rsa_der(std::string_view der);
  // Any unencrypted PEM form.
  static result<private_key> from_pem(std::string_view pem);
  // Requires: 32 bytes.
  static result<private_key> from_ed25519_seed(std::string_view seed);

  // Fails where the key does not serve the algorithm.
  result<std::string> sign(signature_algorithm a, std::string_view message) const;
  public_key to_public() const { return public_key(data_); }
  std::string rsa_der() const;  // Requires: an RSA key

 private:
  explicit private_key(std::shared_ptr<const detail::key_data> data) : data_(std::move(data)) {}
  std::shared_ptr<const detail::key_data> data_;
};

}  // namespace drover::crypto
