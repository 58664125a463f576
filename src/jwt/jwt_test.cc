#include "jwt/jwt.h"

#include <gtest/gtest.h>

#include "codec/json.h"
#include "jwt/limits.h"

namespace drover::jwt {
namespace {

value object_of(std::string_view json) { return *codec::value_from_json(json); }
std::string token_of(std::string_view header, std::string_view claims, std::string_view signature = "x") {
  return base64url_encode(header) + "." + base64url_encode(claims) + "." + base64url_encode(signature);
}
const crypto::private_key& rsa() {
  static const auto key = *crypto::private_key::make_rsa();
  return key;
}

TEST(jwt, every_kind_of_key_signs_and_verifies) {
  struct row {
    crypto::private_key key;
    signature_algorithm algorithm;
  };
  for (const auto& [key, algorithm] :
       {row{rsa(), signature_algorithm::rs256}, row{rsa(), signature_algorithm::ps384}, row{*crypto::private_key::make_ec_p256(), signature_algorithm::es256},
        row{*crypto::private_key::from_ed25519_seed(std::string(32, 's')), signature_algorithm::eddsa}}) {
    SCOPED_TRACE(crypto::name(algorithm));
    auto text = sign(key, algorithm, "k1", object_of(R"({"sub":"me","n":1})"));
    ASSERT_TRUE(text.has_value());
    auto read = parse(*text);
    ASSERT_TRUE(read.has_value()) << read.error().text();
    EXPECT_EQ(read->key_id, "k1");
    EXPECT_EQ(read->type, "JWT");
    EXPECT_EQ(text_claim(read->claims, "sub"), "me");
    EXPECT_TRUE(check_signature(*read, key.to_public()).has_value());
    // As a JWK and back it is the same key.
    auto shown = to_jwk(key.to_public(), "k1", algorithm);
    ASSERT_TRUE(shown.has_value());
    auto set = parse_key_set("{\"keys\":[" + codec::value_to_json(*shown) + "]}");
    ASSERT_TRUE(set.has_value()) << set.error().text();
    ASSERT_EQ(set->size(), 1u);
    EXPECT_EQ(set->front().algorithm, algorithm);
    EXPECT_TRUE(check_signature(*read, set->front().key).has_value());
    // One changed byte anywhere in what is signed, or in the signature.
    for (size_t i : {read->signed_text.size() - 3, size_t{2}}) {
      auto changed = *read;
      changed.signed_text[i] ^= 1;
      EXPECT_FALSE(check_signature(changed, key.to_public()).has_value());
    }
    auto changed = *read;
    changed.signature[5] ^= 1;
    EXPECT_EQ(check_signature(changed, key.to_public()).error().message(), "invalid signature");
    changed.signature.pop_back();
    EXPECT_FALSE(check_signature(changed, key.to_public()).has_value());
  }
}

// RFC 8037, appendix A.4 and A.5: a signature that others made.
TEST(jwt, verifies_the_example_of_rfc_8037) {
  auto key = crypto::public_key::from_numbers({"OKP", "Ed25519", *base64url_decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), ""});
  ASSERT_TRUE(key.has_value());
  std::string_view signed_text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  auto signature = base64url_decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
  ASSERT_TRUE(signature.has_value());
  EXPECT_TRUE(key->verify(signature_algorithm::eddsa, signed_text, *signature));
  EXPECT_FALSE(key->verify(signature_algorithm::rs256, signed_text, *signature));
}

TEST(jwt, garbage_is_refused_with_a_reason) {
  struct row {
    std::string text, why;
  };
  const row rows[] = {
      {"", "a token has three parts with dots between them; this one has 1"},
      {"a.b", "a token has three parts with dots between them; this one has 2"},
      {"a.b.c.d", "a token has three parts with dots between them; this one has 4"},
      {token_of(R"({"alg":"none"})", "{}"), "the token is signed with \"none\", which is not accepted"},
      {token_of(R"({"alg":"HS256"})", "{}"), "the token is signed with \"HS256\", which is not accepted"},
      {token_of(R"({"alg":5})", "{}"), "\"alg\" in the token's header is a number, not a text"},
      {token_of(R"({"alg":"RS256","crit":["x"]})", "{}"), "the token has critical extensions, which are not known here"},
      {token_of(R"([])", "{}"), "the header of the token is no JSON object"},
      {token_of(R"({"alg":"RS256"})", "[]"), "the claims of the token is no JSON object"},
      {token_of(R"({"alg":"RS256"})", "{}") + "=", "the signature of the token: is no base64url: it has \"+\", \"/\" or \"=\""},
      {"e*.e30.eA", "the header of the token: is no base64url"},
      {std::string(token_bytes_max + 1, 'a'), "a token of 65537 bytes is too long; the limit is 65536"},
  };
  for (const auto& [text, why] : rows) {
    auto read = parse(text);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_EQ(read.error().text(), why);
  }
}

// The key decides: a token that names another algorithm than its key serves is never tried (RFC 8725, 3.1).
TEST(jwt, no_confusion_of_algorithms) {
  auto text = *sign(rsa(), signature_algorithm::rs256, "k", object_of("{}"));
  auto read = *parse(text);
  read.algorithm = signature_algorithm::es256;
  EXPECT_FALSE(check_signature(read, rsa().to_public()).has_value());
  read.algorithm = signature_algorithm::rs256;
  const signature_algorithm only[] = {signature_algorithm::eddsa};
  EXPECT_EQ(check_signature(read, rsa().to_public(), only).error().message(), "the token is signed with RS256, which is not accepted here");
  EXPECT_FALSE(rsa().sign(signature_algorithm::es256, "x").has_value());
  auto small = *crypto::private_key::make_rsa(1024);
  EXPECT_FALSE(small.sign(signature_algorithm::rs256, "x").has_value());
}

TEST(jwt, times) {
  auto at = [](int64_t s) { return timestamp(s * 1'000'000'000); };
  auto claims = object_of(R"({"exp":1000,"nbf":500,"iat":500})");
  EXPECT_TRUE(check_times(claims, at(700)).has_value());
  EXPECT_TRUE(check_times(claims, at(1060)).has_value());
  EXPECT_EQ(check_times(claims, at(1061)).error().message(), "token is expired (exp)");
  EXPECT_EQ(check_times(claims, at(439)).error().message(), "token not valid yet (nbf)");
  EXPECT_EQ(check_times(object_of(R"({"iat":500})"), at(1)).error().message(), "token issued in the future (iat)");
  EXPECT_EQ(check_times(object_of(R"({"exp":"soon"})"), at(1)).error().message(), "claim \"exp\" is a string, not a number");
  EXPECT_TRUE(check_times(object_of(R"({"exp":1e300})"), at(1)).has_value());
  EXPECT_TRUE(check_times(object_of("{}"), at(1)).has_value());
}

TEST(jwt, audiences_are_one_or_many) {
  EXPECT_EQ(audiences(object_of(R"({"aud":"a"})")), std::vector<std::string>{"a"});
  EXPECT_EQ(audiences(object_of(R"({"aud":["a",1,"b"]})")), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(audiences(object_of("{}")).empty());
}

TEST(jwt, key_sets_leave_out_what_is_not_for_us) {
  auto set = parse_key_set(R"({"keys":[{"kty":"oct","k":"AA"},{"kty":"RSA","use":"enc"},{"kty":"RSA","alg":"RSA-OAEP","n":"AQ","e":"AQAB"}]})");
  ASSERT_TRUE(set.has_value());
  EXPECT_TRUE(set->empty());
  EXPECT_EQ(parse_key_set(R"({"keys":{}})").error().message(), "a key set is an object with a list \"keys\"");
  EXPECT_FALSE(parse_key_set(R"({"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]})").has_value());
  EXPECT_FALSE(parse_key_set("{").has_value());
}

}  // namespace
}  // namespace drover::jwt
