#include "crypto/digest.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace drover::crypto {
namespace {

TEST(digest, gives_the_published_values) {
  EXPECT_EQ(hex_encode(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // RFC 4231, test case 2.
  EXPECT_EQ(hex_encode(hmac_sha256("Jefe", "what do ya want for nothing?")), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex_encode(digest(digest_kind::md5, "abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex_encode(digest(digest_kind::sha1, "abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(digest(digest_kind::sha256, "abc"), sha256("abc"));
  EXPECT_EQ(digest(digest_kind::sha512, "").size(), 64u);
  EXPECT_TRUE(same_digest(sha256("a"), sha256("a")));
  EXPECT_FALSE(same_digest(sha256("a"), sha256("b")));
  EXPECT_FALSE(same_digest("a", "ab"));
}

}  // namespace
}  // namespace drover::crypto
