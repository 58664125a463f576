// Turns source text into tokens, on demand. Quoted strings and heredocs are given as their opening only: the parser
// reads their inside as a template, because an interpolation inside may hold any expression. Single-threaded; borrows
// the text.
#pragma once

#include <string>
#include <string_view>

#include "hcl/source.h"

namespace drover::hcl {

enum class token_kind : uint8_t {
  end,
  newline,
  identifier,
  number,
  quote,
  heredoc,  // quote: the " alone; heredoc: "<<EOT" or "<<-EOT" with the rest of its line
  brace_open,
  brace_close,
  bracket_open,
  bracket_close,
  paren_open,
  paren_close,
  comma,
  dot,
  colon,
  question,
  assign,
  arrow,
  ellipsis,
  star,
  slash,
  percent,
  plus,
  minus,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  logical_and,
  logical_or,
  logical_not,
  template_end_trim,  // "~}", which ends a template sequence
  invalid,
};

struct token {
  token_kind kind = token_kind::end;
  uint32_t begin = 0;
  uint32_t end = 0;
};

class lexer {
 public:
  explicit lexer(std::string_view text) : text_(text), limit_(static_cast<uint32_t>(text.size())) {}

  // The token at `at`, blanks and comments before it left out.
  token read(uint32_t at) const;
  std::string_view text(const token& t) const { return text_.substr(t.begin, t.end - t.begin); }
  // What a person would call the token: "a newline", "}", "the end of the file".
  std::string describe(const token& t) const;

 private:
  uint32_t skip_blanks(uint32_t at) const;
  token read_number(uint32_t at) const;
  token read_heredoc(uint32_t at) const;
  token read_operator(uint32_t at) const;
  char at(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }

  std::string_view text_;
  uint32_t limit_;
};

bool is_identifier_start(char c);
bool is_identifier_part(char c);
// The length of the identifier that `text` starts with; 0 if there is none.
size_t identifier_length(std::string_view text);

}  // namespace drover::hcl
