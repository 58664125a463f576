#include "server/client_assertion.h"

#include <gtest/gtest.h>

#include "crypto/certificate.h"
#include "crypto/digest.h"
#include "jwt/jwt.h"
#include "net/test_loop.h"

namespace drover::server {
namespace {

using schema::acl_auth_method_config;

constexpr timestamp now(1'700'000'000'000'000'000);

std::string pem_of(const crypto::private_key& key) {
  // PKCS #1 in base64, as `openssl genrsa -traditional` writes it, but in one line.
  return "-----BEGIN RSA PRIVATE KEY-----" + base64_encode(key.rsa_der()) + "-----END RSA PRIVATE KEY-----";
}

acl_auth_method_config with_key(const crypto::private_key& key) {
  acl_auth_method_config out;
  out.oidc_discovery_url = "https://id.example.com";
  out.oidc_client_id = "drover";
  out.oidc_client_secret = "0123456789012345678901234567890123456789";
  auto& assertion = out.oidc_client_assertion.emplace();
  assertion.key_source = "private_key";
  auto& with = assertion.private_key.emplace();
  with.pem_key = pem_of(key);
  with.key_id = "k1";
  return out;
}

TEST(ClientAssertion, SaysWhoForWhomAndForHowLong) {
  auto key = net::must(crypto::private_key::make_rsa());
  auto config = with_key(key);
  config.oidc_client_assertion->extra_headers = {{"tenant", "t1"}};
  ASSERT_TRUE(complete_client_assertion(config));
  auto text = sign_client_assertion(config, assertion_claims(config, now, "id-1"), now);
  ASSERT_TRUE(text) << text.error().text();
  auto token = net::must(jwt::parse(*text));
  EXPECT_TRUE(jwt::check_signature(token, key.to_public()));
  EXPECT_EQ(token.key_id, "k1");
  EXPECT_EQ(token.type, "JWT");
  EXPECT_EQ(jwt::text_claim(token.claims, "iss"), "drover");
  EXPECT_EQ(jwt::text_claim(token.claims, "sub"), "drover");
  EXPECT_EQ(jwt::text_claim(token.claims, "jti"), "id-1");
  EXPECT_EQ(jwt::audiences(token.claims), std::vector<std::string>{"https://id.example.com"}) << "the provider, where nothing else was said";
  EXPECT_EQ(jwt::time_claim(token.claims, "exp"), now + minutes(5));
  EXPECT_EQ(jwt::time_claim(token.claims, "nbf"), now - seconds(1));
  EXPECT_EQ(jwt::time_claim(token.claims, "iat"), now);
  auto header = net::must(jwt::base64url_decode(text->substr(0, text->find('.'))));
  EXPECT_NE(header.find("\"tenant\":\"t1\""), header.npos) << header;
}

TEST(ClientAssertion, ACertificateNamesTheKey) {
  auto authority = net::must(crypto::make_authority({.subject = {.common_name = "ca"}, .from = now - hours(1), .days = 2}));
  auto config = with_key(net::must(crypto::private_key::make_rsa()));
  auto& key = *config.oidc_client_assertion->private_key;
  key.key_id.clear();
  key.pem_cert = authority.certificate;
  ASSERT_TRUE(complete_client_assertion(config));
  EXPECT_EQ(key.key_id_header, "x5t#S256");
  auto print_of = [&] {
    auto text = net::must(sign_client_assertion(config, assertion_claims(config, now, "id"), now));
    return net::must(jwt::base64url_decode(text.substr(0, text.find('.'))));
  };
  EXPECT_NE(print_of().find("\"x5t#S256\":\""), std::string::npos);
  std::erase(key.pem_cert, '\n');
  EXPECT_NE(print_of().find("\"x5t#S256\":\""), std::string::npos) << "pasted as one line";
  key.key_id_header = "x5t";
  EXPECT_NE(print_of().find("\"x5t\":\""), std::string::npos);
  auto late = sign_client_assertion(config, assertion_claims(config, now, "id"), now + hours(24 * 30));
  ASSERT_FALSE(late);
  EXPECT_NE(late.error().text().find("certificate has expired or is not yet valid"), std::string::npos);
  key.pem_cert = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----";
  EXPECT_FALSE(sign_client_assertion(config, assertion_claims(config, now, "id"), now));
}

TEST(ClientAssertion, ASecretSigns) {
  auto config = with_key(net::must(crypto::private_key::make_rsa()));
  config.oidc_client_assertion->key_source = "client_secret";
  ASSERT_TRUE(complete_client_assertion(config));
  EXPECT_EQ(config.oidc_client_assertion->key_algorithm, "HS256");
  auto text = net::must(sign_client_assertion(config, assertion_claims(config, now, "id"), now));
  auto end = text.rfind('.');
  EXPECT_EQ(net::must(jwt::base64url_decode(text.substr(end + 1))), crypto::hmac_sha256(config.oidc_client_secret, text.substr(0, end)));
  EXPECT_FALSE(jwt::parse(text)) << "here nobody logs in with a shared secret";
}

struct wrong {
  const char* says;
  void (*make)(acl_auth_method_config&);
};

TEST(ClientAssertion, WhatIsWrongIsSaid) {
  auto good = with_key(net::must(crypto::private_key::make_rsa()));
  const wrong cases[] = {
      {"invalid KeySource \"vault\"", [](auto& c) { c.oidc_client_assertion->key_source = "vault"; }},
      {"PrivateKey is required", [](auto& c) { c.oidc_client_assertion->private_key.reset(); }},
      {"missing PemKey or PemKeyFile", [](auto& c) { c.oidc_client_assertion->private_key->pem_key = ""; }},
      {"require only one of PemKey", [](auto& c) { c.oidc_client_assertion->private_key->pem_key_file = "/k"; }},
      {"missing PemCert, PemCertFile, or KeyID", [](auto& c) { c.oidc_client_assertion->private_key->key_id = ""; }},
      {"require only one of PemCert", [](auto& c) { c.oidc_client_assertion->private_key->pem_cert_file = "/c"; }},
      {"must be absolute; got: k.pem",
       [](auto& c) { c.oidc_client_assertion->private_key->pem_key = "", c.oidc_client_assertion->private_key->pem_key_file = "k.pem"; }},
      {"must be \"kid\"", [](auto& c) { c.oidc_client_assertion->private_key->key_id_header = "x5t"; }},
      {"certificate-derived",
       [](auto& c) {
         c.oidc_client_assertion->private_key->key_id = "", c.oidc_client_assertion->private_key->pem_cert = "x",
         c.oidc_client_assertion->private_key->key_id_header = "kid";
       }},
      {"ExtraHeaders may not set \"kid\"", [](auto& c) { c.oidc_client_assertion->extra_headers = {{"kid", "x"}}; }},
      {"unsupported KeyAlgorithm \"ES256\"", [](auto& c) { c.oidc_client_assertion->key_algorithm = "ES256"; }},
      {"missing Audience", [](auto& c) { c.oidc_client_assertion->audience = {""}; }},
      {"needs at least 64 bytes", [](auto& c) { c.oidc_client_assertion->key_source = "client_secret", c.oidc_client_assertion->key_algorithm = "HS512"; }},
      {"OIDCClientSecret is required", [](auto& c) { c.oidc_client_assertion->key_source = "client_secret", c.oidc_client_secret = ""; }},
      {"signs with RS256", [](auto& c) { c.oidc_client_assertion->key_source = "nomad", c.oidc_client_assertion->key_algorithm = "RS512"; }},
  };
  for (const auto& each : cases) {
    auto config = good;
    each.make(config);
    auto checked = complete_client_assertion(config);
    ASSERT_FALSE(checked) << each.says;
    EXPECT_NE(checked.error().text().find(each.says), std::string::npos) << checked.error().text();
  }
  auto config = good;
  config.oidc_client_assertion->private_key->pem_key = "no key";
  ASSERT_TRUE(complete_client_assertion(config));
  EXPECT_FALSE(sign_client_assertion(config, assertion_claims(config, now, "id"), now));
}

}  // namespace
}  // namespace drover::server
