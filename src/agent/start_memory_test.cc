#include "agent/start_memory.h"

#include <gtest/gtest.h>

namespace drover::agent {
namespace {

constexpr const char* smaps = R"(555500000000-555500001000 r--p 00000000 fe:00 77  /usr/bin/drover
Rss:                   4 kB
Private_Dirty:         0 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
555500001000-555500009000 r-xp 00001000 fe:00 77  /usr/bin/drover
Private_Dirty:         0 kB
Anonymous:             0 kB
555500009000-55550000a000 r--p 00009000 fe:00 77  /usr/bin/drover
Private_Dirty:        64 kB
Anonymous:            64 kB
55550000a000-55550000b000 rw-p 0000a000 fe:00 77  /usr/bin/drover
Private_Dirty:         0 kB
Anonymous:             0 kB
55550000b000-55550000c000 r--p 00000000 00:00 0
Anonymous:             0 kB
7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0  [vdso]
Anonymous:             0 kB
)";

TEST(start_memory, only_what_a_file_can_give_again) {
  std::vector<memory_range> expected = {{0x555500000000, 0x555500001000}, {0x555500001000, 0x555500009000}};
  EXPECT_EQ(pages_of_files(smaps), expected);
}

TEST(start_memory, odd_texts_are_no_mappings) {
  for (const char* text : {"", "\n", "x", "12-", "12-34", "12-34 r-xp", "Rss: 4 kB", "-1 r-xp /x"}) EXPECT_TRUE(pages_of_files(text).empty()) << text;
}

// Relocated tables, constants and code are all as they were: the process goes on.
TEST(start_memory, the_process_goes_on) {
  std::string before = smaps;
  release_start_memory();
  EXPECT_EQ(before, smaps);
  EXPECT_EQ(pages_of_files(smaps).size(), 2u);
}

}  // namespace
}  // namespace drover::agent
