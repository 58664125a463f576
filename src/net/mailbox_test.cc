#include "net/mailbox.h"

#include <gtest/gtest.h>

#include <thread>

namespace drover::net {
namespace {

TEST(mailbox, delivers_in_order_after_a_flush_and_not_before) {
  loop l;
  auto box = mailbox::create(l);
  std::vector<int> seen;
  for (int i = 0; i < 3; i++) box->put([&seen, i] { seen.push_back(i); });
  l.poll();
  EXPECT_TRUE(seen.empty());
  box->flush();
  box->flush();
  l.restart();
  EXPECT_EQ(l.poll(), 1u);  // one wake-up for all
  EXPECT_EQ(seen, (std::vector{0, 1, 2}));
}

TEST(mailbox, what_is_put_while_it_delivers_waits_for_its_own_flush) {
  loop l;
  auto box = mailbox::create(l);
  int seen = 0;
  box->put([&] {
    box->put([&] { seen++; });
    box->flush();
  });
  box->flush();
  l.poll();
  EXPECT_EQ(seen, 1);
}

TEST(mailbox, takes_from_many_threads) {
  loop l;
  auto box = mailbox::create(l);
  int seen = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; i++) {
        box->put([&] { seen++; });
        box->flush();
      }
    });
  while (seen < 4000) {
    l.restart();
    l.run_for(std::chrono::milliseconds(10));
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(seen, 4000);
}

}  // namespace
}  // namespace drover::net
