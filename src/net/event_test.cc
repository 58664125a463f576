#include "net/event.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <thread>

#include "net/signals.h"
#include "net/test_loop.h"

#include <csignal>

namespace drover::net {
namespace {

struct net_event : testing::Test {
  loop l;
  log::logger logger{"test"};
};

TEST_F(net_event, wait_ends_by_set_notify_or_deadline) {
  run_test(l, [](loop& l, log::logger logger) -> awaitable<void> {
    event e;
    EXPECT_FALSE(co_await e.wait(after(milliseconds(1))));
    e.set();
    EXPECT_TRUE(co_await e.wait());
    e.reset();
    int woken = 0;
    task_scope scope(l, logger);
    auto waiter = [](event& e, int& woken) -> awaitable<void> {
      if (co_await e.wait()) ++woken;
    };
    for (int i = 0; i < 3; ++i) scope.spawn(waiter(e, woken));
    co_await yield();
    e.notify_one();
    while (woken < 1) co_await yield();
    co_await yield();
    EXPECT_EQ(woken, 1);
    EXPECT_FALSE(e.is_set());
    e.notify_all();
    co_await scope.join();
    EXPECT_EQ(woken, 3);
  }(l, logger));
}

TEST_F(net_event, scope_cancels_joins_and_runs_destructors) {
  run_test(l, [](loop& l, log::logger logger) -> awaitable<void> {
    event never_set;
    int unwound = 0;
    task_scope scope(l, logger);
    auto body = [](event& e, int& unwound) -> awaitable<void> {
      struct at_end {
        int& n;
        ~at_end() { ++n; }
      } guard{unwound};
      co_await e.wait();
      ADD_FAILURE() << "a cancelled wait does not return";
    };
    for (int i = 0; i < 10; ++i) scope.spawn(body(never_set, unwound));
    EXPECT_EQ(scope.size(), 10u);
    co_await scope.stop();
    EXPECT_EQ(unwound, 10);
    EXPECT_TRUE(scope.empty());
    scope.spawn(body(never_set, unwound));
    EXPECT_TRUE(scope.empty());
  }(l, logger));
}

TEST_F(net_event, a_group_whose_members_were_cancelled_is_cancelled) {
  run_test(l, [](loop& l, log::logger logger) -> awaitable<void> {
    bool cancelled = false;
    event first, second;
    task_scope scope(l, logger);
    scope.spawn([](event& first, event& second, bool& cancelled) -> awaitable<void> {
      using namespace boost::asio::experimental::awaitable_operators;
      try {
        (void)co_await (first.wait() || second.wait());
      } catch (const std::exception& failure) {
        cancelled = is_cancellation(failure);
        throw;
      }
    }(first, second, cancelled));
    co_await scope.stop();
    EXPECT_TRUE(cancelled);
  }(l, logger));
}

TEST_F(net_event, cancelled_task_may_say_last_words) {
  run_test(l, [](loop& l, log::logger logger) -> awaitable<void> {
    std::string said;
    event e;
    task_scope scope(l, logger);
    scope.spawn([](event& e, std::string& said) -> awaitable<void> {
      bool cancelled = false;
      try {
        co_await e.wait();
      } catch (const std::exception& failure) {
        cancelled = is_cancellation(failure);
      }
      co_await keep_going();
      co_await sleep_for(milliseconds(1));
      said = cancelled ? "bye" : "?";
    }(e, said));
    co_await scope.stop();
    EXPECT_EQ(said, "bye");
  }(l, logger));
}

TEST_F(net_event, errors_of_tasks_are_logged_and_cancellation_is_not) {
  std::vector<std::string> seen;
  auto subscription = log::subscribe(log::level::error, [&](const log::event& e) { seen.emplace_back(e.fields[0].value); });
  run_test(l, [](loop& l, log::logger logger) -> awaitable<void> {
    task_scope scope(l, logger);
    scope.spawn([]() -> awaitable<void> {
      co_await yield();
      throw std::runtime_error("boom");
    }());
    scope.spawn([]() -> awaitable<result<>> { co_return fail(errc::io, "disk on fire"); }());
    scope.spawn([]() -> awaitable<result<>> { co_return fail(errc::cancelled, "fine"); }());
    co_await scope.join();
  }(l, logger));
  EXPECT_EQ(seen, (std::vector<std::string>{"disk on fire", "boom"}));
}

TEST_F(net_event, deadline_cancels_and_joins) {
  run_test(l, []() -> awaitable<void> {
    bool unwound = false;
    auto slow = [](bool& unwound) -> awaitable<result<int>> {
      struct at_end {
        bool& done;
        ~at_end() { done = true; }
      } guard{unwound};
      co_await sleep_for(minutes(5));
      co_return 1;
    };
    auto late = co_await with_deadline(slow(unwound), after(milliseconds(2)));
    EXPECT_TRUE(unwound);
    EXPECT_EQ(late.error().code(), errc::timeout);
    auto quick = []() -> awaitable<result<int>> { co_return 7; };
    EXPECT_EQ(must(co_await with_deadline(quick(), after(seconds(20)))), 7);
  }());
}

TEST_F(net_event, scope_stops_a_task_inside_a_deadline) {
  run_test(l, [](loop& l, log::logger logger) -> awaitable<void> {
    task_scope scope(l, logger);
    scope.spawn([]() -> awaitable<void> {
      auto slow = []() -> awaitable<result<>> {
        co_await sleep_for(minutes(5));
        co_return result<>();
      };
      (void)co_await with_deadline(slow(), after(minutes(1)));
      ADD_FAILURE() << "cancelled";
    }());
    co_await yield();
    co_await scope.stop();
  }(l, logger));
}

TEST_F(net_event, channel_is_bounded_and_ordered) {
  run_test(l, [](loop& l, log::logger logger) -> awaitable<void> {
    channel<int> c(4);
    task_scope scope(l, logger);
    scope.spawn([](channel<int>& c) -> awaitable<void> {
      for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(co_await c.send(i));
        EXPECT_LE(c.size(), 4u);
      }
      c.close();
      EXPECT_FALSE(co_await c.send(1));
    }(c));
    int expected = 0;
    while (auto value = co_await c.receive()) EXPECT_EQ(*value, expected++);
    EXPECT_EQ(expected, 100);
    EXPECT_TRUE(c.closed());
    channel<int> empty(1);
    EXPECT_FALSE(co_await empty.receive(after(milliseconds(1))));
    EXPECT_TRUE(empty.try_send(1));
    EXPECT_FALSE(empty.try_send(2));
    co_await scope.join();
  }(l, logger));
}

TEST_F(net_event, remote_event_wakes_the_loop_from_other_threads) {
  run_test(l, [](loop& l) -> awaitable<void> {
    remote_event e(l);
    std::thread other([set = e.setter()] { set(); });
    EXPECT_TRUE(co_await e.wait());
    other.join();
    EXPECT_FALSE(co_await e.wait(after(milliseconds(1))));
  }(l));
}

TEST_F(net_event, blocking_functions_run_elsewhere) {
  run_test(l, [](loop& l) -> awaitable<void> {
    blocking_pool pool(l, 2);
    auto here = std::this_thread::get_id();
    auto there = co_await pool.run([] { return std::this_thread::get_id(); });
    EXPECT_NE(here, there);
    EXPECT_EQ(std::this_thread::get_id(), here);
    bool thrown = false;
    try {
      co_await pool.run([] { throw std::runtime_error("x"); });
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
  }(l));
}

TEST_F(net_event, signals_arrive_as_events) {
  run_test(l, [](loop& l) -> awaitable<void> {
    signal_set signals(l, {SIGHUP, SIGUSR1});
    ::raise(SIGUSR1);
    EXPECT_EQ(must(co_await signals.next()), SIGUSR1);
    ::raise(SIGHUP);
    EXPECT_EQ(must(co_await signals.next()), SIGHUP);
  }(l));
}

}  // namespace
}  // namespace drover::net
