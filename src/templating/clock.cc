#include "templating/clock.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "base/text.h"

namespace drover::templating {

namespace {
constexpr std::array<std::string_view, 12> months{"January", "February", "March",     "April",   "May",      "June",
                                                  "July",    "August",   "September", "October", "November", "December"};
constexpr std::array<std::string_view, 7> days{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

enum class part : uint8_t {
  none,
  long_month,
  month,
  number_month,
  zero_month,
  long_weekday,
  weekday,
  day,
  padded_day,
  zero_day,
  padded_year_day,
  year_day,
  hour,
  hour12,
  zero_hour12,
  minute,
  zero_minute,
  second,
  zero_second,
  long_year,
  year,
  upper_pm,
  lower_pm,
  zone_name,
  iso_zone,
  iso_zone_colon,
  zone,
  zone_colon,
  zone_short,
  iso_zone_short,
  fraction_zero,
  fraction_nine,
};

struct cut_part {
  size_t at = std::string_view::npos;
  size_t length = 0;
  part what = part::none;
  int digits = 0;
};

// The parts of a layout by what they begin with; longer ones first.
struct known {
  std::string_view text;
  part what;
};
constexpr known parts[] = {
    {"January", part::long_month},
    {"Jan", part::month},
    {"Monday", part::long_weekday},
    {"Mon", part::weekday},
    {"MST", part::zone_name},
    {"002", part::year_day},
    {"01", part::zero_month},
    {"02", part::zero_day},
    {"03", part::zero_hour12},
    {"04", part::zero_minute},
    {"05", part::zero_second},
    {"06", part::year},
    {"15", part::hour},
    {"2006", part::long_year},
    {"__2", part::padded_year_day},
    {"_2006", part::none},
    {"_2", part::padded_day},
    {"-07:00", part::zone_colon},
    {"-0700", part::zone},
    {"-07", part::zone_short},
    {"Z07:00", part::iso_zone_colon},
    {"Z0700", part::iso_zone},
    {"Z07", part::iso_zone_short},
    {"PM", part::upper_pm},
    {"pm", part::lower_pm},
    {"1", part::number_month},
    {"2", part::day},
    {"3", part::hour12},
    {"4", part::minute},
    {"5", part::second},
};

bool fraction_at(std::string_view layout, size_t i, cut_part& out) {
  if ((layout[i] != '.' && layout[i] != ',') || i + 1 >= layout.size() || (layout[i + 1] != '0' && layout[i + 1] != '9')) return false;
  char digit = layout[i + 1];
  size_t end = i + 1;
  while (end < layout.size() && layout[end] == digit) ++end;
  if (end < layout.size() && layout[end] >= '0' && layout[end] <= '9') return false;
  out = {i, end - i, digit == '0' ? part::fraction_zero : part::fraction_nine, static_cast<int>(end - i - 1)};
  return true;
}

cut_part next_part(std::string_view layout) {
  for (size_t i = 0; i < layout.size(); i++) {
    cut_part found;
    if (fraction_at(layout, i, found)) return found;
    auto rest = layout.substr(i);
    for (auto& k : parts) {
      if (!rest.starts_with(k.text)) continue;
      // "_2006" is "_" and a year; "Jan" does not begin "Januaryx"; "Mon" not "Month".
      if (k.what == part::none) return {i + 1, 4, part::long_year, 0};
      if (k.what == part::weekday && rest.size() > 3 && rest[3] >= 'a' && rest[3] <= 'z') continue;
      if (k.what == part::month && rest.size() > 3 && rest[3] >= 'a' && rest[3] <= 'z') continue;
      return {i, k.text.size(), k.what, 0};
    }
  }
  return {};
}

std::string offset_text(int offset, std::string_view colon, bool hours_only, bool zulu) {
  if (zulu && offset == 0) return "Z";
  int minutes = std::abs(offset) / 60;
  auto out = fmt::format("{}{:02}", offset < 0 ? '-' : '+', minutes / 60);
  return hours_only ? out : out + fmt::format("{}{:02}", colon, minutes % 60);
}

civil_time local(const moment& m) { return to_civil(m.at + seconds(m.offset_seconds)); }
int weekday(const civil_time& c) { return static_cast<int>(((days_from_civil(c.year, c.month, c.day) + 4) % 7 + 7) % 7); }
int64_t year_day(const civil_time& c) { return days_from_civil(c.year, c.month, c.day) - days_from_civil(c.year, 1, 1) + 1; }

std::string fraction_text(const cut_part& p, int nanosecond, char point) {
  auto digits = fmt::format("{:09}", nanosecond);
  digits.resize(static_cast<size_t>(std::min(p.digits, 9)));
  if (p.what == part::fraction_nine) {
    while (digits.ends_with('0')) digits.pop_back();
    if (digits.empty()) return "";
  }
  return point + digits;
}

std::string part_text(const cut_part& p, const moment& m, const civil_time& c, char point) {
  int hour12 = c.hour % 12 == 0 ? 12 : c.hour % 12;
  switch (p.what) {
    case part::none: return "";
    case part::long_month: return std::string(months[static_cast<size_t>(c.month - 1)]);
    case part::month: return std::string(months[static_cast<size_t>(c.month - 1)].substr(0, 3));
    case part::number_month: return std::to_string(c.month);
    case part::zero_month: return fmt::format("{:02}", c.month);
    case part::long_weekday: return std::string(days[static_cast<size_t>(weekday(c))]);
    case part::weekday: return std::string(days[static_cast<size_t>(weekday(c))].substr(0, 3));
    case part::day: return std::to_string(c.day);
    case part::padded_day: return fmt::format("{:2}", c.day);
    case part::zero_day: return fmt::format("{:02}", c.day);
    case part::padded_year_day: return fmt::format("{:3}", year_day(c));
    case part::year_day: return fmt::format("{:03}", year_day(c));
    case part::hour: return fmt::format("{:02}", c.hour);
    case part::hour12: return std::to_string(hour12);
    case part::zero_hour12: return fmt::format("{:02}", hour12);
    case part::minute: return std::to_string(c.minute);
    case part::zero_minute: return fmt::format("{:02}", c.minute);
    case part::second: return std::to_string(c.second);
    case part::zero_second: return fmt::format("{:02}", c.second);
    case part::long_year: return fmt::format("{:04}", c.year);
    case part::year: return fmt::format("{:02}", c.year % 100);
    case part::upper_pm: return c.hour >= 12 ? "PM" : "AM";
    case part::lower_pm: return c.hour >= 12 ? "pm" : "am";
    case part::zone_name: return m.zone.empty() ? offset_text(m.offset_seconds, "", m.offset_seconds % 3600 == 0, false) : m.zone;
    case part::iso_zone: return offset_text(m.offset_seconds, "", false, true);
    case part::iso_zone_colon: return offset_text(m.offset_seconds, ":", false, true);
    case part::iso_zone_short: return offset_text(m.offset_seconds, "", true, true);
    case part::zone: return offset_text(m.offset_seconds, "", false, false);
    case part::zone_colon: return offset_text(m.offset_seconds, ":", false, false);
    case part::zone_short: return offset_text(m.offset_seconds, "", true, false);
    case part::fraction_zero:
    case part::fraction_nine: return fraction_text(p, c.nanosecond, point);
  }
  return "";
}
}  // namespace

std::string format_time(const moment& m, std::string_view layout) {
  auto c = local(m);
  std::string out;
  while (!layout.empty()) {
    auto p = next_part(layout);
    if (p.what == part::none) break;
    out += layout.substr(0, p.at);
    out += part_text(p, m, c, layout[p.at]);
    layout.remove_prefix(p.at + p.length);
  }
  return out.append(layout);
}

namespace {
class time_reader {
 public:
  time_reader(std::string_view layout, std::string_view text) : layout_(layout), whole_layout_(layout), text_(text), whole_(text) {}

  result<moment> read() {
    while (!layout_.empty()) {
      auto p = next_part(layout_);
      auto literal = layout_.substr(0, p.at);
      wanted_ = literal;
      if (!text_.starts_with(literal)) return wrong();
      text_.remove_prefix(literal.size());
      if (p.what == part::none) {
        layout_ = {};
        break;
      }
      wanted_ = layout_.substr(p.at, p.length);
      layout_.remove_prefix(p.at + p.length);
      TRY(take(p));
    }
    if (!text_.empty()) return fail(errc::invalid, "parsing time \"{}\": extra text: \"{}\"", whole_, text_);
    return finish();
  }

 private:
  std::unexpected<error> wrong() const {
    return fail(errc::invalid, "parsing time \"{}\" as \"{}\": cannot parse \"{}\" as \"{}\"", whole_, whole_layout_, text_, wanted_);
  }

  // At least `least` digits, at most `most`.
  result<int> number(size_t least, size_t most) {
    size_t n = 0;
    while (n < most && n < text_.size() && text_[n] >= '0' && text_[n] <= '9') ++n;
    if (n < least) return wrong();
    auto out = static_cast<int>(*parse_int(text_.substr(0, n)));
    text_.remove_prefix(n);
    return out;
  }

  template <size_t N>
  result<int> name(const std::array<std::string_view, N>& names, bool whole) {
    for (size_t i = 0; i < N; i++) {
      auto wanted = whole ? names[i] : names[i].substr(0, 3);
      if (text_.size() < wanted.size() || !equals_ignoring_case(text_.substr(0, wanted.size()), wanted)) continue;
      text_.remove_prefix(wanted.size());
      return static_cast<int>(i);
    }
    return wrong();
  }

  result<> offset(bool zulu, bool colon, bool hours_only) {
    if (zulu && text_.starts_with('Z')) {
      text_.remove_prefix(1);
      offset_ = 0;
      zone_ = "UTC";
      return {};
    }
    if (text_.empty() || (text_[0] != '+' && text_[0] != '-')) return wrong();
    int sign = text_[0] == '-' ? -1 : 1;
    text_.remove_prefix(1);
    TRY_ASSIGN(int h, number(2, 2));
    int m = 0;
    if (!hours_only) {
      if (colon && !text_.starts_with(':')) return wrong();
      if (colon) text_.remove_prefix(1);
      TRY_ASSIGN(m, number(2, 2));
    }
    if (h > 24 || m > 59) return wrong();
    offset_ = sign * (h * 3600 + m * 60);
    return {};
  }

  result<> take_fraction() {
    if (text_.empty() || (text_[0] != '.' && text_[0] != ',')) return {};
    size_t n = 1;
    int64_t value = 0, scale = 1'000'000'000;
    for (; n < text_.size() && text_[n] >= '0' && text_[n] <= '9'; ++n)
      if (scale > 1) value = value * 10 + (text_[n] - '0'), scale /= 10;
    if (n == 1) return {};
    c_.nanosecond = static_cast<int>(value * scale);
    text_.remove_prefix(n);
    return {};
  }

  result<> take(const cut_part& p) {
    switch (p.what) {
      case part::none: return {};
      case part::long_month:
      case part::month: {
        TRY_ASSIGN(c_.month, name(months, p.what == part::long_month));
        ++c_.month;
        return {};
      }
      case part::number_month:
      case part::zero_month: return set(c_.month, p.what == part::zero_month ? 2 : 1);
      case part::long_weekday:
      case part::weekday: TRY(name(days, p.what == part::long_weekday)); return {};
      case part::padded_day:
        if (text_.starts_with(' ')) text_.remove_prefix(1);
        return set(c_.day, 1);
      case part::day:
      case part::zero_day: return set(c_.day, p.what == part::zero_day ? 2 : 1);
      case part::padded_year_day:
      case part::year_day: {
        while (text_.starts_with(' ')) text_.remove_prefix(1);
        TRY_ASSIGN(year_day_, number(1, 3));
        return {};
      }
      case part::hour: return set(c_.hour, 2);
      case part::hour12:
      case part::zero_hour12: return set(c_.hour, p.what == part::zero_hour12 ? 2 : 1);
      case part::minute:
      case part::zero_minute: return set(c_.minute, p.what == part::zero_minute ? 2 : 1);
      case part::second:
      case part::zero_second: {
        TRY(set(c_.second, p.what == part::zero_second ? 2 : 1));
        auto following = next_part(layout_);
        bool fraction_follows = following.at == 0 && (following.what == part::fraction_zero || following.what == part::fraction_nine);
        return fraction_follows ? result<>{} : take_fraction();
      }
      case part::long_year: {
        TRY_ASSIGN(c_.year, number(4, 4));
        return {};
      }
      case part::year: {
        TRY_ASSIGN(c_.year, number(2, 2));
        c_.year += c_.year >= 69 ? 1900 : 2000;
        return {};
      }
      case part::upper_pm:
      case part::lower_pm: {
        if (text_.size() < 2 || (text_[1] | 32) != 'm') return wrong();
        half_ = static_cast<char>(text_[0] | 32);
        if (half_ != 'a' && half_ != 'p') return wrong();
        text_.remove_prefix(2);
        return {};
      }
      case part::zone_name: {
        size_t n = 0;
        while (n < text_.size() && text_[n] >= 'A' && text_[n] <= 'Z') ++n;
        if (n < 3) return wrong();
        zone_ = text_.substr(0, n);
        text_.remove_prefix(n);
        return {};
      }
      case part::iso_zone: return offset(true, false, false);
      case part::iso_zone_colon: return offset(true, true, false);
      case part::iso_zone_short: return offset(true, false, true);
      case part::zone: return offset(false, false, false);
      case part::zone_colon: return offset(false, true, false);
      case part::zone_short: return offset(false, false, true);
      case part::fraction_zero:
      case part::fraction_nine: return take_fraction();
    }
    return {};
  }

  result<> set(int& into, size_t least) {
    TRY_ASSIGN(into, number(least, 2));
    return {};
  }

  result<moment> finish() {
    if (half_ == 'p' && c_.hour < 12) c_.hour += 12;
    if (half_ == 'a' && c_.hour == 12) c_.hour = 0;
    static constexpr std::array<int, 12> lengths{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (c_.year % 4 == 0 && c_.year % 100 != 0) || c_.year % 400 == 0;
    auto out_of_range = [&](std::string_view what) { return fail(errc::invalid, "parsing time \"{}\": {} out of range", whole_, what); };
    if (c_.month < 1 || c_.month > 12) return out_of_range("month");
    if (c_.day < 1 || c_.day > lengths[static_cast<size_t>(c_.month - 1)] || (c_.month == 2 && c_.day == 29 && !leap)) return out_of_range("day");
    if (c_.hour > 23) return out_of_range("hour");
    if (c_.minute > 59) return out_of_range("minute");
    if (c_.second > 59) return out_of_range("second");
    if (c_.year < 1678 || c_.year > 2261) return out_of_range("year");
    auto day = year_day_ ? days_from_civil(c_.year, 1, 1) + *year_day_ - 1 : days_from_civil(c_.year, c_.month, c_.day);
    int64_t total = day * 86400 + c_.hour * 3600 + c_.minute * 60 + c_.second - offset_.value_or(0);
    moment out{timestamp(total * 1'000'000'000 + c_.nanosecond), offset_.value_or(0), "UTC"};
    if (offset_.value_or(0) != 0) out.zone = zone_;
    else if (!zone_.empty()) out.zone = zone_;
    return out;
  }

  std::string_view layout_, whole_layout_, text_, whole_;
  // The part of the layout that is read.
  std::string_view wanted_{};
  civil_time c_{.year = 1970, .month = 1, .day = 1};
  std::optional<int> offset_, year_day_;
  std::string zone_;
  char half_ = 0;
};

class time_object : public object {
 public:
  explicit time_object(moment m) : m_(std::move(m)) {}
  const moment& value() const { return m_; }
  std::string type_name() const override { return "time.Time"; }
  std::optional<std::string> text() const override { return format_time(m_, "2006-01-02 15:04:05.999999999 -0700 MST"); }
  datum encoded() const override { return format_time(m_, "2006-01-02T15:04:05.999999999Z07:00"); }

  result<std::optional<datum>> member(std::string_view name, std::span<const datum> a) override {
    auto c = local(m_);
    auto number = [](int64_t n) -> result<std::optional<datum>> { return datum(n); };
    if (a.empty()) {
      if (name == "Unix") return number(m_.at.unix_seconds());
      if (name == "UnixNano") return number(m_.at.ns);
      if (name == "UnixMilli") return number(m_.at.ns / 1'000'000);
      if (name == "Year") return number(c.year);
      if (name == "Day") return number(c.day);
      if (name == "Hour") return number(c.hour);
      if (name == "Minute") return number(c.minute);
      if (name == "Second") return number(c.second);
      if (name == "Nanosecond") return number(c.nanosecond);
      if (name == "YearDay") return number(year_day(c));
      if (name == "Month") return datum(months[static_cast<size_t>(c.month - 1)]);
      if (name == "Weekday") return datum(days[static_cast<size_t>(weekday(c))]);
      if (name == "UTC") return time_datum({m_.at, 0, "UTC"});
      if (name == "Local") return time_datum(m_);
      if (name == "String") return datum(*text());
      if (name == "IsZero") return datum(m_.at.is_zero());
    }
    if (a.size() == 1) return with_argument(name, a[0]);
    return std::nullopt;
  }

 private:
  result<std::optional<datum>> with_argument(std::string_view name, const datum& a) const {
    if (name == "Format" && a.as_text()) return datum(format_time(m_, *a.as_text()));
    if (name == "Add" && a.as_integer()) return time_datum({m_.at + duration(a.as_integer()->n), m_.offset_seconds, m_.zone});
    auto* other = as_time(a);
    if (!other) return std::nullopt;
    if (name == "Sub") return datum(integer{(m_.at - other->at).ns, integer_kind::duration});
    if (name == "Before") return datum(m_.at < other->at);
    if (name == "After") return datum(m_.at > other->at);
    if (name == "Equal") return datum(m_.at == other->at);
    return std::nullopt;
  }
  moment m_;
};
}  // namespace

result<moment> parse_time(std::string_view layout, std::string_view text) { return time_reader(layout, text).read(); }

datum time_datum(moment m) { return std::static_pointer_cast<object>(std::make_shared<time_object>(std::move(m))); }

const moment* as_time(const datum& d) {
  auto* t = dynamic_cast<time_object*>(d.as_object());
  return t ? &t->value() : nullptr;
}

}  // namespace drover::templating
