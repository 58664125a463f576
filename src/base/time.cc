#include "base/time.h"

#include <cctype>
#include <charconv>
#include <cmath>

namespace drover {
namespace {

struct unit {
  std::string_view name;
  int64_t ns;
};
constexpr unit units[] = {{"ns", 1},         {"us", 1'000},        {"µs", 1'000},         {"μs", 1'000},
                          {"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}};

std::unexpected<error> bad_duration(std::string_view text) {
  return fail(errc::invalid, "invalid duration \"{}\": write a number with a unit, such as \"10s\", \"1h30m\" or \"300ms\"", text);
}

// Appends ns as "seconds.fraction" with trailing zeros cut.
void append_fraction(std::string& out, int64_t value, int64_t unit_ns) {
  out += std::to_string(value / unit_ns);
  if (int64_t rest = value % unit_ns; rest != 0) {
    int digits = unit_ns == 1'000'000'000 ? 9 : unit_ns == 1'000'000 ? 6 : 3;
    std::string fraction = std::to_string(rest);
    fraction.insert(0, static_cast<size_t>(digits) - fraction.size(), '0');
    while (fraction.back() == '0') fraction.pop_back();
    out += '.';
    out += fraction;
  }
}

struct civil_date {
  int year, month, day;
};

civil_date civil_from_days(int64_t days) {
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  auto doe = static_cast<unsigned>(days - era * 146097);
  unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  int64_t year = static_cast<int64_t>(yoe) + era * 400;
  unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  unsigned mp = (5 * doy + 2) / 153;
  unsigned day = doy - (153 * mp + 2) / 5 + 1;
  unsigned month = mp < 10 ? mp + 3 : mp - 9;
  return {static_cast<int>(year + (month <= 2)), static_cast<int>(month), static_cast<int>(day)};
}

bool read_digits(std::string_view& text, size_t count, int& out) {
  if (text.size() < count) return false;
  auto [end, code] = std::from_chars(text.data(), text.data() + count, out);
  if (code != std::errc() || end != text.data() + count) return false;
  text.remove_prefix(count);
  return true;
}

bool read_char(std::string_view& text, std::string_view any) {
  if (text.empty() || any.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

result<duration> parse_duration(std::string_view text) {
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  if (rest == "0") return duration(0);
  if (rest.empty()) return bad_duration(text);
  __int128 total = 0;
  while (!rest.empty()) {
    __int128 whole = 0, fraction = 0, scale = 1;
    bool digits = false;
    while (!rest.empty() && std::isdigit(static_cast<unsigned char>(rest[0]))) {
      whole = whole * 10 + (rest[0] - '0');
      if (whole > INT64_MAX) return bad_duration(text);
      digits = true;
      rest.remove_prefix(1);
    }
    if (!rest.empty() && rest[0] == '.') {
      rest.remove_prefix(1);
      while (!rest.empty() && std::isdigit(static_cast<unsigned char>(rest[0]))) {
        if (scale < 1'000'000'000'000'000) fraction = fraction * 10 + (rest[0] - '0'), scale *= 10;
        digits = true;
        rest.remove_prefix(1);
      }
    }
    size_t length = 0;
    while (length < rest.size() && rest[length] != '.' && !std::isdigit(static_cast<unsigned char>(rest[length]))) ++length;
    const unit* found = nullptr;
    for (const unit& u : units)
      if (u.name == rest.substr(0, length)) found = &u;
    if (!digits || found == nullptr) return bad_duration(text);
    rest.remove_prefix(length);
    total += whole * found->ns + fraction * found->ns / scale;
    if (total > INT64_MAX) return bad_duration(text);
  }
  return duration(static_cast<int64_t>(negative ? -total : total));
}

std::string to_string(duration d) {
  if (d.ns == 0) return "0s";
  std::string out;
  int64_t ns = d.ns;
  if (ns < 0) {
    out += '-';
    if (ns == INT64_MIN) return "-2562047h47m16.854775808s";
    ns = -ns;
  }
  if (ns < 1'000) {
    out += std::to_string(ns) + "ns";
  } else if (ns < 1'000'000) {
    append_fraction(out, ns, 1'000);
    out += "µs";
  } else if (ns < 1'000'000'000) {
    append_fraction(out, ns, 1'000'000);
    out += "ms";
  } else {
    int64_t whole_minutes = ns / 60'000'000'000;
    if (whole_minutes >= 60) out += std::to_string(whole_minutes / 60) + "h";
    if (whole_minutes > 0) out += std::to_string(whole_minutes % 60) + "m";
    append_fraction(out, ns % 60'000'000'000, 1'000'000'000);
    out += 's';
  }
  return out;
}

int64_t days_from_civil(int year, int month, int day) {
  int64_t y = year - (month <= 2);
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  auto yoe = static_cast<unsigned>(y - era * 400);
  auto doy = static_cast<unsigned>((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1);
  unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + static_cast<int64_t>(doe) - 719468;
}

civil_time to_civil(timestamp t) {
  if (t.is_zero()) return {};
  int64_t second = t.unix_seconds();
  int64_t nanosecond = t.ns - second * 1'000'000'000;
  int64_t day = second >= 0 ? second / 86400 : (second - 86399) / 86400;
  auto in_day = static_cast<int>(second - day * 86400);
  auto date = civil_from_days(day);
  return {date.year, date.month, date.day, in_day / 3600, in_day / 60 % 60, in_day % 60, static_cast<int>(nanosecond)};
}

std::string to_rfc3339(timestamp t) {
  auto c = to_civil(t);
  std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", c.year, c.month, c.day, c.hour, c.minute, c.second);
  if (c.nanosecond != 0) {
    std::string fraction = fmt::format("{:09}", c.nanosecond);
    while (fraction.back() == '0') fraction.pop_back();
    out += '.';
    out += fraction;
  }
  out += 'Z';
  return out;
}

result<timestamp> parse_rfc3339(std::string_view text) {
  auto bad = [&] { return fail(errc::invalid, "invalid time \"{}\": write it as 2026-11-21T01:10:23Z", text); };
  std::string_view rest = text;
  int year, month, day, hour, minute, second;
  if (!read_digits(rest, 4, year) || !read_char(rest, "-") || !read_digits(rest, 2, month) || !read_char(rest, "-") || !read_digits(rest, 2, day) ||
      !read_char(rest, "Tt ") || !read_digits(rest, 2, hour) || !read_char(rest, ":") || !read_digits(rest, 2, minute) || !read_char(rest, ":") ||
      !read_digits(rest, 2, second))
    return bad();
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return bad();
  int64_t nanosecond = 0;
  if (read_char(rest, ".")) {
    int64_t scale = 100'000'000;
    if (rest.empty() || !std::isdigit(static_cast<unsigned char>(rest[0]))) return bad();
    for (; !rest.empty() && std::isdigit(static_cast<unsigned char>(rest[0])); rest.remove_prefix(1), scale /= 10) nanosecond += (rest[0] - '0') * scale;
  }
  int64_t offset = 0;
  if (!read_char(rest, "Zz")) {
    if (rest.empty() || (rest[0] != '+' && rest[0] != '-')) return bad();
    bool west = rest[0] == '-';
    rest.remove_prefix(1);
    int offset_hour, offset_minute;
    if (!read_digits(rest, 2, offset_hour) || !read_char(rest, ":") || !read_digits(rest, 2, offset_minute)) return bad();
    offset = (offset_hour * 60 + offset_minute) * 60 * (west ? -1 : 1);
  }
  if (!rest.empty()) return bad();
  int64_t unix_second = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
  if (unix_second == -62135596800 && nanosecond == 0) return timestamp();
  if (unix_second > 9'223'372'035 || unix_second < -9'223'372'035) return bad();
  return timestamp(unix_second * 1'000'000'000 + nanosecond);
}

}  // namespace drover
