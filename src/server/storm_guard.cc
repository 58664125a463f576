#include "server/storm_guard.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/limits.h"

namespace drover::server {

bool storm_guard::missed(const std::string& node_id, fleet now_is, timestamp now) {
  size_t missing = held_.size() + 1 + now_is.late;
  bool many = missing >= storm_nodes_min && missing * 100 > now_is.nodes * storm_share_percent;
  if (held_.empty() && !many) return true;
  if (held_.empty()) {
    began_ = busy_ = now;
    returns_.clear();
  }
  fleet_ = std::max(fleet_, now_is.nodes);
  held_.insert(node_id);
  return false;
}

size_t storm_guard::returned_lately(timestamp now) const {
  return static_cast<size_t>(std::ranges::count_if(returns_, [&](timestamp each) { return each + storm_window > now; }));
}

bool storm_guard::heard(const std::string& node_id, timestamp now) {
  if (held_.erase(node_id) == 0) return false;
  returns_.push_back(now);
  while (!returns_.empty() && returns_.front() + storm_window <= now) returns_.pop_front();
  if (returns_.size() >= std::max<size_t>(1, fleet_ * storm_rate_percent / 100)) busy_ = now;
  if (held_.empty()) fleet_ = 0;
  return true;
}

std::optional<timestamp> storm_guard::settles_at() const {
  if (held_.empty()) return std::nullopt;
  return std::min(began_ + limit_, busy_ + storm_settle);
}

std::vector<std::string> storm_guard::settle(timestamp now) {
  auto when = settles_at();
  if (!when || now < *when) return {};
  std::vector<std::string> lost(held_.begin(), held_.end());
  held_.clear();
  fleet_ = 0;
  return lost;
}

std::string storm_guard::describe(timestamp now) const {
  auto left = std::max(duration(0), began_ + limit_ - now);
  return fmt::format("holding back the loss of {} {}: {} came back within the last {}, limit in {}", held_.size(), held_.size() == 1 ? "node" : "nodes",
                     returned_lately(now), to_string(storm_window), to_string(seconds(left.ns / 1'000'000'000)));
}

}  // namespace drover::server
