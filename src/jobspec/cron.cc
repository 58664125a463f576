#include "jobspec/cron.h"

#include <algorithm>

#include "base/text.h"
#include "jobspec/limits.h"

namespace drover::jobspec {
namespace {

constexpr int64_t nanoseconds_a_second = 1'000'000'000;
constexpr int64_t seconds_a_day = 86'400;

struct field_rule {
  std::string_view what;
  int min;
  int max;
  std::string_view names;  // three letters each, the first for `names_at`
  int names_at;
};
constexpr field_rule second_rule{"second", 0, 59, "", 0};
constexpr field_rule minute_rule{"minute", 0, 59, "", 0};
constexpr field_rule hour_rule{"hour", 0, 23, "", 0};
constexpr field_rule day_rule{"day of the month", 1, 31, "", 0};
constexpr field_rule month_rule{"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1};
constexpr field_rule weekday_rule{"day of the week", 0, 7, "sunmontuewedthufrisat", 0};

constexpr std::pair<std::string_view, std::string_view> macros[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"},
};

result<int> read_number(std::string_view text, const field_rule& rule) {
  if (text.size() == 3 && !rule.names.empty()) {
    if (size_t at = rule.names.find(to_lower(text)); at != std::string_view::npos && at % 3 == 0) return static_cast<int>(at / 3) + rule.names_at;
  }
  auto number = parse_int(text);
  if (!number.has_value() || *number < rule.min || *number > rule.max)
    return fail(errc::invalid, "\"{}\" is no {}; it must be between {} and {}", text, rule.what, rule.min, rule.max);
  return static_cast<int>(*number);
}

struct span_of {
  int first = 0, last = 0, step = 1;
};

// "*", "?", "5", "1-5", "*/10", "10/5", "1-30/2"
result<span_of> read_span(std::string_view part, const field_rule& rule) {
  span_of out;
  std::string_view base = part;
  size_t slash = part.find('/');
  if (slash != std::string_view::npos) {
    base = part.substr(0, slash);
    auto step = parse_int(part.substr(slash + 1));
    if (!step.has_value() || *step < 1 || *step > rule.max) return fail(errc::invalid, "\"{}\" has no valid step; write for example */5", part);
    out.step = static_cast<int>(*step);
  }
  size_t dash = base.find('-');
  if (base == "*" || base == "?") {
    out.first = rule.min;
    out.last = rule.max;
  } else if (dash != std::string_view::npos) {
    TRY_ASSIGN(out.first, read_number(base.substr(0, dash), rule));
    TRY_ASSIGN(out.last, read_number(base.substr(dash + 1), rule));
    if (out.first > out.last) return fail(errc::invalid, "\"{}\" ends before it begins", part);
  } else {
    TRY_ASSIGN(out.first, read_number(base, rule));
    out.last = slash == std::string_view::npos ? out.first : rule.max;
  }
  return out;
}

result<uint64_t> read_field(std::string_view text, const field_rule& rule) {
  uint64_t bits = 0;
  for (auto part : split(text, ',')) {
    TRY_ASSIGN(auto span, read_span(part, rule));
    for (int i = span.first; i <= span.last; i += span.step) bits |= uint64_t{1} << i;
  }
  return bits;
}

bool is_any(std::string_view text) { return text == "*" || text == "?"; }
bool has(uint64_t bits, int i) { return (bits >> i & 1) != 0; }

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  for (auto part : split(text, ' '))
    if (!trim(part).empty()) out.push_back(trim(part));
  return out;
}

}  // namespace

result<cron> cron::parse(std::string_view text) {
  cron out;
  text = trim(text);
  if (text.starts_with("@every ")) {
    TRY_ASSIGN(out.every_, parse_duration(trim(text.substr(7))));
    if (out.every_ < seconds(1)) return fail(errc::invalid, "@every {} is shorter than a second", to_string(out.every_));
    return out;
  }
  for (const auto& [name, meaning] : macros)
    if (text == name) text = meaning;
  auto fields = words(text);
  if (fields.size() < 5 || fields.size() > 7)
    return fail(errc::invalid, "it has {} fields; five to seven are needed (minute hour day month weekday)", fields.size());
  size_t at = 0;
  if (fields.size() >= 6) {
    // Six fields end in a year, seven begin with seconds as well.
    TRY(out.set_years(fields.back()));
    if (fields.size() == 7) {
      TRY_ASSIGN(out.seconds_, read_field(fields[at++], second_rule));
    }
  }
  TRY_ASSIGN(out.minutes_, read_field(fields[at++], minute_rule));
  TRY_ASSIGN(out.hours_, read_field(fields[at++], hour_rule));
  auto day = fields[at++];
  out.last_day_ = to_upper(day) == "L";
  out.any_day_ = is_any(day);
  if (!out.last_day_) {
    TRY_ASSIGN(out.days_, read_field(day, day_rule));
  }
  TRY_ASSIGN(out.months_, read_field(fields[at++], month_rule));
  out.any_weekday_ = is_any(fields[at]);
  TRY_ASSIGN(out.weekdays_, read_field(fields[at], weekday_rule));
  if (has(out.weekdays_, 7)) out.weekdays_ |= 1;  // Sunday has two numbers
  return out;
}

result<> cron::set_years(std::string_view text) {
  constexpr field_rule year_rule{"year", 1970, 2099, "", 0};
  if (is_any(text)) return {};
  for (auto part : split(text, ',')) {
    TRY_ASSIGN(auto span, read_span(part, year_rule));
    for (int i = span.first; i <= span.last; i += span.step) years_.push_back(i);
  }
  return {};
}

bool cron::matches_day(int64_t day) const {
  auto civil = to_civil(timestamp(day * seconds_a_day * nanoseconds_a_second));
  if (!years_.empty() && std::ranges::find(years_, civil.year) == years_.end()) return false;
  if (!has(months_, civil.month)) return false;
  int weekday = static_cast<int>(((day + 4) % 7 + 7) % 7);  // 1970-01-01 was a Thursday
  bool month_day = has(days_, civil.day);
  if (last_day_) {
    auto tomorrow = to_civil(timestamp((day + 1) * seconds_a_day * nanoseconds_a_second));
    month_day = tomorrow.day == 1;
  }
  // As cron has it: with both fields restricted, either is enough.
  if (any_day_) return has(weekdays_, weekday);
  if (any_weekday_) return month_day;
  return month_day || has(weekdays_, weekday);
}

std::optional<timestamp> cron::next(timestamp after) const {
  if (every_.ns > 0) return timestamp(after.unix_seconds() * nanoseconds_a_second) + every_;
  int64_t from = after.unix_seconds() + 1;
  int64_t first_day = from / seconds_a_day - (from % seconds_a_day < 0 ? 1 : 0);
  int64_t days_max = int64_t{366} * cron_years_max;
  for (int64_t day = first_day; day <= first_day + days_max; ++day) {
    if (!matches_day(day)) continue;
    int64_t start = day == first_day ? from - day * seconds_a_day : 0;
    for (int64_t at = start; at < seconds_a_day;) {
      int hour = static_cast<int>(at / 3600), minute = static_cast<int>(at / 60 % 60);
      if (!has(hours_, hour)) at = (hour + 1) * 3600;
      else if (!has(minutes_, minute)) at = (at / 60 + 1) * 60;
      else if (!has(seconds_, static_cast<int>(at % 60))) ++at;
      else return timestamp((day * seconds_a_day + at) * nanoseconds_a_second);
    }
  }
  return std::nullopt;
}

}  // namespace drover::jobspec
