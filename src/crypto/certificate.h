// X.509 certificates as PEM text: an authority (CA), the certificates it signs, and what a certificate says.
//
// Functions of their arguments, except that new keys and serial numbers come from OpenSSL's generator: a key must never come from a seed. Any
// thread. Keys are ECDSA P-256, signatures SHA-256. Nothing here reads or writes files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

struct x509_st;

namespace drover::crypto {

// A certificate and its private key ("EC PRIVATE KEY").
struct certified_key {
  std::string certificate, key;
};

// Who an authority says it is. Empty parts are left out.
struct subject_name {
  std::string common_name{}, country{}, postal_code{}, province{}, locality{}, street_address{}, organization{}, organizational_unit{};
};

struct authority_request {
  // The common name gets the serial number behind it, so that two authorities are never taken for each other.
  subject_name subject{};
  // The authority's certificates may only name hosts in these DNS zones; empty: any.
  std::vector<std::string> permitted_domains{};
  timestamp from{};
  int64_t days = 1825;
};
result<certified_key> make_authority(const authority_request& request);

struct certificate_request {
  std::string common_name{};
  // The common name is not added by itself.
  std::vector<std::string> dns_names{}, addresses{};
  timestamp from{};
  int64_t days = 365;
};
// For either side of a connection (key usages: server and client). Refused if the authority's key is not its certificate's, if it is no
// authority, is not valid at request.from, or does not permit a name.
result<certified_key> make_certificate(const certified_key& authority, const certificate_request& request);

struct certificate_info {
  // Decimal.
  std::string serial_number;
  std::string issuer_common_name;
  // "CN=server.global.nomad,O=...": last part first, as RFC 2253 writes names.
  std::string subject, common_name;
  timestamp not_before, not_after;
  std::vector<std::string> dns_names, addresses, permitted_domains;
  bool is_authority = false;
  // Every DNS name, and the common name if it is none of them: what role_name.h checks.
  std::vector<std::string> names() const;
};
// The first certificate of the text.
result<certificate_info> read_certificate(std::string_view pem);
// For rooms that hold OpenSSL's own object (net/tls).
certificate_info describe(const x509_st& certificate);

// The reason of OpenSSL's last failure in this thread, which is forgotten then.
std::string openssl_reason();

}  // namespace drover::crypto
