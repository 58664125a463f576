#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>

#include "crypto/certificate.h"
#include "crypto/limits.h"
#include "crypto/openssl_handle.h"

namespace drover::crypto {
namespace {

std::string text_of(const ASN1_STRING* text) {
  return text == nullptr ? std::string()
                         : std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)), static_cast<size_t>(ASN1_STRING_length(text)));
}

std::string serial_of(const X509& certificate) {
  bignum_handle number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(&certificate), nullptr));
  if (!number) return {};
  char* digits = BN_bn2dec(number.get());
  std::string out = digits == nullptr ? "" : digits;
  OPENSSL_free(digits);
  return out;
}

timestamp time_of(const ASN1_TIME* time) {
  tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  auto days = days_from_civil(parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
  // What does not fit into nanoseconds since 1970 is as good as for ever.
  constexpr int64_t days_max = 106'000;
  if (days > days_max || days < -days_max) return timestamp(days > 0 ? INT64_MAX : INT64_MIN + 1);
  return timestamp((((days * 24 + parts.tm_hour) * 60 + parts.tm_min) * 60 + parts.tm_sec) * 1'000'000'000);
}

// RFC 4514's escapes.
std::string escaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    char c = text[i];
    bool edge_blank = c == ' ' && (i == 0 || i + 1 == text.size());
    if (edge_blank || (c == '#' && i == 0) || std::string_view(",+\"\\<>;").find(c) != std::string_view::npos) out += '\\';
    if (c == '\0') out += "\\00";
    else out += c;
  }
  return out;
}

std::string attribute_name(const ASN1_OBJECT* object) {
  switch (OBJ_obj2nid(object)) {
    case NID_commonName: return "CN";
    case NID_organizationalUnitName: return "OU";
    case NID_organizationName: return "O";
    case NID_postalCode: return "POSTALCODE";
    case NID_streetAddress: return "STREET";
    case NID_localityName: return "L";
    case NID_stateOrProvinceName: return "ST";
    case NID_countryName: return "C";
    case NID_serialNumber: return "SERIALNUMBER";
    default: break;
  }
  char dotted[128] = "";
  OBJ_obj2txt(dotted, sizeof dotted, object, 1);
  return dotted;
}

std::string distinguished_name(const X509_NAME* name) {
  std::string out;
  int previous_set = -1;
  for (int i = X509_NAME_entry_count(name) - 1; i >= 0; i--) {
    const auto* entry = X509_NAME_get_entry(name, i);
    int set = X509_NAME_ENTRY_set(entry);
    if (!out.empty()) out += set == previous_set ? "+" : ",";
    previous_set = set;
    out += attribute_name(X509_NAME_ENTRY_get_object(entry)) + "=" + escaped(text_of(X509_NAME_ENTRY_get_data(entry)));
  }
  return out;
}

std::string common_name_of(const X509_NAME* name) {
  int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  return at < 0 ? std::string() : text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
}

std::string address_text(std::string_view raw) {
  char text[INET6_ADDRSTRLEN] = "";
  if (raw.size() != 4 && raw.size() != 16) return {};
  inet_ntop(raw.size() == 4 ? AF_INET : AF_INET6, raw.data(), text, sizeof text);
  return text;
}

void read_alternative_names(const X509& certificate, certificate_info& into) {
  names_handle names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (!names) return;
  int count = std::min(sk_GENERAL_NAME_num(names.get()), static_cast<int>(names_max));
  for (int i = 0; i < count; i++) {
    const auto* entry = sk_GENERAL_NAME_value(names.get(), i);
    if (entry->type == GEN_DNS) into.dns_names.push_back(text_of(entry->d.dNSName));
    if (entry->type == GEN_IPADD) into.addresses.push_back(address_text(text_of(entry->d.iPAddress)));
  }
}

void read_constraints(const X509& certificate, certificate_info& into) {
  constraints_handle found(static_cast<NAME_CONSTRAINTS*>(X509_get_ext_d2i(&certificate, NID_name_constraints, nullptr, nullptr)));
  if (!found || found->permittedSubtrees == nullptr) return;
  int count = std::min(sk_GENERAL_SUBTREE_num(found->permittedSubtrees), static_cast<int>(names_max));
  for (int i = 0; i < count; i++) {
    const auto* base = sk_GENERAL_SUBTREE_value(found->permittedSubtrees, i)->base;
    if (base->type == GEN_DNS) into.permitted_domains.push_back(text_of(base->d.dNSName));
  }
}

}  // namespace

std::string openssl_reason() {
  auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown reason";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : fmt::format("OpenSSL error {:x}", code);
}

std::vector<std::string> certificate_info::names() const {
  auto out = dns_names;
  if (!common_name.empty() && std::find(out.begin(), out.end(), common_name) == out.end()) out.push_back(common_name);
  return out;
}

certificate_info describe(const x509_st& certificate) {
  certificate_info out;
  out.serial_number = serial_of(certificate);
  out.issuer_common_name = common_name_of(X509_get_issuer_name(&certificate));
  const auto* subject = X509_get_subject_name(&certificate);
  out.subject = distinguished_name(subject);
  out.common_name = common_name_of(subject);
  out.not_before = time_of(X509_get0_notBefore(&certificate));
  out.not_after = time_of(X509_get0_notAfter(&certificate));
  read_alternative_names(certificate, out);
  read_constraints(certificate, out);
  // OpenSSL caches what it learns of the extensions inside the object.
  out.is_authority = X509_check_ca(const_cast<X509*>(&certificate)) > 0;
  ERR_clear_error();
  return out;
}

result<certificate_info> read_certificate(std::string_view pem) {
  if (pem.size() > pem_bytes_max) return fail(errc::too_large, "{} bytes are too many for a certificate; {} are allowed", pem.size(), pem_bytes_max);
  auto begin = pem.find("-----BEGIN ");
  if (begin == std::string_view::npos)
    return fail(errc::invalid, "no PEM-encoded data found: a certificate begins with a line \"-----BEGIN CERTIFICATE-----\"");
  if (!pem.substr(begin).starts_with("-----BEGIN CERTIFICATE-----"))
    return fail(errc::invalid, "the first PEM block should be a CERTIFICATE, but its first line is \"{}\"",
                pem.substr(begin, std::min<size_t>(pem.find_first_of("\r\n", begin) - begin, 60)));
  ERR_clear_error();
  bio_handle from(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  certificate_handle certificate(PEM_read_bio_X509(from.get(), nullptr, nullptr, nullptr));
  if (!certificate) return fail(errc::invalid, "the certificate is damaged: {}", openssl_reason());
  return describe(*certificate);
}

}  // namespace drover::crypto
