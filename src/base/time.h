// Durations and instants as the wire has them: integer nanoseconds. No clock is read here (see env/clock.h).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace drover {

// A length of time in nanoseconds, like Go's time.Duration.
struct duration {
  int64_t ns = 0;
  constexpr duration() = default;
  constexpr explicit duration(int64_t nanoseconds) : ns(nanoseconds) {}
  constexpr double seconds() const { return static_cast<double>(ns) / 1e9; }
  constexpr int64_t ms() const { return ns / 1'000'000; }
  friend constexpr auto operator<=>(duration, duration) = default;
  friend constexpr duration operator+(duration a, duration b) { return duration(a.ns + b.ns); }
  friend constexpr duration operator-(duration a, duration b) { return duration(a.ns - b.ns); }
  friend constexpr duration operator*(duration a, int64_t n) { return duration(a.ns * n); }
  friend constexpr duration operator/(duration a, int64_t n) { return duration(a.ns / n); }
};
constexpr duration nanoseconds(int64_t n) { return duration(n); }
constexpr duration microseconds(int64_t n) { return duration(n * 1'000); }
constexpr duration milliseconds(int64_t n) { return duration(n * 1'000'000); }
constexpr duration seconds(int64_t n) { return duration(n * 1'000'000'000); }
constexpr duration minutes(int64_t n) { return seconds(n * 60); }
constexpr duration hours(int64_t n) { return minutes(n * 60); }

// Go's syntax: "300ms", "1h2m3.5s", "-1.5h", "0"; units ns us µs ms s m h. Refuses anything else and overflow.
result<duration> parse_duration(std::string_view text);
// Go's String(): "1h0m0s", "1.5s", "300ms", "0s".
std::string to_string(duration d);

// An instant, UTC, in nanoseconds since 1970; `zero` is Go's zero time (0001-01-01T00:00:00Z), shown and stored as such.
struct timestamp {
  static constexpr int64_t zero_value = INT64_MIN;
  int64_t ns = zero_value;
  constexpr timestamp() = default;
  constexpr explicit timestamp(int64_t unix_ns) : ns(unix_ns) {}
  constexpr bool is_zero() const { return ns == zero_value; }
  constexpr int64_t unix_seconds() const { return is_zero() ? -62135596800 : (ns >= 0 ? ns : ns - 999'999'999) / 1'000'000'000; }
  friend constexpr auto operator<=>(timestamp, timestamp) = default;
  // Requires: neither is zero.
  friend constexpr duration operator-(timestamp a, timestamp b) { return duration(a.ns - b.ns); }
  friend constexpr timestamp operator+(timestamp a, duration d) { return timestamp(a.ns + d.ns); }
  friend constexpr timestamp operator-(timestamp a, duration d) { return timestamp(a.ns - d.ns); }
};

// RFC 3339 with as many fraction digits as needed, UTC: "2026-11-21T01:10:23.373481615Z".
std::string to_rfc3339(timestamp t);
// Any offset is accepted. Years 0001 to 2262.
result<timestamp> parse_rfc3339(std::string_view text);

// A civil date and time, UTC, for formatting.
struct civil_time {
  int year = 1, month = 1, day = 1, hour = 0, minute = 0, second = 0, nanosecond = 0;
};
civil_time to_civil(timestamp t);
// Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant, "chrono-compatible low-level date algorithms").
int64_t days_from_civil(int year, int month, int day);

}  // namespace drover
