#include "fsm/packed_blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace drover::fsm {
namespace {

constexpr size_t block_max = 4 * block_bytes;

std::string written(const std::vector<std::string>& pieces) {
  std::string out;
  block_writer writer(out);
  for (const auto& each : pieces) {
    writer.piece() += each;
    writer.end_piece();
  }
  writer.flush();
  return out;
}

TEST(packed_blocks, give_back_what_was_written) {
  std::mt19937 random(7);
  std::vector<std::string> pieces;
  for (size_t i = 0; i < 3000; ++i) {
    std::string piece(1 + random() % 900, 'a');
    // Half of them cannot be made shorter.
    if (i % 2) std::generate(piece.begin(), piece.end(), [&] { return static_cast<char>(random()); });
    pieces.push_back(std::move(piece));
  }
  const auto text = written(pieces);
  block_reader in(text, block_max);
  for (const auto& each : pieces) {
    const auto got = in.take(each.size());
    ASSERT_TRUE(got) << got.error().text();
    ASSERT_EQ(*got, each);
  }
  EXPECT_TRUE(in.empty());
}

TEST(packed_blocks, take_less_room_than_their_text) {
  const auto text = written(std::vector<std::string>(1000, std::string(1000, 'x')));
  EXPECT_LT(text.size(), 10'000u);
}

TEST(packed_blocks, of_random_bytes_are_kept_as_they_are) {
  std::mt19937 random(1);
  std::string noise(10'000, 0);
  std::generate(noise.begin(), noise.end(), [&] { return static_cast<char>(random()); });
  EXPECT_EQ(written({noise}).size(), noise.size() + 8);
}

TEST(packed_blocks, nothing_is_no_block) {
  EXPECT_EQ(written({}), "");
  block_reader in("", block_max);
  EXPECT_TRUE(in.empty());
  EXPECT_FALSE(in.take(1));
}

TEST(packed_blocks, refuse_every_cut_and_survive_every_flipped_byte) {
  const auto text = written({std::string(500, 'x') + "some words that differ", std::string(40, 'y')});
  for (size_t i = 0; i < text.size(); ++i) {
    block_reader cut(std::string_view(text).substr(0, i), block_max);
    EXPECT_FALSE(cut.take(500)) << i;
    auto flipped = text;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x55);
    block_reader in(flipped, block_max);
    for (int k = 0; k < 10; ++k)
      if (!in.take(60)) break;
  }
}

TEST(packed_blocks, a_length_that_lies_is_refused_before_it_is_believed) {
  auto text = written({std::string(500, 'x')});
  text[2] = 0x7f;
  block_reader in(text, block_max);
  const auto got = in.take(1);
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().text().find("1 to "), std::string::npos) << got.error().text();
}

}  // namespace
}  // namespace drover::fsm
