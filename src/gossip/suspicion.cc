#include "gossip/suspicion.h"

#include <algorithm>
#include <cmath>

namespace drover::gossip {

suspicion::suspicion(duration now, std::string from, int needed, duration shortest, duration longest)
    : start_(now), shortest_(shortest), longest_(longest), ends_(now + (needed < 1 ? shortest : longest)), needed_(needed) {
  from_.insert(std::move(from));
}

bool suspicion::confirm(const std::string& from) {
  if (confirmations_ >= needed_ || !from_.insert(from).second) return false;
  ++confirmations_;
  double fraction = std::log(confirmations_ + 1.0) / std::log(needed_ + 1.0);
  double seconds_left = longest_.seconds() - fraction * (longest_.seconds() - shortest_.seconds());
  ends_ = start_ + std::max(shortest_, milliseconds(static_cast<int64_t>(std::floor(seconds_left * 1000))));
  return true;
}

duration suspicion_timeout(int mult, size_t members, duration interval) {
  double scale = std::max(1.0, std::log10(std::max(1.0, static_cast<double>(members))));
  return interval * mult * static_cast<int64_t>(scale * 1000) / 1000;
}

int retransmit_limit(int mult, size_t members) { return mult * static_cast<int>(std::ceil(std::log10(static_cast<double>(members) + 1))); }

duration push_pull_interval(duration interval, size_t members) {
  if (members <= 32) return interval;
  return interval * (static_cast<int64_t>(std::ceil(std::log2(static_cast<double>(members)) - 5)) + 1);
}

}  // namespace drover::gossip
