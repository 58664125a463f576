// Signals of the process as awaitable events. Loop thread only; one signal_set per signal number and process.
#pragma once

#include <initializer_list>
#include <memory>

#include "net/loop.h"

namespace drover::net {

class signal_set {
 public:
  // signal_set signals(loop, {SIGINT, SIGTERM, SIGHUP});
  signal_set(loop& l, std::initializer_list<int> numbers);
  ~signal_set();
  signal_set(const signal_set&) = delete;
  signal_set& operator=(const signal_set&) = delete;
  // The number of the next signal; one that came while nobody waited is not lost.
  awaitable<result<int>> next();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace drover::net
