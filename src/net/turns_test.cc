#include "net/turns.h"

#include <vector>

#include "net/test_loop.h"

namespace drover::net {
namespace {

TEST(turns, one_at_a_time_for_each_key_and_a_cancelled_one_loses_nobodys) {
  loop l;
  log::logger logger{"test"};
  run_test(l, [](loop& l, log::logger logger) -> awaitable<void> {
    turns all;
    std::vector<std::string> order;
    event go;
    auto body = [](turns& all, std::vector<std::string>& order, event& go, std::string key, std::string name) -> awaitable<void> {
      auto turn = co_await all.take(key);
      order.push_back(name);
      co_await go.wait();
    };
    task_scope scope(l, logger), cancelled(l, logger);
    scope.spawn(body(all, order, go, "a", "first"));
    scope.spawn(body(all, order, go, "b", "other"));
    cancelled.spawn(body(all, order, go, "a", "never"));
    scope.spawn(body(all, order, go, "a", "second"));
    co_await yield();
    EXPECT_EQ(order, (std::vector<std::string>{"first", "other"}));
    co_await cancelled.stop();
    go.set();
    co_await scope.join();
    EXPECT_EQ(order, (std::vector<std::string>{"first", "other", "second"}));
    // Free again.
    auto turn = co_await all.take("a");
    turn.end();
    auto again = co_await all.take("a");
  }(l, logger));
}

}  // namespace
}  // namespace drover::net
