// Holds back the loss of nodes while many are missing at once: after a power cut, a broken switch or a long silence the fleet comes back by itself,
// and moving its work meanwhile would start everything twice.
//
// A node that misses its heartbeat is lost at once, unless too many are missing: at least storm_nodes_min, and more than storm_share_percent of the
// fleet. (Nodes that are past their TTL but still within its grace count as missing, so that the first of many is not taken for a single one.) Then
// it is held. A node that is heard again is held no more. The rest is lost once few come back (fewer than storm_rate_percent of the fleet, or none,
// within storm_window) and that has been so for storm_settle; or when `limit` is over, whatever happens.
//
// Pure: time and events are arguments. A value.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"

namespace drover::server {

class storm_guard {
 public:
  struct fleet {
    size_t nodes = 0;  // that were alive, those missing included
    size_t late = 0;   // past their TTL and not yet missed
  };

  explicit storm_guard(duration limit) : limit_(limit) {}

  // A node missed its heartbeat. True: it is lost. False: it is held.
  bool missed(const std::string& node_id, fleet now_is, timestamp now);
  // A node was heard. True: it had been held.
  bool heard(const std::string& node_id, timestamp now);
  // Whatever is held and is lost by now; calling it early costs nothing.
  std::vector<std::string> settle(timestamp now);
  // When settle() has something to say; nothing while nothing is held.
  std::optional<timestamp> settles_at() const;
  void clear() { *this = storm_guard(limit_); }

  size_t held() const { return held_.size(); }
  bool holds(const std::string& node_id) const { return held_.contains(node_id); }
  // "holding back the loss of 3 nodes: 5 came back within the last 10s, limit in 4m50s"
  std::string describe(timestamp now) const;

 private:
  size_t returned_lately(timestamp now) const;
  duration limit_;
  std::set<std::string> held_;
  std::deque<timestamp> returns_;
  timestamp began_, busy_;
  size_t fleet_ = 0;
};

}  // namespace drover::server
