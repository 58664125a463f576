#include "server/client_assertion.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/ensure.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "crypto/digest.h"
#include "crypto/limits.h"
#include "jwt/jwt.h"
#include "server/file.h"

namespace drover::server {
namespace {

using schema::oidc_client_assertion;
using schema::oidc_client_assertion_key;

struct secret_algorithm {
  std::string_view name;
  crypto::mac_kind kind;
  size_t secret_bytes_min;  // RFC 7518, 3.2
};
constexpr secret_algorithm secret_algorithms[] = {
    {"HS256", crypto::mac_kind::sha256, 32}, {"HS384", crypto::mac_kind::sha384, 48}, {"HS512", crypto::mac_kind::sha512, 64}};

result<> check_absolute(std::string_view what, const std::string& path) {
  if (!path.empty() && !path.starts_with('/')) return fail(errc::invalid, "invalid {}: must be absolute; got: {}", what, path);
  return {};
}

result<> complete_key(oidc_client_assertion_key& key) {
  bool certified = !key.pem_cert.empty() || !key.pem_cert_file.empty();
  if (key.key_id_header.empty()) key.key_id_header = certified ? "x5t#S256" : "kid";
  if (key.pem_key.empty() && key.pem_key_file.empty()) return fail(errc::invalid, "missing PemKey or PemKeyFile");
  if (!key.pem_key.empty() && !key.pem_key_file.empty()) return fail(errc::invalid, "require only one of PemKey or PemKeyFile");
  TRY(check_absolute("PemKeyFile", key.pem_key_file));
  int names = !key.pem_cert.empty() + !key.pem_cert_file.empty() + !key.key_id.empty();
  if (names == 0) return fail(errc::invalid, "missing PemCert, PemCertFile, or KeyID");
  if (names > 1) return fail(errc::invalid, "require only one of PemCert, PemCertFile, or KeyID");
  TRY(check_absolute("PemCertFile", key.pem_cert_file));
  if (!certified && key.key_id_header != "kid") return fail(errc::invalid, "invalid KeyIDHeader; key header for key ID must be \"kid\"");
  if (certified && key.key_id_header != "x5t" && key.key_id_header != "x5t#S256")
    return fail(errc::invalid, "invalid KeyIDHeader; certificate-derived key header must be one of: \"x5t#S256\", \"x5t\"");
  return {};
}

result<> check_algorithm(const oidc_client_assertion& assertion, const std::string& secret) {
  const auto& name = assertion.key_algorithm;
  if (assertion.key_source == "client_secret") {
    const auto* found = std::ranges::find(secret_algorithms, name, &secret_algorithm::name);
    if (found == std::end(secret_algorithms)) return fail(errc::invalid, "unsupported KeyAlgorithm \"{}\" for client secret: HS256, HS384 or HS512", name);
    if (secret.size() < found->secret_bytes_min)
      return fail(errc::invalid, "OIDCClientSecret is too short: {} needs at least {} bytes", name, found->secret_bytes_min);
    return {};
  }
  if (assertion.key_source == "nomad" && name != "RS256")
    return fail(errc::invalid, "unsupported KeyAlgorithm \"{}\": the cluster's own key signs with RS256", name);
  if (name != "RS256" && name != "RS384" && name != "RS512")
    return fail(errc::invalid, "unsupported KeyAlgorithm \"{}\" for a private key: RS256, RS384 or RS512", name);
  return {};
}

// A PEM text may have been pasted as one line: what OpenSSL wants are lines of their own for its head and foot.
std::string with_pem_lines(std::string_view text) {
  std::string out;
  for (auto line : split(trim(text), '\n')) {
    for (size_t at = 0; at < line.size();) {
      auto mark = line.find("-----", at);
      auto end = mark == line.npos ? line.npos : line.find("-----", mark + 5);
      if (end == line.npos) {
        out += trim(line.substr(at));
        break;
      }
      if (auto before = trim(line.substr(at, mark - at)); !before.empty()) (out += before) += '\n';
      out += line.substr(mark, end + 5 - mark);
      at = end + 5;
      if (at < line.size()) out += '\n';
    }
    out += '\n';
  }
  return out;
}

result<std::string> read_pem(std::string_view what, const std::string& text, const std::string& path) {
  if (path.empty()) return with_pem_lines(text);
  auto read = read_small_file(path, crypto::pem_bytes_max);
  if (!read) return fail(errc::invalid, "error reading {}: {}", what, read.error().text());
  return with_pem_lines(*read);
}

// RFC 7515, 4.1.7 and 4.1.8.
result<std::string> thumbprint(const oidc_client_assertion_key& key, timestamp now) {
  TRY_ASSIGN(auto pem, read_pem(key.pem_cert_file.empty() ? "PemCert" : "PemCertFile", key.pem_cert, key.pem_cert_file));
  auto info = crypto::read_certificate(pem);
  if (!info) return fail(errc::invalid, "the certificate cannot be read: {}", info.error().text());
  if (now < info->not_before || now > info->not_after) return fail(errc::invalid, "certificate has expired or is not yet valid");
  constexpr std::string_view head = "-----BEGIN CERTIFICATE-----", foot = "-----END CERTIFICATE-----";
  auto begin = pem.find(head), end = pem.find(foot);
  if (begin == pem.npos || end == pem.npos || end < begin) return fail(errc::invalid, "the certificate is no PEM text");
  auto body = pem.substr(begin + head.size(), end - begin - head.size());
  std::erase_if(body, [](char c) { return std::string_view(" \t\r\n").find(c) != std::string_view::npos; });
  auto der = base64_decode(body);
  if (!der) return fail(errc::invalid, "the certificate cannot be read: {}", der.error().text());
  return jwt::base64url_encode(crypto::digest(key.key_id_header == "x5t" ? crypto::digest_kind::sha1 : crypto::digest_kind::sha256, *der));
}

}  // namespace

result<> complete_client_assertion(schema::acl_auth_method_config& config) {
  if (!config.oidc_client_assertion) return {};
  auto& assertion = *config.oidc_client_assertion;
  if (assertion.audience.empty()) assertion.audience = {config.oidc_discovery_url};
  if (std::ranges::find(assertion.audience, "") != assertion.audience.end()) return fail(errc::invalid, "missing Audience");
  const auto& source = assertion.key_source;
  if (source != "nomad" && source != "private_key" && source != "client_secret")
    return fail(errc::invalid, "invalid KeySource \"{}\": it is nomad, private_key or client_secret", source);
  if (assertion.key_algorithm.empty()) assertion.key_algorithm = source == "client_secret" ? "HS256" : "RS256";
  if (source == "private_key" && !assertion.private_key) return fail(errc::invalid, "PrivateKey is required for `private_key` KeySource");
  if (source == "client_secret" && config.oidc_client_secret.empty()) return fail(errc::invalid, "OIDCClientSecret is required for `client_secret` KeySource");
  if (source == "private_key")
    if (auto completed = complete_key(*assertion.private_key); !completed) return fail(errc::invalid, "invalid PrivateKey: {}", completed.error().text());
  for (std::string_view name : {"kid", "alg", "typ", "crit"})
    if (assertion.extra_headers.contains(std::string(name))) return fail(errc::invalid, "ExtraHeaders may not set \"{}\"", name);
  return check_algorithm(assertion, config.oidc_client_secret);
}

value assertion_claims(const schema::acl_auth_method_config& config, timestamp now, std::string id) {
  ENSURE(config.oidc_client_assertion.has_value(), "the method has an assertion");
  int64_t at = now.ns / 1'000'000'000;
  value::list audience;
  for (const auto& each : config.oidc_client_assertion->audience) audience.emplace_back(each);
  value::object out;
  out.set("iss", config.oidc_client_id);
  out.set("sub", config.oidc_client_id);
  out.set("aud", std::move(audience));
  out.set("exp", at + 300);
  out.set("nbf", at - 1);
  out.set("iat", at);
  out.set("jti", std::move(id));
  return value(std::move(out));
}

value::object assertion_header(const schema::acl_auth_method_config& config) {
  ENSURE(config.oidc_client_assertion.has_value(), "the method has an assertion");
  value::object out;
  for (const auto& [name, text] : config.oidc_client_assertion->extra_headers) out.set(name, text);
  return out;
}

bool is_signed_by_cluster(const schema::acl_auth_method_config& config) {
  return config.oidc_client_assertion && config.oidc_client_assertion->key_source == "nomad";
}

result<std::string> sign_client_assertion(const schema::acl_auth_method_config& config, const value& claims, timestamp now) {
  ENSURE(config.oidc_client_assertion && !is_signed_by_cluster(config), "the method signs itself");
  const auto& assertion = *config.oidc_client_assertion;
  auto header = assertion_header(config);
  if (assertion.key_source == "client_secret") {
    const auto* with = std::ranges::find(secret_algorithms, assertion.key_algorithm, &secret_algorithm::name);
    ENSURE(with != std::end(secret_algorithms), "the algorithm was checked");
    return jwt::sign_with_secret(config.oidc_client_secret, with->kind, std::move(header), claims);
  }
  ENSURE(assertion.private_key.has_value(), "the key was checked");
  const auto& key = *assertion.private_key;
  std::string_view source = key.pem_key_file.empty() ? "PemKey" : "PemKeyFile";
  TRY_ASSIGN(auto pem, read_pem(source, key.pem_key, key.pem_key_file));
  auto signer = crypto::private_key::from_pem(pem);
  if (!signer) return fail(errc::invalid, "error parsing {}: {}", source, signer.error().text());
  if (key.key_id.empty()) {
    TRY_ASSIGN(auto print, thumbprint(key, now));
    header.set(key.key_id_header, std::move(print));
  } else {
    header.set("kid", key.key_id);
  }
  auto algorithm = crypto::signature_algorithm_named(assertion.key_algorithm);
  ENSURE(algorithm.has_value(), "the algorithm was checked");
  auto text = jwt::sign_with_header(*signer, *algorithm, std::move(header), claims);
  if (!text) return fail(errc::invalid, "{} does not sign: {}", source, text.error().text());
  return text;
}

}  // namespace drover::server
