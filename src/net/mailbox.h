// Work that another thread has for the loop, handed over in one piece: a thread that finishes a hundred things at once wakes the loop once.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "net/loop.h"

namespace drover::net {

class mailbox : public std::enable_shared_from_this<mailbox> {
 public:
  // The loop must outlive every flush().
  static std::shared_ptr<mailbox> create(loop& l) { return std::shared_ptr<mailbox>(new mailbox(l)); }

  // Any thread. Runs on the loop after the next flush(), in the order of the calls. Not bounded here: whoever puts work has a limit of its own.
  void put(std::function<void()> work);
  // Any thread. Cheap when there is nothing, or when the loop knows already.
  void flush();

 private:
  explicit mailbox(loop& l) : loop_(l) {}
  void deliver();

  loop& loop_;
  std::mutex mutex_;
  std::vector<std::function<void()>> waiting_;
  bool told_ = false;
};

}  // namespace drover::net
