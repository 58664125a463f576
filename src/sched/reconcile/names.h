// Allocation names, "job.group[index]", with the lowest free index used first. Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drover::sched {

std::string alloc_name(std::string_view job_id, std::string_view group, uint64_t index);
std::optional<uint64_t> alloc_index(std::string_view name);

class name_index {
 public:
  // Indexes at and above `limit` in use are remembered only as such, so that a wild name costs no memory.
  explicit name_index(uint64_t limit) : limit_(limit) {}
  void use(std::string_view name);
  bool used(uint64_t index) const { return index < used_.size() && used_[index]; }
  // The lowest index that nobody uses; it is used from then on.
  uint64_t next();

 private:
  uint64_t limit_;
  std::vector<bool> used_;
  uint64_t first_free_ = 0;
};

}  // namespace drover::sched
