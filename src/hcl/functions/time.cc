#include <array>

#include "hcl/functions/common.h"

namespace drover::hcl {
namespace {

// An instant with the offset from UTC that it was written with.
struct zoned_time {
  timestamp at;
  int offset_minutes = 0;
  civil_time civil() const { return to_civil(at + minutes(offset_minutes)); }
};

// Instants within two days of the range's ends could leave it in another zone.
result<zoned_time> checked(zoned_time t) {
  constexpr int64_t margin = hours(48).ns;
  if (t.at.ns < INT64_MIN + margin || t.at.ns > INT64_MAX - margin) return fail(errc::invalid, "the time is out of range; years 1678 to 2261 are known");
  return t;
}

result<zoned_time> parse_time(const std::string& text) {
  auto at = parse_rfc3339(text);
  if (!at) return fail(errc::invalid, "{} is no RFC 3339 timestamp such as \"2026-01-02T15:04:05Z\"", quoted(text));
  zoned_time out{*at, 0};
  size_t n = text.size();
  if (n > 6 && (text[n - 6] == '+' || text[n - 6] == '-')) {
    out.offset_minutes = std::stoi(text.substr(n - 5, 2)) * 60 + std::stoi(text.substr(n - 2, 2));
    if (text[n - 6] == '-') out.offset_minutes = -out.offset_minutes;
  }
  return checked(out);
}

std::string offset_text(int minutes, bool colon) {
  int size = std::abs(minutes);
  return fmt::format("{}{:02}{}{:02}", minutes < 0 ? '-' : '+', size / 60, colon ? ":" : "", size % 60);
}

std::string to_text(const zoned_time& t) {
  civil_time c = t.civil();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}", c.year, c.month, c.day, c.hour, c.minute, c.second,
                     t.offset_minutes == 0 ? "Z" : offset_text(t.offset_minutes, true));
}

constexpr std::array<std::string_view, 12> month_names = {"January", "February", "March",     "April",   "May",      "June",
                                                          "July",    "August",   "September", "October", "November", "December"};
constexpr std::array<std::string_view, 7> day_names = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

// What a run of one letter stands for; nothing if it stands for nothing.
std::optional<std::string> time_part(std::string_view run, const zoned_time& t) {
  civil_time c = t.civil();
  int64_t days = days_from_civil(c.year, c.month, c.day);
  std::string_view month = month_names[static_cast<size_t>(c.month - 1)];
  std::string_view day = day_names[static_cast<size_t>(((days + 4) % 7 + 7) % 7)];
  int hour12 = c.hour % 12 == 0 ? 12 : c.hour % 12;
  auto two = [](int n) { return fmt::format("{:02}", n); };
  if (run == "YYYY") return fmt::format("{:04}", c.year);
  if (run == "YY") return two(c.year % 100);
  if (run == "MMMM") return std::string(month);
  if (run == "MMM") return std::string(month.substr(0, 3));
  if (run == "MM") return two(c.month);
  if (run == "M") return std::to_string(c.month);
  if (run == "DD") return two(c.day);
  if (run == "D") return std::to_string(c.day);
  if (run == "EEEE") return std::string(day);
  if (run == "EEE") return std::string(day.substr(0, 3));
  if (run == "hh") return two(c.hour);
  if (run == "h") return std::to_string(c.hour);
  if (run == "HH") return two(hour12);
  if (run == "H") return std::to_string(hour12);
  if (run == "AA") return c.hour < 12 ? "AM" : "PM";
  if (run == "aa") return c.hour < 12 ? "am" : "pm";
  if (run == "mm") return two(c.minute);
  if (run == "m") return std::to_string(c.minute);
  if (run == "ss") return two(c.second);
  if (run == "s") return std::to_string(c.second);
  if (run == "ZZZZZ") return offset_text(t.offset_minutes, true);
  if (run == "ZZZZ") return offset_text(t.offset_minutes, false);
  if (run == "ZZZ") return t.offset_minutes == 0 ? "UTC" : offset_text(t.offset_minutes, false);
  if (run == "Z") return t.offset_minutes == 0 ? "Z" : offset_text(t.offset_minutes, true);
  return std::nullopt;
}

result<value> formatdate(arguments a, const function_environment&) {
  const std::string& pattern = text_at(a, 0);
  TRY_ASSIGN(auto t, parse_time(text_at(a, 1)));
  std::string out;
  for (size_t i = 0; i < pattern.size();) {
    char c = pattern[i];
    if (c == '\'') {
      // Text between single quotes stays; two of them are one.
      for (++i;; ++i) {
        if (i >= pattern.size()) return fail(errc::invalid, "the date format has a single quote that is not closed");
        if (pattern[i] != '\'') {
          out += pattern[i];
        } else if (i + 1 < pattern.size() && pattern[i + 1] == '\'') {
          out += pattern[i++];
        } else {
          break;
        }
      }
      ++i;
    } else if (std::isalpha(static_cast<unsigned char>(c))) {
      size_t end = std::min(pattern.find_first_not_of(c, i), pattern.size());
      auto part = time_part(std::string_view(pattern).substr(i, end - i), t);
      if (!part) return fail(errc::invalid, "the date format has no verb {}; put literal text between single quotes", quoted(pattern.substr(i, end - i)));
      out += *part;
      i = end;
    } else {
      out += c;
      ++i;
    }
  }
  return value(std::move(out));
}

result<value> timeadd(arguments a, const function_environment&) {
  TRY_ASSIGN(auto t, parse_time(text_at(a, 0)));
  TRY_ASSIGN(auto d, parse_duration(text_at(a, 1)));
  int64_t sum = 0;
  if (__builtin_add_overflow(t.at.ns, d.ns, &sum)) return fail(errc::invalid, "the resulting time is out of range");
  TRY_ASSIGN(t, checked({drover::timestamp(sum), t.offset_minutes}));
  return value(to_text(t));
}

result<value> current_time(arguments, const function_environment& environment) {
  if (!environment.now) return fail(errc::invalid, "it is not available here: there is no clock");
  return value(to_text(zoned_time{environment.now(), 0}));
}

}  // namespace

std::span<const function> time_functions() {
  using enum parameter;
  static const function table[] = {
      {"formatdate", {string, string}, {}, formatdate},
      {"timeadd", {string, string}, {}, timeadd},
      {"timestamp", {}, {}, current_time},
  };
  return table;
}

}  // namespace drover::hcl
