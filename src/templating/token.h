// Inside templating/: the text of a template as tokens. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drover::templating {

enum class token_kind : uint8_t {
  failure,  // the text says what is wrong
  boolean,
  character,  // printable ASCII of no other kind, such as ','
  character_constant,
  assign,
  declare,
  end_of_text,
  field,       // ".Name"
  identifier,  // a function or keyword
  left_delimiter,
  left_parenthesis,
  number,
  pipe,
  raw_string,
  right_delimiter,
  right_parenthesis,
  space,
  string,
  text,
  variable,  // "$name"
  keyword,
  dot,
  nil,
};

struct token {
  token_kind kind = token_kind::end_of_text;
  size_t position = 0;
  int line = 1;
  std::string_view text;  // in the source, or in `message`
  std::string message{};  // of a failure
};

struct delimiters {
  std::string left = "{{", right = "}}";
};

// Ends with end_of_text or a failure. `source` must outlive the tokens.
std::vector<token> cut(std::string_view source, const delimiters& marks);
bool is_keyword(std::string_view word);

}  // namespace drover::templating
