// One at a time for each key: whoever takes the turn of a key that is taken waits until the holder lets it go. Loop thread only.
// Lifecycle: the object may go while turns are held or waited for; they keep what they need.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "net/event.h"

namespace drover::net {

class turns {
  struct line {
    bool busy = false;
    event free;
  };

 public:
  class turn {
   public:
    turn() = default;
    explicit turn(std::shared_ptr<line> l) : line_(std::move(l)) {}
    turn(turn&& other) noexcept : line_(std::move(other.line_)) {}
    turn& operator=(turn&& other) noexcept {
      if (this != &other) end();
      line_ = std::move(other.line_);
      return *this;
    }
    ~turn() { end(); }
    void end() {
      if (!line_) return;
      line_->busy = false;
      line_->free.notify_all();
      line_.reset();
    }

   private:
    std::shared_ptr<line> line_;
  };

  // Throws when the task is cancelled.
  awaitable<turn> take(std::string key) {
    std::erase_if(lines_, [](const auto& each) { return each.second.expired(); });
    auto mine = lines_[key].lock();
    if (!mine) lines_[key] = mine = std::make_shared<line>();
    // All that wait look again: one that is cancelled as its turn comes loses nobody's.
    while (mine->busy) co_await mine->free.wait();
    mine->busy = true;
    co_return turn(std::move(mine));
  }

 private:
  std::map<std::string, std::weak_ptr<line>> lines_;
};

}  // namespace drover::net
