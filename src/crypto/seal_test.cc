#include "crypto/seal.h"

#include <gtest/gtest.h>

namespace drover::crypto {
namespace {

TEST(seal, opens_with_the_same_key_and_context_only) {
  auto key = make_seal_key();
  for (std::string text : {std::string(), std::string("secret"), std::string(100'000, 'x')}) {
    auto sealed = seal(key, text, "id");
    EXPECT_EQ(*open_sealed(key, sealed, "id"), text);
    EXPECT_NE(sealed, seal(key, text, "id"));
    EXPECT_EQ(open_sealed(key, sealed, "other").error().code(), errc::corrupt);
    EXPECT_FALSE(open_sealed(make_seal_key(), sealed, "id").has_value());
    for (size_t i : {size_t{0}, sealed.size() / 2, sealed.size() - 1}) {
      auto changed = sealed;
      changed[i] ^= 1;
      EXPECT_FALSE(open_sealed(key, changed, "id").has_value());
    }
    EXPECT_FALSE(open_sealed(key, sealed.substr(0, 20), "id").has_value());
  }
  EXPECT_FALSE(open_sealed("short", "x", "").has_value());
}

}  // namespace
}  // namespace drover::crypto
