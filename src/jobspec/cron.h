// Cron expressions of periodic jobs: five to seven fields (second minute hour day month weekday year; second and year
// may be left out) or
// @hourly, @daily, @weekly, @monthly, @yearly, @annually, @midnight, "@every 1h30m". Works on wall-clock time; the zone
// is the caller's. Values; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace drover::jobspec {

class cron {
 public:
  static result<cron> parse(std::string_view text);

  // The first instant after `after` that matches, both read as wall-clock time; nothing if none does within
  // cron_years_max years.
  std::optional<timestamp> next(timestamp after) const;

 private:
  cron() = default;
  result<> set_years(std::string_view text);
  bool matches_day(int64_t day) const;

  duration every_;  // "@every": set alone
  // Bit n: n matches.
  uint64_t seconds_ = 1;
  uint64_t minutes_ = 0, hours_ = 0, days_ = 0, months_ = 0, weekdays_ = 0;
  bool any_day_ = true, any_weekday_ = true;
  bool last_day_ = false;
  std::vector<int> years_;  // empty: any
};

}  // namespace drover::jobspec
