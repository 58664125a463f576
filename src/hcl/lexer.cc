#include "hcl/lexer.h"

#include <fmt/format.h>

#include <cctype>

namespace drover::hcl {

// Bytes above 0x7f belong to letters of other scripts: Unicode classes are not told apart.
bool is_identifier_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || static_cast<uint8_t>(c) >= 0x80; }
bool is_identifier_part(char c) { return is_identifier_start(c) || std::isdigit(static_cast<unsigned char>(c)) || c == '-'; }

size_t identifier_length(std::string_view text) {
  if (text.empty() || !is_identifier_start(text[0])) return 0;
  size_t length = 1;
  while (length < text.size() && is_identifier_part(text[length])) ++length;
  return length;
}

namespace {
bool is_digit(char c) { return c >= '0' && c <= '9'; }
}  // namespace

uint32_t lexer::skip_blanks(uint32_t i) const {
  for (;;) {
    char c = at(i);
    if (c == ' ' || c == '\t' || (c == '\r' && at(i + 1) == '\n')) {
      ++i;
    } else if (c == '#' || (c == '/' && at(i + 1) == '/')) {
      // The newline that ends the comment also ends the line of configuration.
      size_t end = text_.find('\n', i);
      i = end == std::string_view::npos ? limit_ : static_cast<uint32_t>(end);
    } else if (c == '/' && at(i + 1) == '*') {
      size_t end = text_.find("*/", i + 2);
      if (end == std::string_view::npos) return i;  // read_operator() makes it invalid
      i = static_cast<uint32_t>(end + 2);
    } else {
      return i;
    }
  }
}

token lexer::read(uint32_t begin) const {
  uint32_t i = skip_blanks(begin);
  if (i >= limit_) return {token_kind::end, limit_, limit_};
  char c = text_[i];
  if (c == '\n') return {token_kind::newline, i, i + 1};
  if (is_identifier_start(c)) return {token_kind::identifier, i, static_cast<uint32_t>(i + identifier_length(text_.substr(i)))};
  if (is_digit(c)) return read_number(i);
  if (c == '<' && at(i + 1) == '<') return read_heredoc(i);
  return read_operator(i);
}

token lexer::read_number(uint32_t begin) const {
  uint32_t i = begin;
  while (is_digit(at(i))) ++i;
  if (at(i) == '.' && is_digit(at(i + 1))) {
    ++i;
    while (is_digit(at(i))) ++i;
  }
  if (at(i) == 'e' || at(i) == 'E') {
    uint32_t exponent = i + 1;
    if (at(exponent) == '+' || at(exponent) == '-') ++exponent;
    if (is_digit(at(exponent))) {
      i = exponent;
      while (is_digit(at(i))) ++i;
    }
  }
  return {token_kind::number, begin, i};
}

token lexer::read_heredoc(uint32_t begin) const {
  uint32_t i = begin + 2;
  if (at(i) == '-') ++i;
  size_t length = identifier_length(text_.substr(i));
  if (length == 0) return {token_kind::invalid, begin, begin + 2};
  i += static_cast<uint32_t>(length);
  uint32_t line_end = i;
  while (at(line_end) == ' ' || at(line_end) == '\t' || at(line_end) == '\r') ++line_end;
  if (at(line_end) != '\n') return {token_kind::invalid, begin, i};
  return {token_kind::heredoc, begin, line_end + 1};
}

token lexer::read_operator(uint32_t i) const {
  auto is = [&](token_kind kind, uint32_t length) { return token{kind, i, i + length}; };
  char c = at(i), next = at(i + 1);
  switch (c) {
    case '"': return is(token_kind::quote, 1);
    case '{': return is(token_kind::brace_open, 1);
    case '}': return is(token_kind::brace_close, 1);
    case '[': return is(token_kind::bracket_open, 1);
    case ']': return is(token_kind::bracket_close, 1);
    case '(': return is(token_kind::paren_open, 1);
    case ')': return is(token_kind::paren_close, 1);
    case ',': return is(token_kind::comma, 1);
    case ':': return is(token_kind::colon, 1);
    case '?': return is(token_kind::question, 1);
    case '*': return is(token_kind::star, 1);
    case '%': return is(token_kind::percent, 1);
    case '+': return is(token_kind::plus, 1);
    case '-': return is(token_kind::minus, 1);
    case '/': return is(next == '*' ? token_kind::invalid : token_kind::slash, 1);
    case '.': return next == '.' && at(i + 2) == '.' ? is(token_kind::ellipsis, 3) : is(token_kind::dot, 1);
    case '=': return next == '=' ? is(token_kind::equal, 2) : next == '>' ? is(token_kind::arrow, 2) : is(token_kind::assign, 1);
    case '!': return next == '=' ? is(token_kind::not_equal, 2) : is(token_kind::logical_not, 1);
    case '<': return next == '=' ? is(token_kind::less_equal, 2) : is(token_kind::less, 1);
    case '>': return next == '=' ? is(token_kind::greater_equal, 2) : is(token_kind::greater, 1);
    case '&': return next == '&' ? is(token_kind::logical_and, 2) : is(token_kind::invalid, 1);
    case '|': return next == '|' ? is(token_kind::logical_or, 2) : is(token_kind::invalid, 1);
    case '~': return next == '}' ? is(token_kind::template_end_trim, 2) : is(token_kind::invalid, 1);
    default: return is(token_kind::invalid, 1);
  }
}

std::string lexer::describe(const token& t) const {
  switch (t.kind) {
    case token_kind::end: return "the end of the file";
    case token_kind::newline: return "the end of the line";
    case token_kind::quote: return "a string";
    case token_kind::heredoc: return "a heredoc";
    case token_kind::number: return fmt::format("the number {}", text(t));
    default: {
      auto c = static_cast<uint8_t>(text_[t.begin]);
      return c < 0x20 || c == 0x7f ? fmt::format("the control character 0x{:02x}", c) : fmt::format("\"{}\"", text(t));
    }
  }
}

}  // namespace drover::hcl
