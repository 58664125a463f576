// News that goes out with whatever is sent next, each message a limited number of times. Fresh ones first, then the largest that fits.
// Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace drover::gossip {

class broadcast_queue {
 public:
  // A message with a name takes the place of the earlier one of that name. `handle` (0: none) is reported as finished when the message has
  // gone out often enough, or was replaced.
  void add(std::string message, std::string name = {}, uint64_t handle = 0);
  // Appends what fits into `room` (lowered by each message and `overhead`) and has not been sent `transmits_max` times.
  void take(std::vector<std::string>& into, size_t& room, size_t overhead, int transmits_max);
  std::vector<uint64_t> take_finished() { return std::exchange(finished_, {}); }
  // Drops those sent most often until `size` are left.
  void prune(size_t size);
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

 private:
  // Transmits so far, then larger first, then newer first.
  using key = std::tuple<int, int64_t, int64_t>;
  struct entry {
    std::string message;
    std::string name;
    uint64_t handle = 0;
  };
  void erase(std::map<key, entry>::iterator it);
  std::map<key, entry> entries_;
  std::map<std::string, key> by_name_;
  std::vector<uint64_t> finished_;
  int64_t next_id_ = 0;
};

}  // namespace drover::gossip
