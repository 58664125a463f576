#include "codec/json_locate.h"

#include <fmt/format.h>

#include <cctype>
#include <vector>

#include "base/text.h"
#include "codec/json.h"

namespace drover::codec {
namespace {

// A strict reader of RFC 8259 without recursion: keeps the open brackets in a list and stops at the first mistake.
class checker {
 public:
  explicit checker(std::string_view text) : text_(text) {}

  std::string check() {
    if (blanks(); at_ == text_.size()) return place("the text is empty");
    bool wants_value = true;
    for (;;) {
      blanks();
      if (open_.size() > static_cast<size_t>(depth_max)) return place(fmt::format("exceeded max depth of {}", depth_max));
      if (wants_value) {
        if (!open_.empty() && open_.back() == '[' && peek() == ']' && fresh_) wants_value = false;
        else if (!value(wants_value)) return problem_;
        if (wants_value) continue;
      }
      blanks();
      if (open_.empty()) return at_ == text_.size() ? place("the text is damaged") : place("something follows the end of the value");
      char c = peek();
      if (c == ',') {
        ++at_;
        fresh_ = false;
        if (open_.back() == '{' && !key()) return problem_;
        wants_value = true;
      } else if (c == (open_.back() == '{' ? '}' : ']')) {
        ++at_;
        open_.pop_back();
      } else if (at_ == text_.size()) {
        return place(fmt::format("the text ends inside {}", open_.back() == '{' ? "an object" : "a list"));
      } else {
        return place(fmt::format("expected a comma or the end of the {}", open_.back() == '{' ? "object" : "list"));
      }
    }
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
  }
  std::string place(std::string_view what) const {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at_ && i < text_.size(); ++i) {
      if (text_[i] == '\n') ++line, column = 1;
      else ++column;
    }
    return fmt::format("line {}, column {}: {}", line, column, what);
  }
  bool wrong(std::string_view what) {
    problem_ = place(what);
    return false;
  }
  bool string() {
    size_t start = at_++;
    for (; at_ < text_.size(); ++at_) {
      auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        if (!is_valid_utf8(text_.substr(start, at_ - start))) return wrong("a string is no valid UTF-8");
        return ++at_, true;
      }
      if (c < 0x20) return wrong("a string holds a bare control character; write \\n or \\u00XX");
      if (c == '\\') {
        ++at_;
        if (std::string_view("\"\\/bfnrtu").find(peek()) == std::string_view::npos) return wrong("unknown escape in a string");
      }
    }
    at_ = start;
    return wrong("a string is not closed");
  }
  bool key() {
    blanks();
    if (peek() != '"') return wrong("expected a key in double quotes");
    if (!string()) return false;
    blanks();
    if (peek() != ':') return wrong("expected a colon after the key");
    ++at_;
    return true;
  }
  // Leaves `wants_value` set when a bracket was opened and a value must follow.
  bool value(bool& wants_value) {
    char c = peek();
    wants_value = false;
    if (c == '{') {
      ++at_;
      open_.push_back('{');
      blanks();
      if (peek() == '}') return true;
      wants_value = true;
      return key();
    }
    if (c == '[') {
      ++at_;
      open_.push_back('[');
      fresh_ = true;
      wants_value = true;
      return true;
    }
    if (c == '"') return string();
    if (at_ == text_.size()) return wrong("the text ends where a value should be");
    size_t start = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '+' || text_[at_] == '-' || text_[at_] == '.')) ++at_;
    auto word = text_.substr(start, at_ - start);
    bool literal = word == "true" || word == "false" || word == "null";
    if (literal || (!word.empty() && (std::isdigit(static_cast<unsigned char>(word.back()))) && parse_double(word))) return true;
    at_ = start;
    return wrong("expected a value");
  }

  std::string_view text_;
  size_t at_ = 0;
  bool fresh_ = false;  // just behind '['
  std::vector<char> open_;
  std::string problem_;
};

}  // namespace

std::string locate_json_error(std::string_view text) { return checker(text).check(); }

}  // namespace drover::codec
