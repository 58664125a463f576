#include "crypto/migrate_token.h"

#include <gtest/gtest.h>

namespace drover::crypto {
namespace {

// From Python's hashlib.blake2b(alloc, key=secret).
TEST(migrate_token, is_what_others_compute) {
  EXPECT_EQ(migrate_token("c0ffee00-1111-2222-3333-444455556666", "6b8ff4b6-64a3-4f4f-9f5e-5e1b8d3f2b1a"),
            "G_GzajzXneAd6RtVrmqDIg_o0xQQSNpVZ7WirRtEywTiUR55lADxDQVrc2dpxkuctwDqxHCl4boB--SxnEbdHQ==");
  EXPECT_NE(migrate_token("c0ffee00-1111-2222-3333-444455556666", "a"), migrate_token("c0ffee00-1111-2222-3333-444455556667", "a"));
}

}  // namespace
}  // namespace drover::crypto
