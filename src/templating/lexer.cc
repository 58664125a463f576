#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "templating/limits.h"
#include "templating/token.h"
#include "templating/utf8.h"

namespace drover::templating {

bool is_keyword(std::string_view word) {
  static constexpr std::array words{"block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"};
  return std::ranges::find(words, word) != words.end();
}

namespace {
constexpr std::string_view blanks = " \t\r\n";
bool is_blank(char c) { return blanks.find(c) != std::string_view::npos; }

class lexer {
 public:
  lexer(std::string_view source, const delimiters& marks) : source_(source), marks_(marks) {}

  std::vector<token> run() {
    while (!done_) {
      if (out_.size() > tokens_max) fail_here("the template has too many tokens");
      else if (inside_) lex_action();
      else lex_text();
    }
    return std::move(out_);
  }

 private:
  std::string_view rest() const { return source_.substr(at_); }
  bool at_end() const { return at_ >= source_.size(); }

  void emit(token_kind kind, size_t length) {
    out_.push_back({kind, at_, line_, source_.substr(at_, length), {}});
    skip(length);
  }
  void skip(size_t length) {
    line_ += static_cast<int>(std::ranges::count(source_.substr(at_, length), '\n'));
    at_ += length;
  }
  void fail_at(size_t position, std::string message) {
    out_.push_back({token_kind::failure, position, line_, {}, std::move(message)});
    done_ = true;
  }
  void fail_here(std::string message) { fail_at(at_, std::move(message)); }

  // "- " after a left delimiter takes the blanks before it away.
  bool left_trim(size_t from) const { return source_.size() > from + 1 && source_[from] == '-' && is_blank(source_[from + 1]); }
  // Whether a right delimiter is at `from`; trim: with " -" before it.
  bool right_mark(size_t from, bool& trim) const {
    auto text = source_.substr(from);
    trim = text.size() > 1 && is_blank(text[0]) && text[1] == '-' && text.substr(2).starts_with(marks_.right);
    return trim || text.starts_with(marks_.right);
  }
  void skip_blanks() {
    auto end = rest().find_first_not_of(blanks);
    skip(end == std::string_view::npos ? rest().size() : end);
  }

  void lex_text() {
    auto open = rest().find(marks_.left);
    if (open == std::string_view::npos) {
      if (!at_end()) emit(token_kind::text, rest().size());
      emit(token_kind::end_of_text, 0);
      done_ = true;
      return;
    }
    size_t length = open;
    auto after = at_ + open + marks_.left.size();
    bool trim = left_trim(after);
    if (trim) {
      auto last = rest().substr(0, open).find_last_not_of(blanks);
      length = last == std::string_view::npos ? 0 : last + 1;
    }
    if (length > 0) emit(token_kind::text, length);
    skip(open - length);
    if (source_.substr(after + (trim ? 2 : 0)).starts_with("/*")) return lex_comment(trim);
    emit(token_kind::left_delimiter, marks_.left.size());
    if (trim) skip(2);
    inside_ = true;
    parentheses_ = 0;
  }

  void lex_comment(bool trim) {
    skip(marks_.left.size() + (trim ? 2 : 0));
    auto end = rest().find("*/");
    if (end == std::string_view::npos) return fail_here("unclosed comment");
    skip(end + 2);
    bool trim_after = false;
    if (!right_mark(at_, trim_after)) return fail_here("comment ends before closing delimiter");
    skip((trim_after ? 2 : 0) + marks_.right.size());
    if (trim_after) skip_blanks();
  }

  void lex_action() {
    bool trim = false;
    if (right_mark(at_, trim)) {
      if (parentheses_ != 0) return fail_here("unclosed left paren");
      if (trim) skip(2);
      emit(token_kind::right_delimiter, marks_.right.size());
      if (trim) skip_blanks();
      inside_ = false;
      return;
    }
    if (at_end()) return fail_here("unclosed action");
    char c = source_[at_];
    if (is_blank(c)) return lex_space();
    switch (c) {
      case '=': return emit(token_kind::assign, 1);
      case '|': return emit(token_kind::pipe, 1);
      case ':':
        if (!rest().starts_with(":=")) return fail_here("expected :=");
        return emit(token_kind::declare, 2);
      case '"': return lex_quoted('"', token_kind::string, "unterminated quoted string");
      case '\'': return lex_quoted('\'', token_kind::character_constant, "unterminated character constant");
      case '`': return lex_raw();
      case '$': return lex_name(token_kind::variable, 1);
      case '.': {
        bool digit = at_ + 1 < source_.size() && source_[at_ + 1] >= '0' && source_[at_ + 1] <= '9';
        return digit ? lex_number() : lex_name(token_kind::field, 1);
      }
      case '(': ++parentheses_; return emit(token_kind::left_parenthesis, 1);
      case ')':
        if (--parentheses_ < 0) return fail_here("unexpected right paren");
        return emit(token_kind::right_parenthesis, 1);
      default: break;
    }
    if (c == '+' || c == '-' || (c >= '0' && c <= '9')) return lex_number();
    auto rune = decode_rune(rest());
    if (is_word_rune(rune.code)) return lex_name(token_kind::identifier, 0);
    if (c > ' ' && c < 127) return emit(token_kind::character, 1);
    fail_here(fmt::format("unrecognized character in action: {}", rune_name(rune.code)));
  }

  void lex_space() {
    size_t length = 0;
    while (at_ + length < source_.size() && is_blank(source_[at_ + length])) {
      bool trim = false;
      if (length > 0 && right_mark(at_ + length, trim) && trim) break;
      ++length;
    }
    emit(token_kind::space, length);
  }

  void lex_quoted(char quote, token_kind kind, const char* problem) {
    for (size_t i = at_ + 1; i < source_.size() && source_[i] != '\n'; i++) {
      if (source_[i] == '\\') {
        if (i + 1 < source_.size() && source_[i + 1] != '\n') {
          ++i;
          continue;
        }
        break;
      }
      if (source_[i] == quote) return emit(kind, i + 1 - at_);
    }
    fail_here(problem);
  }

  void lex_raw() {
    auto end = source_.find('`', at_ + 1);
    if (end == std::string_view::npos) return fail_here("unterminated raw quoted string");
    emit(token_kind::raw_string, end + 1 - at_);
  }

  size_t word_length(size_t from) const {
    size_t end = from;
    while (end < source_.size()) {
      auto rune = decode_rune(source_.substr(end));
      if (!is_word_rune(rune.code)) break;
      end += rune.length;
    }
    return end - from;
  }

  // Whether a word may end at `from`.
  bool ends_word(size_t from) const {
    if (from >= source_.size()) return true;
    char c = source_[from];
    return is_blank(c) || std::string_view(".,|:()").find(c) != std::string_view::npos || source_.substr(from).starts_with(marks_.right);
  }

  void lex_name(token_kind kind, size_t prefix) {
    auto length = prefix + word_length(at_ + prefix);
    if (length > prefix || prefix == 0 || !ends_word(at_ + prefix)) {
      if (!ends_word(at_ + length)) {
        auto bad = decode_rune(source_.substr(at_ + length)).code;
        return fail_here(fmt::format("bad character {}", rune_name(bad)));
      }
    }
    auto word = source_.substr(at_, length);
    if (kind == token_kind::field && length == 1) kind = token_kind::dot;
    if (kind == token_kind::identifier) {
      if (is_keyword(word)) kind = token_kind::keyword;
      else if (word == "true" || word == "false") kind = token_kind::boolean;
      else if (word == "nil") kind = token_kind::nil;
    }
    emit(kind, length);
  }

  void accept_run(size_t& end, std::string_view set) const {
    while (end < source_.size() && set.find(source_[end]) != std::string_view::npos) ++end;
  }
  bool accept(size_t& end, std::string_view set) const {
    if (end >= source_.size() || set.find(source_[end]) == std::string_view::npos) return false;
    ++end;
    return true;
  }

  void lex_number() {
    size_t end = at_;
    accept(end, "+-");
    std::string_view digits = "0123456789_";
    bool hex = false, decimal = true;
    if (accept(end, "0")) {
      if (accept(end, "xX")) digits = "0123456789abcdefABCDEF_", hex = true, decimal = false;
      else if (accept(end, "oO")) digits = "01234567_", decimal = false;
      else if (accept(end, "bB")) digits = "01_", decimal = false;
    }
    accept_run(end, digits);
    if (accept(end, ".")) accept_run(end, digits);
    if (decimal && accept(end, "eE")) {
      accept(end, "+-");
      accept_run(end, "0123456789_");
    }
    if (hex && accept(end, "pP")) {
      accept(end, "+-");
      accept_run(end, "0123456789_");
    }
    if (auto rune = decode_rune(source_.substr(std::min(end, source_.size()))); end < source_.size() && is_word_rune(rune.code))
      return fail_here(fmt::format("bad number syntax: \"{}\"", source_.substr(at_, end + rune.length - at_)));
    emit(token_kind::number, end - at_);
  }

  std::string_view source_;
  const delimiters& marks_;
  std::vector<token> out_;
  size_t at_ = 0;
  int line_ = 1;
  int parentheses_ = 0;
  bool inside_ = false;
  bool done_ = false;
};
}  // namespace

std::vector<token> cut(std::string_view source, const delimiters& marks) { return lexer(source, marks).run(); }

}  // namespace drover::templating
