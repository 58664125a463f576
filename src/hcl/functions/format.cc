#include "hcl/functions/format.h"

#include <algorithm>
#include <cctype>

#include "hcl/functions/common.h"

namespace drover::hcl {
namespace {

constexpr int width_max = 10'000;

struct verb {
  bool plus = false, minus = false, space = false, zero = false, sharp = false;
  int width = 0;
  int precision = -1;
  char letter = 0;
};

class formatter {
 public:
  formatter(std::string_view pattern, std::span<const value> arguments) : pattern_(pattern), arguments_(arguments) {}

  result<std::string> run() {
    while (at_ < pattern_.size()) {
      size_t percent = std::min(pattern_.find('%', at_), pattern_.size());
      out_.append(pattern_, at_, percent - at_);
      if (percent == pattern_.size()) break;
      at_ = percent + 1;
      if (peek() == '%') {
        out_ += '%';
        ++at_;
        continue;
      }
      TRY(one());
      if (out_.size() > string_bytes_max) return fail(errc::invalid, "the text grows beyond {} bytes", string_bytes_max);
    }
    if (!indexed_ && next_ < arguments_.size()) return fail(errc::invalid, "too many arguments; only {} used by the format string", next_);
    return std::move(out_);
  }

 private:
  char peek() const { return at_ < pattern_.size() ? pattern_[at_] : '\0'; }

  int digits() {
    int n = 0;
    while (std::isdigit(static_cast<unsigned char>(peek()))) n = std::min(width_max, n * 10 + (pattern_[at_++] - '0'));
    return n;
  }

  result<> one() {
    verb v;
    for (;; ++at_) {
      if (peek() == '+') v.plus = true;
      else if (peek() == '-') v.minus = true;
      else if (peek() == ' ') v.space = true;
      else if (peek() == '0') v.zero = true;
      else if (peek() == '#') v.sharp = true;
      else break;
    }
    v.width = digits();
    if (peek() == '.') {
      ++at_;
      v.precision = digits();
    }
    if (peek() == '[') {
      ++at_;
      next_ = static_cast<size_t>(digits()) - 1;  // %[0] becomes a place that no argument has
      indexed_ = true;
      if (peek() != ']') return fail(errc::invalid, "an argument number such as \"%[1]s\" lacks its closing bracket");
      ++at_;
    }
    v.letter = peek();
    if (v.letter == '\0') return fail(errc::invalid, "the format string ends within a verb; write \"%%\" for a percent sign");
    ++at_;
    if (next_ >= arguments_.size()) return fail(errc::invalid, "not enough arguments for \"%{}\": there is no argument {}", v.letter, next_ + 1);
    const value& argument = arguments_[next_++];
    TRY_ASSIGN(std::string text, render(v, argument));
    pad(v, std::move(text));
    return {};
  }

  void pad(const verb& v, std::string text) {
    size_t length = characters(text).size();
    size_t fill = static_cast<size_t>(v.width) > length ? static_cast<size_t>(v.width) - length : 0;
    if (v.minus) {
      out_ += text + std::string(fill, ' ');
    } else if (v.zero && std::string_view("vdboxXeEfgG").find(v.letter) != std::string_view::npos) {
      size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ');
      out_ += text.substr(0, sign) + std::string(fill, '0') + text.substr(sign);
    } else {
      out_ += std::string(fill, ' ') + text;
    }
  }

  std::unexpected<error> unsupported(const verb& v, std::string_view wanted) {
    return fail(errc::invalid, "unsupported value for \"%{}\" at argument {}: {} is required", v.letter, next_, wanted);
  }

  result<std::string> render(const verb& v, const value& argument) {
    switch (v.letter) {
      case 'v': return any(v, argument);
      case 't':
        if (auto b = to_boolean(argument)) return std::string(*b ? "true" : "false");
        return unsupported(v, "a bool");
      case 's':
      case 'q': {
        auto text = to_text(argument);
        if (!text) return unsupported(v, "a string");
        std::string cut = shortened(v, *text);
        return v.letter == 'q' ? encode_json(value(cut)) : cut;
      }
      case 'd':
      case 'b':
      case 'o':
      case 'x':
      case 'X': return integer(v, argument);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G': return floating(v, argument);
      default: return fail(errc::invalid, "there is no verb \"%{}\"; write \"%%\" for a percent sign", v.letter);
    }
  }

  static std::string shortened(const verb& v, const std::string& text) {
    if (v.precision < 0) return text;
    std::string out;
    auto parts = characters(text);
    for (size_t i = 0; i < std::min(parts.size(), static_cast<size_t>(v.precision)); ++i) out += parts[i];
    return out;
  }

  result<std::string> any(const verb& v, const value& argument) {
    if (v.sharp || argument.as_list() || argument.as_object()) return encode_json(argument);
    if (argument.is_null()) return std::string("null");
    std::string text = *to_text(argument);
    if (argument.as_string()) return shortened(v, text);
    if (v.plus && !text.starts_with('-') && !argument.as_bool()) text.insert(0, "+");
    return text;
  }

  static std::string digits_of(uint64_t n, unsigned base, bool upper) {
    std::string out;
    do out += (upper ? "0123456789ABCDEF" : "0123456789abcdef")[n % base];
    while ((n /= base) != 0);
    std::ranges::reverse(out);
    return out;
  }

  result<std::string> integer(const verb& v, const value& argument) {
    bool hex = v.letter == 'x' || v.letter == 'X';
    if (hex && argument.as_string() && !to_number(argument)) {
      std::string out;
      for (char c : *argument.as_string()) out += fmt::format(fmt::runtime(v.letter == 'x' ? "{:02x}" : "{:02X}"), static_cast<uint8_t>(c));
      return out;
    }
    auto n = to_number(argument);
    auto whole = n ? to_integer(*n) : std::nullopt;
    if (!whole) return unsupported(v, "an integer");
    uint64_t magnitude = *whole < 0 ? 0 - static_cast<uint64_t>(*whole) : static_cast<uint64_t>(*whole);
    std::string out = *whole < 0 ? "-" : v.plus ? "+" : v.space ? " " : "";
    if (v.sharp && hex) out += v.letter == 'x' ? "0x" : "0X";
    if (v.sharp && v.letter == 'o') out += "0";
    return out + digits_of(magnitude, v.letter == 'd' ? 10 : v.letter == 'b' ? 2 : v.letter == 'o' ? 8 : 16, v.letter == 'X');
  }

  result<std::string> floating(const verb& v, const value& argument) {
    auto n = to_number(argument);
    if (!n) return unsupported(v, "a number");
    double d = to_double(*n);
    std::string out;
    if ((v.letter == 'g' || v.letter == 'G') && v.precision < 0) {
      // The shortest text that reads back as the same number.
      out = fmt::format("{}", d);
      if (v.letter == 'G') std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
      if (out.ends_with(".0")) out.resize(out.size() - 2);
    } else {
      std::string spec = fmt::format("%.{}{}", v.precision < 0 ? 6 : std::min(v.precision, 400), v.letter);
      char buffer[1024];
      int length = snprintf(buffer, sizeof buffer, spec.c_str(), d);
      out.assign(buffer, static_cast<size_t>(std::clamp(length, 0, static_cast<int>(sizeof buffer) - 1)));
    }
    if (v.plus && d >= 0) out.insert(0, "+");
    if (v.space && d >= 0 && !v.plus) out.insert(0, " ");
    return out;
  }

  std::string_view pattern_;
  std::span<const value> arguments_;
  size_t at_ = 0;
  size_t next_ = 0;
  bool indexed_ = false;
  std::string out_;
};

}  // namespace

result<std::string> format_text(std::string_view pattern, std::span<const value> arguments) { return formatter(pattern, arguments).run(); }

}  // namespace drover::hcl
