#include "raft/segment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "raft/crc32.h"
#include "raft/framing.h"
#include "raft/limits.h"

namespace drover::raft {
namespace {

TEST(crc32, is_the_one_of_libraft) {
  // CRC-32/CKSUM without its inversion.
  EXPECT_EQ(crc32("123456789", 9), 0x89a1897fu);
  EXPECT_EQ(crc32("6789", 4, crc32("12345", 5)), 0x89a1897fu);
  EXPECT_EQ(crc32("", 0), 0u);
}

TEST(framing, entries_keep_their_bytes_and_end_in_something) {
  for (size_t size : {1u, 7u, 8u, 9u, 1000u}) {
    std::string payload(size, '\0'), frame(entry_frame_size(size), '?');
    write_entry_frame(frame.data(), payload);
    EXPECT_EQ(frame.size() % 8, 0u);
    EXPECT_NE(frame.back(), '\0');
    auto back = read_entry_frame(frame);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, payload);
    frame[0]++;
    frame[2]++;
    EXPECT_FALSE(read_entry_frame(frame));
  }
  EXPECT_FALSE(read_entry_frame("short"));
}

TEST(framing, snapshots_are_checked) {
  std::string frame = snapshot_header(42, "the state") + "the state";
  auto back = read_snapshot_frame(frame);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->index, 42u);
  EXPECT_EQ(back->payload, "the state");
  for (size_t i = 0; i < frame.size(); i++) {
    std::string changed = frame;
    changed[i] ^= 4;
    EXPECT_FALSE(read_snapshot_frame(changed)) << i;
    EXPECT_FALSE(read_snapshot_frame(frame.substr(0, i))) << i;
  }
  EXPECT_TRUE(read_snapshot_frame(snapshot_header(1, "")));
}

// A batch of entries of the given sizes, as libraft writes it.
std::string batch(std::initializer_list<size_t> sizes, uint8_t type = 1) {
  std::string header(8 + 16 * sizes.size(), '\0'), data;
  store_u64(header.data(), sizes.size());
  size_t at = 8;
  for (size_t size : sizes) {
    store_u64(header.data() + at, 1);
    header[at + 8] = static_cast<char>(type);
    store_u32(header.data() + at + 12, static_cast<uint32_t>(size));
    at += 16;
    data += std::string(size, 'd');
  }
  std::string out(8, '\0');
  store_u32(out.data(), crc32(header.data(), header.size()));
  store_u32(out.data() + 4, crc32(data.data(), data.size()));
  return out + header + data;
}

std::string format() { return std::string("\1\0\0\0\0\0\0\0", 8); }

TEST(segment, batches_are_counted_up_to_the_first_flaw) {
  struct row {
    std::string content;
    uint64_t entries;
    size_t end;
    const char* problem;
    tail_state tail;
  };
  std::string one = batch({16}), two = batch({24, 8}), zeros(2048, '\0');
  std::string damaged = one;
  damaged.back() ^= 1;
  const row rows[] = {
      {"", 0, 0, "does not begin with the number", tail_state::clean},
      {zeros, 0, 0, "does not begin with the number", tail_state::clean},
      {format(), 0, 8, "", tail_state::clean},
      {format() + one + two, 3, 8 + one.size() + two.size(), "", tail_state::clean},
      {format() + one + two + zeros, 3, 8 + one.size() + two.size(), "no batch of entries begins there", tail_state::clean},
      {format() + one + damaged + zeros, 1, 8 + one.size(), "does not match its checksum", tail_state::damaged},
      {format() + damaged + one + zeros, 0, 8, "does not match its checksum", tail_state::damaged},
      {format() + one + two.substr(0, two.size() - 3), 1, 8 + one.size(), "before the batch of entries does", tail_state::torn},
      {format() + one + "xyz", 1, 8 + one.size(), "no batch of entries begins there", tail_state::torn},
      {zeros.substr(0, 8) + one + zeros, 0, 0, "does not begin with the number", tail_state::damaged},
  };
  for (const row& r : rows) {
    SCOPED_TRACE(&r - rows);
    segment_scan scan = scan_segment(r.content);
    EXPECT_EQ(scan.entries, r.entries);
    EXPECT_EQ(scan.end, r.end);
    EXPECT_THAT(scan.problem, ::testing::HasSubstr(r.problem));
    EXPECT_EQ(judge_tail(r.content, scan), r.tail);
  }
  EXPECT_EQ(scan_segment(format() + batch({8}, entry_type_configuration)).first_type, entry_type_configuration);
}

// Whatever sectors of the last write are missing, it is an unfinished write; whatever single bit of it flips, it is
// damage.
TEST(segment, a_missing_sector_is_torn_and_a_flipped_bit_is_damage) {
  std::string start = format() + batch({504}), last = batch({1000, 2000, 16, 40});
  std::string whole = start + last + std::string(4096, '\0');
  for (size_t sector = start.size() / 512; sector * 512 < start.size() + last.size(); sector++) {
    std::string content = whole;
    for (size_t i = std::max(start.size(), sector * 512); i < std::min(start.size() + last.size(), (sector + 1) * 512); i++) content[i] = 0;
    segment_scan scan = scan_segment(content);
    EXPECT_EQ(scan.entries, 1u);
    EXPECT_NE(judge_tail(content, scan), tail_state::damaged) << "sector " << sector;
  }
  for (size_t i = start.size(); i < start.size() + last.size(); i += 13) {
    // The count of entries and their lengths say where the write ends; a wrong one may make it seem cut short.
    size_t in_batch = i - start.size();
    if (in_batch >= 8 && in_batch < 16 + 64) continue;
    std::string content = whole;
    content[i] ^= 8;
    segment_scan scan = scan_segment(content);
    EXPECT_EQ(judge_tail(content, scan), tail_state::damaged) << "byte " << in_batch;
  }
}

}  // namespace
}  // namespace drover::raft
