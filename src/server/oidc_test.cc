#include "server/oidc.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "server/login_limits.h"

namespace drover::server {
namespace {

provider_document some_provider() {
  return {.issuer = "https://id.example.com",
          .authorization_endpoint = "https://id.example.com/authorize?tenant=1",
          .token_endpoint = "https://id.example.com/token",
          .userinfo_endpoint = {},
          .jwks_uri = {}};
}

schema::acl_auth_method_config some_config() {
  schema::acl_auth_method_config out;
  out.oidc_client_id = "drover";
  out.oidc_client_secret = "s3:cret";
  out.oidc_scopes = {"groups", "openid"};
  out.allowed_redirect_ur_is = {"http://localhost:4649/oidc/callback", "https://ui.example.com/cb"};
  return out;
}

oidc_login some_login() {
  return {.method = "m",
          .redirect_uri = "http://localhost:4649/oidc/callback",
          .nonce = "n&1",
          .state = "s",
          .verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"};
}

value claims_with(std::initializer_list<std::pair<std::string, std::string>> more) {
  value::object out;
  for (auto [name, text] : {std::pair<std::string, std::string>{"iss", "https://id.example.com"}, {"aud", "drover"}, {"nonce", "n&1"}, {"sub", "ann"}})
    out.set(name, value(text));
  for (const auto& [name, text] : more) out.set(name, value(text));
  return value(std::move(out));
}

TEST(Oidc, TheUrlSaysWhoAsksAndForWhat) {
  auto config = some_config();
  EXPECT_EQ(authorization_url(some_provider(), config, some_login()),
            "https://id.example.com/authorize?tenant=1&client_id=drover&nonce=n%261&redirect_uri=http%3A%2F%2Flocalhost%3A4649%2Foidc%2Fcallback"
            "&response_type=code&scope=openid%20groups&state=s");
  config.oidc_enable_pkce = true;
  // The example of RFC 7636, appendix B.
  EXPECT_TRUE(authorization_url(some_provider(), config, some_login())
                  .ends_with("&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"));
}

TEST(Oidc, TheClientProvesItselfAsTheProviderWants) {
  auto provider = some_provider();
  auto config = some_config();
  EXPECT_EQ(token_authorization(provider, config), "Basic " + base64_encode("drover:s3%3Acret"));
  EXPECT_EQ(token_form(provider, config, some_login(), {.code = "c"}),
            "grant_type=authorization_code&code=c&redirect_uri=http%3A%2F%2Flocalhost%3A4649%2Foidc%2Fcallback");
  provider.client_secret_in_body = true;
  config.oidc_enable_pkce = true;
  EXPECT_EQ(token_authorization(provider, config), "");
  EXPECT_TRUE(token_form(provider, config, some_login(), {.code = "c"})
                  .ends_with("&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk&client_id=drover&client_secret=s3%3Acret"));
  config.oidc_client_secret.clear();
  EXPECT_TRUE(token_form(provider, config, some_login(), {.code = "c"}).ends_with("&client_id=drover"));
}

TEST(Oidc, AnAssertionTakesTheSecretsPlace) {
  auto provider = some_provider();
  auto config = some_config();
  config.oidc_client_assertion.emplace();
  EXPECT_EQ(token_authorization(provider, config), "");
  provider.client_secret_in_body = true;
  auto form = token_form(provider, config, some_login(), {.code = "c", .assertion = "a.b.c"});
  EXPECT_TRUE(form.ends_with("&client_id=drover&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=a.b.c"))
      << form;
  EXPECT_EQ(form.find("cret"), form.npos);
}

TEST(Oidc, OnlyAllowedRedirects) {
  auto config = some_config();
  for (auto good : {"http://localhost:4649/oidc/callback", "http://localhost:1/oidc/callback", "https://ui.example.com/cb"})
    EXPECT_TRUE(is_allowed_redirect(config, good)) << good;
  for (auto bad : {"http://127.0.0.1:4649/oidc/callback", "http://localhost:4649/other", "https://localhost:4649/oidc/callback", "https://ui.example.com:1/cb",
                   "http://evil.example.com/oidc/callback", "http://localhost@evil.example.com/oidc/callback", "", "x"})
    EXPECT_FALSE(is_allowed_redirect(config, bad)) << bad;
}

TEST(Oidc, AnIdTokenIsForThisLogin) {
  auto login = some_login();
  EXPECT_TRUE(check_id_claims(some_provider(), some_config(), login, claims_with({{"azp", "drover"}})));
  for (auto wrong :
       {std::pair<std::string, std::string>{"iss", "https://other"}, {"aud", "other"}, {"azp", "other"}, {"nonce", "other"}, {"nonce", ""}, {"sub", ""}})
    EXPECT_FALSE(check_id_claims(some_provider(), some_config(), login, claims_with({wrong}))) << wrong.first;
}

TEST(Oidc, TheUsersDocumentAddsButDoesNotReplaceWhoItIs) {
  auto merged = with_user_claims(claims_with({}), claims_with({{"iss", "elsewhere"}, {"team", "blue"}}));
  ASSERT_TRUE(merged);
  EXPECT_EQ(*merged->find("iss"), value("https://id.example.com"));
  EXPECT_EQ(*merged->find("team"), value("blue"));
  EXPECT_FALSE(with_user_claims(claims_with({}), claims_with({{"sub", "bob"}})));
  EXPECT_FALSE(with_user_claims(claims_with({}), value("text")));
}

TEST(Oidc, ALoginIsCompletedOnceAndInTime) {
  oidc_logins logins;
  auto now = net::time_point{} + std::chrono::hours(1);
  auto begun = some_login();
  ASSERT_TRUE(logins.begin(begun, now));
  auto again = begun;
  again.state = "another";
  EXPECT_EQ(logins.begin(again, now)->state, "s") << "asked twice, the same login";
  again.redirect_uri = "https://ui.example.com/cb";
  EXPECT_FALSE(logins.begin(again, now));
  EXPECT_FALSE(logins.take("unknown", "m", now));
  auto taken = logins.take(begun.nonce, "m", now);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->verifier, begun.verifier);
  EXPECT_FALSE(logins.take(begun.nonce, "m", now)) << "once";
  ASSERT_TRUE(logins.begin(begun, now));
  EXPECT_FALSE(logins.take(begun.nonce, "other", now)) << "of another method, and lost by that";
  ASSERT_TRUE(logins.begin(begun, now));
  EXPECT_FALSE(logins.take(begun.nonce, "m", now + std::chrono::nanoseconds(oidc_login_lifetime.ns)));
}

TEST(Oidc, BegunLoginsHaveALimit) {
  oidc_logins logins;
  auto now = net::time_point{} + std::chrono::hours(1);
  auto login = some_login();
  for (size_t i = 0; i < oidc_logins_max; ++i) {
    login.nonce = std::to_string(i);
    ASSERT_TRUE(logins.begin(login, now));
  }
  login.nonce = "one more";
  auto refused = logins.begin(login, now);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().text().starts_with("too many auth requests")) << refused.error().text();
  EXPECT_TRUE(logins.begin(login, now + std::chrono::nanoseconds(oidc_login_lifetime.ns))) << "those that were given up make room";
}

}  // namespace
}  // namespace drover::server
