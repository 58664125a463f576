// For tests: runs a coroutine on a private loop and fails the test when it takes too long to be right.
#pragma once

#include <gtest/gtest.h>

#include "net/blocking.h"
#include "net/task_scope.h"

namespace drover::net {

inline constexpr duration test_deadline = seconds(30);

inline void run_test(loop& l, awaitable<void> body) {
  auto bounded = [](awaitable<void> inner) -> awaitable<result<>> {
    co_await std::move(inner);
    co_return result<>();
  };
  auto ended = run_to_completion(l, with_deadline(bounded(std::move(body)), after(test_deadline)));
  EXPECT_TRUE(ended) << (ended ? "" : ended.error().text());
}

template <class T>
T must(result<T> r) {
  EXPECT_TRUE(r) << (r ? "" : r.error().text());
  if (!r) throw std::runtime_error(r.error().text());
  if constexpr (!std::is_void_v<T>) return *std::move(r);
}

}  // namespace drover::net
