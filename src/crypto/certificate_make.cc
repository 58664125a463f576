#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "base/ensure.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "crypto/limits.h"
#include "crypto/openssl_handle.h"

namespace drover::crypto {
namespace {

std::unexpected<error> openssl_failed(std::string_view doing) { return fail(errc::unknown, "{}: {}", doing, openssl_reason()); }

std::string text_of(BIO* bio) {
  char* data = nullptr;
  auto size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

result<std::string> certificate_text(X509* certificate) {
  bio_handle out(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(out.get(), certificate) != 1) return openssl_failed("writing the certificate");
  return text_of(out.get());
}

result<std::string> key_text(EVP_PKEY* key) {
  bio_handle out(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PrivateKey_traditional(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) return openssl_failed("writing the key");
  return text_of(out.get());
}

result<key_handle> make_key() {
  key_handle key(EVP_EC_gen("P-256"));
  if (!key) return openssl_failed("making a key");
  return key;
}

// Letters, digits, "-", "_", parts between dots; "*." may stand before. What is checked here may stand in OpenSSL's extension texts.
result<> check_dns_name(std::string_view name) {
  auto rest = name.starts_with("*.") ? name.substr(2) : name;
  auto is_allowed = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_'; };
  auto parts = split(rest, '.');
  bool good = !rest.empty() && name.size() <= 253 &&
              std::ranges::all_of(parts, [&](std::string_view part) { return !part.empty() && part.size() <= 63 && std::ranges::all_of(part, is_allowed); });
  if (!good) return fail(errc::invalid, "\"{}\" is no DNS name: write letters, digits and \"-\" in parts between dots, as in nomad.example.com", name);
  return {};
}

result<std::string> normal_address(const std::string& text) {
  std::array<unsigned char, 16> raw{};
  char out[INET6_ADDRSTRLEN] = "";
  for (int family : {AF_INET, AF_INET6})
    if (inet_pton(family, text.c_str(), raw.data()) == 1) return std::string(inet_ntop(family, raw.data(), out, sizeof out));
  return fail(errc::invalid, "\"{}\" is no IP address: write one like 10.0.0.1 or fd00::1", text);
}

result<> check_validity(timestamp from, int64_t days) {
  ENSURE(!from.is_zero(), "a certificate is valid from some instant on");
  if (days < 1 || days > validity_days_max)
    return fail(errc::invalid, "a certificate cannot be valid for {} days: choose between 1 and {}", days, validity_days_max);
  return {};
}

result<> add_extension(X509* certificate, X509* issuer, int id, const std::string& text) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  extension_handle extension(X509V3_EXT_conf_nid(nullptr, &context, id, text.c_str()));
  if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) return openssl_failed(fmt::format("certificate extension \"{}\"", text));
  return {};
}

result<> add_subject(X509_NAME* name, const subject_name& subject) {
  const std::pair<int, const std::string*> parts[] = {{NID_countryName, &subject.country},
                                                      {NID_stateOrProvinceName, &subject.province},
                                                      {NID_localityName, &subject.locality},
                                                      {NID_streetAddress, &subject.street_address},
                                                      {NID_postalCode, &subject.postal_code},
                                                      {NID_organizationName, &subject.organization},
                                                      {NID_organizationalUnitName, &subject.organizational_unit},
                                                      {NID_commonName, &subject.common_name}};
  for (const auto& [id, text] : parts) {
    if (text->empty()) continue;
    const auto* data = reinterpret_cast<const unsigned char*>(text->data());
    if (X509_NAME_add_entry_by_NID(name, id, MBSTRING_UTF8, data, static_cast<int>(text->size()), -1, 0) != 1)
      return fail(errc::invalid, "{} of the certificate cannot be \"{}\": {}", OBJ_nid2ln(id), *text, openssl_reason());
  }
  return {};
}

result<std::string> set_serial_number(X509* certificate) {
  std::array<unsigned char, 16> raw{};
  if (RAND_bytes(raw.data(), raw.size()) != 1) return openssl_failed("reading random bytes");
  // Positive and of full length.
  raw[0] = static_cast<unsigned char>((raw[0] & 0x7f) | 0x40);
  bignum_handle number(BN_bin2bn(raw.data(), raw.size(), nullptr));
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
  char* digits = BN_bn2dec(number.get());
  std::string out = digits;
  OPENSSL_free(digits);
  return out;
}

struct draft {
  certificate_handle certificate;
  key_handle key;
  std::string serial_number;
};

// With key, serial number and dates; without names and extensions.
result<draft> begin_certificate(timestamp from, int64_t days) {
  TRY(check_validity(from, days));
  ERR_clear_error();
  draft out;
  TRY_ASSIGN(out.key, make_key());
  out.certificate.reset(X509_new());
  auto* x = out.certificate.get();
  X509_set_version(x, X509_VERSION_3);
  TRY_ASSIGN(out.serial_number, set_serial_number(x));
  if (ASN1_TIME_set(X509_getm_notBefore(x), from.unix_seconds()) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(x), from.unix_seconds() + days * 86'400) == nullptr || X509_set_pubkey(x, out.key.get()) != 1)
    return openssl_failed("making a certificate");
  return out;
}

result<certified_key> sign(draft& made, EVP_PKEY* with) {
  if (X509_sign(made.certificate.get(), with, EVP_sha256()) == 0) return openssl_failed("signing the certificate");
  certified_key out;
  TRY_ASSIGN(out.certificate, certificate_text(made.certificate.get()));
  TRY_ASSIGN(out.key, key_text(made.key.get()));
  return out;
}

struct open_authority {
  certificate_handle certificate;
  key_handle key;
};

result<open_authority> open(const certified_key& authority) {
  ERR_clear_error();
  // Says in a sentence what is wrong with the text.
  TRY_ASSIGN(auto info, read_certificate(authority.certificate));
  if (!info.is_authority) return fail(errc::invalid, "the certificate \"{}\" is not one of an authority (CA): it may not sign others", info.common_name);
  if (authority.key.size() > pem_bytes_max) return fail(errc::too_large, "{} bytes are too many for a key", authority.key.size());
  open_authority out;
  bio_handle certificate(BIO_new_mem_buf(authority.certificate.data(), static_cast<int>(authority.certificate.size())));
  out.certificate.reset(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
  bio_handle key(BIO_new_mem_buf(authority.key.data(), static_cast<int>(authority.key.size())));
  // No terminal is asked for a password.
  auto no_password = [](char*, int, int, void*) { return 0; };
  out.key.reset(PEM_read_bio_PrivateKey(key.get(), nullptr, no_password, nullptr));
  if (!out.key) return fail(errc::invalid, "the CA's key cannot be read: {}; it must be an unencrypted PEM private key", openssl_reason());
  if (X509_check_private_key(out.certificate.get(), out.key.get()) != 1) {
    ERR_clear_error();
    return fail(errc::invalid, "the key does not belong to the CA certificate \"{}\"", info.common_name);
  }
  return out;
}

// As everyone will who gets it: dates, signature, the names that the authority permits.
result<> verify(X509* made, X509* authority, timestamp at) {
  store_handle trusted(X509_STORE_new());
  X509_STORE_add_cert(trusted.get(), authority);
  store_context_handle context(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(context.get(), trusted.get(), made, nullptr) != 1) return openssl_failed("verifying the certificate");
  X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context.get()), at.unix_seconds());
  // The authority may itself be signed by another.
  X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context.get()), X509_V_FLAG_PARTIAL_CHAIN);
  if (X509_verify_cert(context.get()) == 1) return {};
  auto code = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (code == X509_V_ERR_PERMITTED_VIOLATION || code == X509_V_ERR_EXCLUDED_VIOLATION) {
    auto permitted = describe(*authority).permitted_domains;
    return fail(errc::invalid, "the CA may not sign for one of these names ({}): it permits only the DNS zones {}", join(describe(*made).names(), ", "),
                join(permitted, ", "));
  }
  return fail(errc::invalid, "the CA cannot sign this certificate: {}", X509_verify_cert_error_string(code));
}

}  // namespace

result<certified_key> make_authority(const authority_request& request) {
  if (request.permitted_domains.size() > names_max)
    return fail(errc::too_large, "{} permitted domains are too many; {} are allowed", request.permitted_domains.size(), names_max);
  for (const auto& domain : request.permitted_domains) TRY(check_dns_name(domain));
  TRY_ASSIGN(auto made, begin_certificate(request.from, request.days));
  auto* x = made.certificate.get();
  auto subject = request.subject;
  subject.common_name += " " + made.serial_number;
  TRY(add_subject(X509_get_subject_name(x), subject));
  X509_set_issuer_name(x, X509_get_subject_name(x));
  TRY(add_extension(x, x, NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign"));
  TRY(add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE"));
  TRY(add_extension(x, x, NID_subject_key_identifier, "hash"));
  TRY(add_extension(x, x, NID_authority_key_identifier, "keyid:always"));
  if (!request.permitted_domains.empty()) {
    std::string text = "critical";
    for (const auto& domain : request.permitted_domains) text += ",permitted;DNS:" + domain;
    TRY(add_extension(x, x, NID_name_constraints, text));
  }
  return sign(made, made.key.get());
}

result<certified_key> make_certificate(const certified_key& authority, const certificate_request& request) {
  if (request.dns_names.size() + request.addresses.size() > names_max)
    return fail(errc::too_large, "{} names are too many for a certificate; {} are allowed", request.dns_names.size() + request.addresses.size(), names_max);
  std::vector<std::string> alternatives;
  for (const auto& name : request.dns_names) {
    TRY(check_dns_name(name));
    alternatives.push_back("DNS:" + name);
  }
  for (const auto& address : request.addresses) {
    TRY_ASSIGN(auto normal, normal_address(address));
    alternatives.push_back("IP:" + normal);
  }
  TRY_ASSIGN(auto signer, open(authority));
  TRY_ASSIGN(auto made, begin_certificate(request.from, request.days));
  auto* x = made.certificate.get();
  TRY(add_subject(X509_get_subject_name(x), {.common_name = request.common_name}));
  X509_set_issuer_name(x, X509_get_subject_name(signer.certificate.get()));
  TRY(add_extension(x, signer.certificate.get(), NID_key_usage, "critical,digitalSignature,keyEncipherment"));
  TRY(add_extension(x, signer.certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth"));
  TRY(add_extension(x, signer.certificate.get(), NID_basic_constraints, "critical,CA:FALSE"));
  TRY(add_extension(x, signer.certificate.get(), NID_subject_key_identifier, "hash"));
  TRY(add_extension(x, signer.certificate.get(), NID_authority_key_identifier, "keyid"));
  if (!alternatives.empty()) TRY(add_extension(x, signer.certificate.get(), NID_subject_alt_name, join(alternatives, ",")));
  TRY_ASSIGN(auto out, sign(made, signer.key.get()));
  TRY(verify(x, signer.certificate.get(), request.from));
  return out;
}

}  // namespace drover::crypto
