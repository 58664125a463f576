// Whether workers plan side by side or one after the other.
//
// Side by side is faster until two plans want the same nodes: packing leads everybody to the fullest node that still has room, so that on a busy
// cluster of which nodes are nearly full, whoever is second has planned in vain, and plans again, in vain. After such a collision workers take
// turns: who has the turn sees all that was planned before, and keeps it until the planner has checked the plan. After some plans without a
// collision they try side by side again; if that soon ends in the next collision, they take turns for twice as long.
//
// Loop thread only. Turns may outlive the object that made them.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>

#include "net/event.h"

namespace drover::server {

class plan_turns {
 public:
  // Checked plans without a collision until nobody has to wait for a turn: at first, and at most.
  static constexpr int calm_after = 32, calm_after_max = 2048;

  class turn {
   public:
    turn() = default;
    turn(turn&&) noexcept = default;
    turn& operator=(turn&& o) noexcept {
      if (this != &o) end(), of_ = std::move(o.of_);
      return *this;
    }
    ~turn() { end(); }
    void end() {
      if (auto of = std::exchange(of_, nullptr)) of->taken = false, of->free.notify_one();
    }

   private:
    friend class plan_turns;
    struct shared {
      bool taken = false;
      net::event free;
    };
    explicit turn(std::shared_ptr<shared> of) : of_(std::move(of)) {}
    std::shared_ptr<shared> of_;  // null: nobody waits for its end
  };

  bool are_taken() const { return tense_ > 0; }
  net::awaitable<turn> take() {
    while (are_taken()) {
      if (!shared_->taken) {
        shared_->taken = true;
        co_return turn(shared_);
      }
      co_await shared_->free.wait();
    }
    // Others who wait need not either.
    shared_->free.notify_all();
    co_return turn();
  }
  void collided() {
    if (!are_taken()) length_ = calm_ < 4 * length_ ? std::min(2 * length_, calm_after_max) : calm_after;
    tense_ = length_;
    calm_ = 0;
  }
  void went_well() {
    if (are_taken()) --tense_;
    else calm_ = std::min(calm_ + 1, 4 * calm_after_max);
  }

 private:
  int length_ = calm_after;        // of the last time in turns
  int tense_ = 0;                  // plans until it is over
  int calm_ = 4 * calm_after_max;  // plans side by side since
  std::shared_ptr<turn::shared> shared_ = std::make_shared<turn::shared>();
};

}  // namespace drover::server
