#include "net/mailbox.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace drover::net {

void mailbox::put(std::function<void()> work) {
  std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(work));
}

void mailbox::flush() {
  {
    std::lock_guard lock(mutex_);
    if (waiting_.empty() || told_) return;
    told_ = true;
  }
  boost::asio::post(loop_, [self = shared_from_this()] { self->deliver(); });
}

void mailbox::deliver() {
  std::vector<std::function<void()>> arrived;
  {
    std::lock_guard lock(mutex_);
    arrived.swap(waiting_);
    told_ = false;
  }
  for (auto& work : arrived) work();
}

}  // namespace drover::net
