#include "server/endpoint/shown_alloc.h"

#include <gtest/gtest.h>

namespace drover::server {
namespace {

TEST(shown_alloc, adds_up_what_its_tasks_were_given) {
  auto given = std::make_shared<schema::allocated_resources>();
  given->tasks["a"].cpu.cpu_shares = 100;
  given->tasks["a"].memory.memory_mb = 30;
  given->tasks["b"].cpu.cpu_shares = 20;
  given->tasks["b"].memory.memory_mb = 4;
  given->shared.disk_mb = 10;
  auto stored = std::make_shared<schema::allocation>();
  stored->id = "one";
  stored->allocated_resources = given;
  auto shown = shown_alloc(stored);
  ASSERT_TRUE(shown->resources);
  EXPECT_EQ(shown->id, "one");
  EXPECT_EQ(shown->resources->cpu, 120);
  EXPECT_EQ(shown->resources->memory_mb, 34);
  EXPECT_EQ(shown->resources->disk_mb, 10);
  EXPECT_FALSE(stored->resources);
}

TEST(shown_alloc, leaves_what_has_nothing_to_add) {
  EXPECT_EQ(shown_alloc(nullptr), nullptr);
  auto empty = std::make_shared<schema::allocation>();
  EXPECT_EQ(shown_alloc(empty), empty);
}

}  // namespace
}  // namespace drover::server
