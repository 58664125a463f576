#include "client/cpu_list.h"

#include <gtest/gtest.h>

namespace drover::client {
namespace {

TEST(cpu_list, numbers_and_ranges) {
  EXPECT_EQ(*parse_cpu_list(""), std::vector<uint16_t>());
  EXPECT_EQ(*parse_cpu_list("3"), (std::vector<uint16_t>{3}));
  EXPECT_EQ(*parse_cpu_list("8, 0-2,1"), (std::vector<uint16_t>{0, 1, 2, 8}));
}

TEST(cpu_list, refuses_what_is_none) {
  for (const char* text : {"a", "1-", "-1", "3-1", "1,,2", "0-99999999999", "8192"}) EXPECT_FALSE(parse_cpu_list(text)) << text;
}

}  // namespace
}  // namespace drover::client
