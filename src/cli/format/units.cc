#include "cli/format/units.h"

#include <fmt/format.h>

#include <cmath>
#include <ctime>

namespace drover::cli::format {

std::string clock_time(timestamp t) {
  if (t.is_zero() || t.ns == 0) return {};
  std::time_t seconds = t.unix_seconds();
  std::tm local{};
  ::localtime_r(&seconds, &local);
  auto out =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec);
  if (local.tm_gmtoff == 0) return out + "Z";
  long minutes = std::labs(local.tm_gmtoff) / 60;
  return out + fmt::format("{}{:02}:{:02}", local.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

std::string clock_time_or_na(timestamp t) {
  auto text = clock_time(t);
  return text.empty() ? "N/A" : text;
}

std::string time_difference(timestamp then, timestamp now) {
  if (then.is_zero() || then.ns == 0) return {};
  // Whole seconds on both sides: an instant of this second is "0s ago".
  int64_t difference = now.unix_seconds() - then.unix_seconds();
  bool future = difference < 0;
  int64_t rest = future ? -difference : difference;
  struct unit {
    int64_t seconds;
    const char* name;
  };
  static constexpr unit units[] = {{365 * 86400, "y"}, {30 * 86400, "mo"}, {86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
  std::string out;
  int parts = 0;
  for (const auto& u : units) {
    auto count = rest / u.seconds;
    if (count == 0) {
      if (parts > 0) break;
      continue;
    }
    out += fmt::format("{}{}", count, u.name);
    rest -= count * u.seconds;
    if (++parts == 2) break;
  }
  if (parts == 0) out = "0s";
  return out + (future ? " from now" : " ago");
}

std::string style::moment(int64_t unix_ns) const {
  if (unix_ns == 0) return {};
  return verbose ? clock_time(timestamp(unix_ns)) : time_difference(timestamp(unix_ns), now);
}

std::string binary_size(uint64_t bytes) {
  if (bytes < 10) return fmt::format("{} B", bytes);
  static constexpr const char* names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit < 6) {
    value /= 1024;
    unit++;
  }
  value = std::floor(value * 10 + 0.5) / 10;
  return unit > 0 && value < 10 ? fmt::format("{:.1f} {}", value, names[unit]) : fmt::format("{:.0f} {}", value, names[unit]);
}

std::string id_prefix(std::string_view text) {
  std::string out(text);
  size_t digits = 0;
  for (char c : out)
    if (c != '-') digits++;
  if (digits % 2 == 1 && out.size() < 36) out.pop_back();
  return out;
}

}  // namespace drover::cli::format
