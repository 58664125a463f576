// How long a suspected member has to say that it lives: less the more others suspect it too. Pure.
#pragma once

#include <set>
#include <string>

#include "base/time.h"

namespace drover::gossip {

class suspicion {
 public:
  // `needed`: confirmations by others that bring the time from `longest` down to `shortest`; 0: shortest from the start.
  suspicion(duration now, std::string from, int needed, duration shortest, duration longest);
  // True: new, to be told on.
  bool confirm(const std::string& from);
  duration ends() const { return ends_; }
  int confirmations() const { return confirmations_; }

 private:
  duration start_, shortest_, longest_, ends_;
  int needed_;
  int confirmations_ = 0;
  std::set<std::string> from_;
};

// memberlist's: mult * max(1, log10(n)) * interval, in thousandths.
duration suspicion_timeout(int mult, size_t members, duration interval);
// mult * ceil(log10(n + 1)).
int retransmit_limit(int mult, size_t members);
// The interval up to 32 members, twice it up to 64, three times up to 128 ...
duration push_pull_interval(duration interval, size_t members);

}  // namespace drover::gossip
