#include "templating/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/bytes.h"
#include "base/time.h"
#include "templating/limits.h"
#include "templating/utf8.h"

namespace drover::templating {

namespace {
struct flags {
  bool plus = false, minus = false, sharp = false, space = false, zero = false;
  bool plus_v = false, sharp_v = false;
  std::optional<int> width{}, precision{};
};

constexpr int width_max = 1'000'000;

std::string pad(std::string text, const flags& f) {
  if (!f.width) return text;
  auto have = static_cast<int>(rune_count(text));
  if (have >= *f.width) return text;
  auto room = static_cast<size_t>(*f.width - have);
  if (f.minus) return text + std::string(room, ' ');
  return std::string(room, f.zero ? '0' : ' ') + text;
}

std::string integer_text(uint64_t magnitude, bool negative, unsigned base, bool upper, char verb, flags f) {
  std::string digits;
  const char* set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  do digits.insert(digits.begin(), set[magnitude % base]);
  while ((magnitude /= base) != 0);
  if (f.precision) {
    if (*f.precision == 0 && digits == "0") return pad("", {.width = f.width});
    while (static_cast<int>(digits.size()) < *f.precision) digits.insert(digits.begin(), '0');
    f.zero = false;
  }
  std::string sign = negative ? "-" : f.plus ? "+" : f.space ? " " : "";
  std::string prefix;
  if (f.sharp && base == 2) prefix = "0b";
  if (f.sharp && base == 8 && digits[0] != '0') prefix = "0";
  if (f.sharp && base == 16) prefix = upper ? "0X" : "0x";
  if (verb == 'O') prefix = "0o";
  if (f.zero && f.width && !f.minus && !f.precision) {
    while (static_cast<int>(sign.size() + digits.size()) < *f.width) digits.insert(digits.begin(), '0');
  }
  f.zero = false;
  return pad(sign + prefix + digits, f);
}

class printer {
 public:
  // One operand by one verb.
  std::string operand(const datum& d, char32_t verb, const flags& f) {
    if (verb == 'T') return pad(d.type_name(), f);
    if (d.is_nil()) return verb == 'v' ? pad("<nil>", f) : bad(d, verb);
    if (auto* o = d.as_object()) {
      auto said = o->text();
      if (said && (verb == 'v' || verb == 's' || verb == 'q' || verb == 'x' || verb == 'X')) return text(*said, verb, f);
      return value(o->underlying(), verb, f, 0);
    }
    return value(d, verb, f, 0);
  }

  static std::string bad(const datum& d, char32_t verb) {
    std::string out = "%!";
    append_rune(out, verb);
    if (d.is_nil()) return out + "(<nil>)";
    return out + "(" + d.type_name() + "=" + print_value(d) + ")";
  }

 private:
  std::string value(const datum& d, char32_t verb, const flags& f, int depth) {
    if (depth > value_depth_max) return "...";
    if (d.is_nil()) return verb == 'v' ? pad("<nil>", f) : bad(d, verb);
    if (auto* b = d.as_bool()) return verb == 'v' || verb == 't' ? pad(*b ? "true" : "false", {.minus = f.minus, .width = f.width}) : bad(d, verb);
    if (auto* n = d.as_integer()) return whole(*n, d, verb, f);
    if (auto* x = d.as_double()) return fraction(*x, d, verb, f);
    if (auto* s = d.as_text()) return text(*s, verb, f);
    if (auto* l = d.as_list()) return list(*l, verb, f, depth);
    if (auto* m = d.as_map()) return map(*m, verb, f, depth);
    if (auto* r = d.as_record()) return record(*r, verb, f, depth);
    auto* o = d.as_object();
    auto said = o->text();
    if (said) return text(*said, verb, f);
    return value(o->underlying(), verb, f, depth + 1);
  }

  std::string whole(const integer& i, const datum& d, char32_t verb, const flags& f) {
    bool negative = i.n < 0 && i.kind != integer_kind::uint64;
    auto magnitude = negative ? 0 - static_cast<uint64_t>(i.n) : static_cast<uint64_t>(i.n);
    if (i.kind == integer_kind::duration && (verb == 'v' || verb == 's')) return pad(to_string(duration(i.n)), f);
    switch (verb) {
      case 'v':
      case 'd': return integer_text(magnitude, negative, 10, false, 'd', f);
      case 'b': return integer_text(magnitude, negative, 2, false, 'b', f);
      case 'o':
      case 'O': return integer_text(magnitude, negative, 8, false, static_cast<char>(verb), f);
      case 'x': return integer_text(magnitude, negative, 16, false, 'x', f);
      case 'X': return integer_text(magnitude, negative, 16, true, 'X', f);
      case 'c':
      case 'q': {
        std::string out;
        append_rune(out, negative || magnitude > 0x10ffff ? rune_error : static_cast<uint32_t>(magnitude));
        if (verb == 'c') return pad(out, f);
        auto quoted = go_quote(out, f.plus);
        if (out == "'") quoted = "\"\\'\"";
        if (out == "\"") quoted = "\"\"\"";
        return pad("'" + quoted.substr(1, quoted.size() - 2) + "'", f);
      }
      case 'U': {
        auto out = fmt::format("U+{:04X}", magnitude);
        return pad(f.sharp && is_printable(static_cast<uint32_t>(magnitude)) ? rune_name(static_cast<uint32_t>(magnitude)) : out, f);
      }
      default: return bad(d, verb);
    }
  }

  std::string fraction(double x, const datum& d, char32_t verb, flags f) {
    if (std::string_view("vbgGxXfFeE").find(static_cast<char>(verb)) == std::string_view::npos || verb > 127 || verb == 'b') return bad(d, verb);
    char form = verb == 'v' ? 'g' : verb == 'F' ? 'f' : static_cast<char>(verb);
    int precision = f.precision ? *f.precision : form == 'e' || form == 'E' || form == 'f' ? 6 : -1;
    auto out = format_float(x, form, precision);
    if (out[0] != '-' && (f.plus || out[0] == '+')) out = "+" + out.substr(out[0] == '+');
    else if (out[0] != '-' && f.space) out = " " + out;
    bool finite = std::isfinite(x);
    if (f.zero && f.width && !f.minus && finite && static_cast<int>(out.size()) < *f.width) {
      auto sign = out[0] == '-' || out[0] == '+' || out[0] == ' ' ? 1u : 0u;
      out.insert(sign, static_cast<size_t>(*f.width) - out.size(), '0');
    }
    f.zero = false;
    return pad(out, f);
  }

  std::string text(std::string_view s, char32_t verb, const flags& f) {
    auto cut = [&](std::string_view t) {
      if (!f.precision) return std::string(t);
      std::string out;
      auto all = runes(t);
      for (size_t i = 0; i < all.size() && static_cast<int>(i) < *f.precision; i++) append_rune(out, all[i]);
      return out;
    };
    switch (verb) {
      case 'v':
        if (f.sharp_v) return pad(go_quote(s), f);
        [[fallthrough]];
      case 's': return pad(cut(s), f);
      case 'q': {
        auto t = cut(s);
        if (f.sharp && t.find('`') == std::string::npos && std::ranges::all_of(runes(t), [](uint32_t c) { return is_printable(c) || c == '\t'; }))
          return pad("`" + t + "`", f);
        return pad(go_quote(t, f.plus), f);
      }
      case 'x':
      case 'X': {
        std::string out;
        auto bytes = f.precision ? s.substr(0, static_cast<size_t>(*f.precision)) : s;
        for (size_t i = 0; i < bytes.size(); i++) {
          if (f.space && i > 0) out += ' ';
          if (f.sharp && (f.space || i == 0)) out += verb == 'x' ? "0x" : "0X";
          out += verb == 'x' ? fmt::format("{:02x}", static_cast<uint8_t>(bytes[i])) : fmt::format("{:02X}", static_cast<uint8_t>(bytes[i]));
        }
        return pad(out, f);
      }
      default: return bad(datum(s), verb);
    }
  }

  std::string list(const list_box& l, char32_t verb, const flags& f, int depth) {
    std::string out = f.sharp_v ? (l.of_text ? "[]string{" : "[]interface {}{") : "[";
    for (size_t i = 0; i < l.items.size(); i++) {
      if (i > 0) out += f.sharp_v ? ", " : " ";
      out += value(l.items[i], verb, f, depth + 1);
    }
    return out + (f.sharp_v ? "}" : "]");
  }

  std::string map(const map_box& m, char32_t verb, const flags& f, int depth) {
    std::string out = f.sharp_v ? (m.of_text ? "map[string]string{" : "map[string]interface {}{") : "map[";
    bool first = true;
    for (auto& [key, member] : m.members) {
      if (!std::exchange(first, false)) out += f.sharp_v ? ", " : " ";
      out += text(key, verb == 'v' || verb == 's' || verb == 'q' || verb == 'x' || verb == 'X' ? verb : 's', f) + ":" + value(member, verb, f, depth + 1);
    }
    return out + (f.sharp_v ? "}" : "]");
  }

  std::string record(const record_box& r, char32_t verb, const flags& f, int depth) {
    std::string out = f.sharp_v ? r.type + "{" : "{";
    for (size_t i = 0; i < r.fields.size(); i++) {
      if (i > 0) out += f.sharp_v ? ", " : " ";
      if (f.plus_v || f.sharp_v) out += r.fields[i].first + ":";
      out += value(r.fields[i].second, verb, f, depth + 1);
    }
    return out + "}";
  }
};

class formatter {
 public:
  formatter(std::string_view format, std::span<const datum> arguments) : format_(format), arguments_(arguments) {}

  std::string run() {
    while (at_ < format_.size()) {
      auto percent = std::min(format_.find('%', at_), format_.size());
      out_ += format_.substr(at_, percent - at_);
      at_ = percent + 1;
      if (percent < format_.size()) directive();
    }
    if (!reordered_ && next_ < arguments_.size()) extra();
    return std::move(out_);
  }

 private:
  void directive() {
    flags f;
    good_index_ = true;
    bool after_index = false;
    read_flags(f);
    read_index(after_index);
    if (at_ < format_.size() && format_[at_] == '*') {
      ++at_;
      f.width = star();
      if (!f.width) out_ += "%!(BADWIDTH)";
      if (f.width && *f.width < 0) {
        f.width = -*f.width;
        f.minus = true;
        f.zero = false;
      }
      after_index = false;
    } else {
      f.width = digits();
      if (after_index && f.width) good_index_ = false;
    }
    if (at_ < format_.size() && format_[at_] == '.') {
      ++at_;
      if (after_index) good_index_ = false;
      read_index(after_index);
      if (at_ < format_.size() && format_[at_] == '*') {
        ++at_;
        f.precision = star();
        if (f.precision && *f.precision < 0) f.precision.reset(), out_ += "%!(BADPREC)";
        else if (!f.precision) out_ += "%!(BADPREC)";
        after_index = false;
      } else {
        f.precision = digits().value_or(0);
      }
    }
    if (!after_index) read_index(after_index);
    if (at_ >= format_.size()) {
      out_ += "%!(NOVERB)";
      return;
    }
    auto verb = decode_rune(format_.substr(at_));
    at_ += verb.length;
    print(verb.code, f);
  }

  void print(char32_t verb, flags f) {
    std::string name;
    append_rune(name, verb);
    if (verb == '%') {
      out_ += '%';
    } else if (!good_index_) {
      out_ += "%!" + name + "(BADINDEX)";
    } else if (next_ >= arguments_.size()) {
      out_ += "%!" + name + "(MISSING)";
    } else {
      if (verb == 'v') {
        f.sharp_v = std::exchange(f.sharp, false);
        f.plus_v = std::exchange(f.plus, false);
      }
      out_ += printer().operand(arguments_[next_++], verb, f);
    }
  }

  void read_flags(flags& f) {
    for (; at_ < format_.size(); ++at_) switch (format_[at_]) {
        case '#': f.sharp = true; break;
        case '0': f.zero = true; break;
        case '+': f.plus = true; break;
        case '-': f.minus = true; break;
        case ' ': f.space = true; break;
        default: return;
      }
  }

  std::optional<int> digits() {
    std::optional<int> n;
    for (; at_ < format_.size() && is_digit(static_cast<uint8_t>(format_[at_])); ++at_) n = std::min(n.value_or(0) * 10 + (format_[at_] - '0'), width_max);
    return n;
  }

  // "[2]".
  void read_index(bool& found) {
    if (at_ >= format_.size() || format_[at_] != '[') return;
    reordered_ = true;
    auto close = format_.find(']', at_);
    if (close == std::string_view::npos) {
      good_index_ = false;
      ++at_;
      return;
    }
    size_t n = 0;
    auto text = format_.substr(at_ + 1, close - at_ - 1);
    auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), n);
    at_ = close + 1;
    found = bad == std::errc() && end == text.data() + text.size() && n >= 1 && n <= arguments_.size();
    if (found) next_ = n - 1;
    else good_index_ = false;
  }

  std::optional<int> star() {
    if (next_ >= arguments_.size()) return std::nullopt;
    auto* n = arguments_[next_++].as_integer();
    if (n == nullptr || n->n > width_max || n->n < -width_max) return std::nullopt;
    return static_cast<int>(n->n);
  }

  void extra() {
    out_ += "%!(EXTRA ";
    for (size_t i = next_; i < arguments_.size(); i++) {
      if (i > next_) out_ += ", ";
      out_ += arguments_[i].is_nil() ? "<nil>" : arguments_[i].type_name() + "=" + print_value(arguments_[i]);
    }
    out_ += ")";
  }

  std::string_view format_;
  std::span<const datum> arguments_;
  std::string out_;
  size_t at_ = 0, next_ = 0;
  bool reordered_ = false, good_index_ = true;
};

// Go writes at least two digits of an exponent.
std::string with_exponent(std::string mantissa, int exponent, char e) {
  return fmt::format("{}{}{}{:02}", mantissa, e, exponent < 0 ? '-' : '+', std::abs(exponent));
}
}  // namespace

std::string format_float(double d, char verb, int precision) {
  if (std::isnan(d)) return "NaN";
  if (std::isinf(d)) return d > 0 ? "+Inf" : "-Inf";
  char lower = static_cast<char>(verb | 32);
  char e = verb == 'E' || verb == 'G' ? 'E' : 'e';
  if (lower == 'f' && precision >= 0) return fmt::format("{:.{}f}", d, precision);
  if (lower == 'f') {
    char fixed[400];
    return {fixed, std::to_chars(fixed, fixed + sizeof fixed, d, std::chars_format::fixed).ptr};
  }
  // Digits and exponent from the scientific form.
  bool shortest = precision < 0;
  int digits = lower == 'e' ? precision + 1 : std::max(precision, 1);
  char buffer[64];
  std::string text = shortest ? std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, d, std::chars_format::scientific).ptr)
                              : fmt::format("{:.{}e}", d, digits - 1);
  auto at = text.find('e');
  int exponent = std::atoi(text.c_str() + at + 1);
  auto mantissa = text.substr(0, at);
  if (lower == 'e') return with_exponent(mantissa, exponent, e);
  // %g: no zeros at the end.
  if (mantissa.find('.') != std::string::npos) {
    while (mantissa.ends_with('0')) mantissa.pop_back();
    if (mantissa.ends_with('.')) mantissa.pop_back();
  }
  int have = static_cast<int>(std::ranges::count_if(mantissa, [](char c) { return c >= '0' && c <= '9'; }));
  int threshold = shortest ? 6 : digits;
  if (!shortest && threshold > have && have >= exponent + 1) threshold = have;
  if (exponent < -4 || exponent >= threshold) return with_exponent(mantissa, exponent, e);
  if (shortest) return format_float(d, 'f', -1);
  auto out = fmt::format("{:.{}f}", d, std::max(0, have - 1 - exponent));
  return out;
}

std::string print_value(const datum& d) { return printer().operand(d, 'v', {}); }

std::string sprint(std::span<const datum> arguments) {
  std::string out;
  for (size_t i = 0; i < arguments.size(); i++) {
    bool text = arguments[i].as_text() != nullptr;
    bool before = i > 0 && arguments[i - 1].as_text() != nullptr;
    if (i > 0 && !text && !before) out += ' ';
    out += print_value(arguments[i]);
  }
  return out;
}

std::string sprintln(std::span<const datum> arguments) {
  std::string out;
  for (size_t i = 0; i < arguments.size(); i++) out += (i > 0 ? " " : "") + print_value(arguments[i]);
  return out + "\n";
}

std::string sprintf_go(std::string_view format, std::span<const datum> arguments) { return formatter(format, arguments).run(); }

}  // namespace drover::templating
