// Cron expressions of periodic jobs: five to seven fields (second minute hour day month weekday year; second and year may be left out) or
// @hourly, @daily, @weekly, @monthly, @yearly, @annually, @midnight, "@every 1h30m". Works on wall-clock time; the zone is the caller's. Values; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace drover::jobspec {

class cron {
 public:
  static result<cron> parse(std::string_view text);

  // The first instant after `after` that matches, both read as wall-clock time; nothing within the years the expression names or 30 years.
  std::optional<timestamp> next(timestamp after) const;

 private:
  cron() = default;
  bool matches_day(int64_t day) const;

  duration every_;  // "@every": set alone
  uint64_t seconds_ = 1;
  uint64_t minutes_ = 0, hours_ = 0, days_ = 0, months_ = 0, weekdays_ = 0;
  bool any_day_ = true, any_weekday_ = true;
  bool last_day_ = false;
  int year_min_ = 0, year_max_ = 0;  // 0: any
  uint64_t years_[4] = {};           // 1970 + bit; used when year_max_ is set
};

}  // namespace drover::jobspec
