#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <string>

#include "grpc/protobuf.h"
#include "net/gzip.h"
#include "profile/backtrace.h"
#include "profile/cpu.h"
#include "profile/heap.h"
#include "profile/symbols.h"

namespace drover::profile {

// Not in an unnamed namespace: their names are looked for.
[[gnu::noinline]] uint64_t burn_for_the_test(std::chrono::steady_clock::time_point until) {
  volatile uint64_t x = 1;
  while (std::chrono::steady_clock::now() < until)
    for (int i = 0; i < 100'000; ++i) x = x * 6364136223846793005ULL + 1442695040888963407ULL;
  return x;
}
[[gnu::noinline]] std::unique_ptr<std::string> hold_for_the_test(size_t bytes) { return std::make_unique<std::string>(bytes, 'x'); }
[[gnu::noinline]] size_t stack_for_the_test(std::span<uintptr_t> into) {
  const auto found = walk_stack(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)), into);
  return found + static_cast<size_t>(into.empty());
}

namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

// All texts of a profile, and how many samples it has.
struct read_profile {
  std::vector<std::string> texts;
  size_t samples = 0;
};

read_profile read(const std::string& compressed) {
  auto data = net::gunzip(compressed, 64 << 20);
  EXPECT_TRUE(data.has_value());
  read_profile out;
  grpc::message_reader r(*data);
  while (r.next()) {
    if (r.number() == 2) ++out.samples, (void)r.text();
    else if (r.number() == 6) out.texts.push_back(r.string());
  }
  EXPECT_TRUE(r.finish().has_value());
  return out;
}

TEST(profile, names_of_this_program_and_of_libraries) {
  symbols names;
  EXPECT_THAT(names.name_of(reinterpret_cast<uintptr_t>(&burn_for_the_test)), HasSubstr("burn_for_the_test"));
  EXPECT_EQ(names.name_of(0), "");
  EXPECT_EQ(names.name_of(0x10), "");
  EXPECT_EQ(names.code_at(0), -1);
}

TEST(profile, a_stack_is_walked_to_its_end) {
  uintptr_t stack[64];
  const auto found = stack_for_the_test(stack);
  ASSERT_GE(found, 2u) << "the test framework may have no frame pointers";
  symbols names;
  EXPECT_THAT(names.name_of(stack[0] - 1), HasSubstr("a_stack_is_walked_to_its_end"));
  EXPECT_EQ(walk_stack(0, stack), 0u);
  EXPECT_EQ(walk_stack(16, stack), 0u) << "nothing is mapped there";
  EXPECT_EQ(walk_stack(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)), std::span(stack, 1)), 1u);
}

TEST(profile, where_time_goes) {
  ASSERT_TRUE(start_cpu_recording().has_value());
  auto second = start_cpu_recording();
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error().text(), HasSubstr("already in use"));
  (void)burn_for_the_test(std::chrono::steady_clock::now() + std::chrono::seconds(2));
  auto recorded = stop_cpu_recording();
  EXPECT_EQ(recorded.lost, 0u);
  ASSERT_FALSE(recorded.stacks.empty());
  auto profile = read(cpu_profile(recorded, {}, seconds(2)));
  EXPECT_EQ(profile.samples, recorded.stacks.size());
  EXPECT_THAT(profile.texts, Contains(HasSubstr("burn_for_the_test")));
  EXPECT_THAT(profile.texts, Contains("nanoseconds"));
  EXPECT_EQ(profile.texts.front(), "");
  ASSERT_TRUE(start_cpu_recording().has_value()) << "another one after the first";
  (void)stop_cpu_recording();
}

TEST(profile, what_holds_memory) {
  start_heap_sampling();
  if (!is_heap_sampling()) {
    EXPECT_TRUE(heap_stacks().empty()) << "a sanitizer keeps its operator new";
    return;
  }
  constexpr size_t each = 4 << 20, count = 16;
  std::vector<std::unique_ptr<std::string>> held;
  for (size_t i = 0; i < count; ++i) held.push_back(hold_for_the_test(each));
  auto in_use = [] {
    symbols names;
    int64_t bytes = 0;
    for (const auto& stack : heap_stacks())
      for (auto at : stack.stack)
        if (names.name_of(at - 1).contains("hold_for_the_test")) {
          bytes += stack.values[3];
          break;
        }
    return bytes;
  };
  // Blocks of eight times the average distance are nearly always seen.
  EXPECT_GT(in_use(), static_cast<int64_t>(each * count / 2));
  EXPECT_LT(in_use(), static_cast<int64_t>(each * count * 2));
  auto profile = read(heap_profile(heap_stacks(), {}, false));
  EXPECT_GT(profile.samples, 0u);
  EXPECT_THAT(profile.texts, Contains("inuse_space"));
  held.clear();
  EXPECT_EQ(in_use(), 0);
}

TEST(profile, places_by_words) {
  counted_stack one{.stack = {}, .values = {0}, .words = {"inner", "outer"}};
  auto profile = read(to_pprof({.types = {{"threads", "count"}}, .period_type = {"threads", "count"}}, std::span(&one, 1)));
  EXPECT_EQ(profile.samples, 1u);
  EXPECT_THAT(profile.texts, Contains("inner"));
  EXPECT_THAT(profile.texts, Contains("outer"));
}

}  // namespace
}  // namespace drover::profile
