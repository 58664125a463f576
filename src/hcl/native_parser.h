// The recursive-descent parser of the native syntax; parser.h is what others use. One object parses one text once.
// A function that returns a null pointer has reported why.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "hcl/ast.h"
#include "hcl/diagnostic.h"
#include "hcl/lexer.h"

namespace drover::hcl {

class native_parser {
 public:
  // Requires: `file` is within source_bytes_max.
  native_parser(source_ptr file, diagnostics& problems, bool many_a_line = false)
      : file_(std::move(file)), problems_(problems), lexer_(file_->text()), many_a_line_(many_a_line) {}

  body_ptr parse_file();
  expression_ptr parse_only_expression();
  expression_ptr parse_only_template();
  // Bytes [begin, end) of the file are a template.
  expression_ptr parse_template_region(uint32_t begin, uint32_t end);

 private:
  friend class template_builder;
  class newline_mode;
  class nesting;
  struct template_piece;
  enum class string_end { quote, region };

  // Tokens (native_parser.cc).
  const token& peek();
  token take();
  bool accept(token_kind kind);
  bool expect(token_kind kind, std::string_view what, uint32_t opened_at, std::string_view opened);
  void move_to(uint32_t at);
  range range_of(const token& t) const { return {file_.get(), t.begin, t.end}; }
  range from(uint32_t begin) const { return {file_.get(), begin, last_end_}; }
  std::nullptr_t fail(const range& where, std::string summary, std::string detail, std::string suggestion = {});
  std::nullptr_t unexpected(std::string_view wanted);
  std::string hint_for(const token& t) const;
  std::string place_of(uint32_t at) const;

  // Bodies (native_parser.cc).
  struct body_state {
    body out;
    std::unordered_set<std::string> names;
    uint32_t open = 0;  // the opening brace
    bool top = false;
    bool one_line = false;
  };
  body_ptr parse_body(uint32_t open, bool top);
  bool parse_item(body_state& state);
  bool parse_attribute(body_state& state, const token& name, std::string text, bool quoted);
  bool end_of_attribute(body_state& state);
  bool parse_block(body_state& state, const token& type);
  bool parse_label(block& b);
  void recover(uint32_t item_begin);
  bool starts_item(uint32_t at) const;
  uint32_t skip_one(uint32_t at) const;
  uint32_t skip_string(uint32_t at) const;
  uint32_t skip_heredoc(const token& t) const;

  // Expressions (native_expression.cc).
  expression_ptr parse_expression();
  expression_ptr parse_binary(int precedence_min);
  expression_ptr parse_unary();
  expression_ptr parse_postfix();
  bool parse_dot_step(traversal_expression& t);
  bool parse_bracket_step(traversal_expression& t);
  expression_ptr parse_primary();
  expression_ptr parse_number();
  expression_ptr parse_name();
  expression_ptr parse_call(const token& name);
  expression_ptr parse_parentheses();
  expression_ptr parse_brackets();
  expression_ptr parse_braces();
  bool parse_object_item(object_expression& o, uint32_t open);
  expression_ptr parse_object_key();
  expression_ptr parse_for(const token& open, bool makes_object);
  bool parse_for_names(std::string& key, std::string& item);
  bool is_for_ahead();

  // Templates (native_template.cc).
  expression_ptr parse_quoted();
  expression_ptr parse_heredoc();
  bool parse_plain_string(std::string& out);
  bool scan_pieces(string_end end, std::vector<template_piece>& pieces);
  bool scan_escape(std::string& out);
  bool scan_unicode(std::string& out, int digits);
  bool scan_sequence(std::vector<template_piece>& pieces);
  bool scan_directive(template_piece& piece);
  bool end_sequence(template_piece& piece);
  expression_ptr build_template(std::vector<template_piece>& pieces, const range& where, bool by_line);

  source_ptr file_;
  diagnostics& problems_;
  lexer lexer_;
  bool many_a_line_;  // arguments and blocks need no line of their own
  token ahead_;
  bool have_ahead_ = false;
  bool newlines_matter_ = true;
  uint32_t at_ = 0;              // where the next token is read
  uint32_t last_end_ = 0;        // end of the last token taken
  uint32_t limit_ = UINT32_MAX;  // end of the region (a heredoc's inside) that is being read
  int depth_ = 0;
};

// Inside: newlines are blanks, or are tokens again.
class native_parser::newline_mode {
 public:
  newline_mode(native_parser& p, bool matter) : parser_(p), before_(p.newlines_matter_) { set(matter); }
  ~newline_mode() { set(before_); }
  newline_mode(const newline_mode&) = delete;

 private:
  void set(bool matter) {
    if (parser_.newlines_matter_ != matter) parser_.have_ahead_ = false;
    parser_.newlines_matter_ = matter;
  }
  native_parser& parser_;
  bool before_;
};

// One level of nesting; not ok() at the limit, which it has reported.
class native_parser::nesting {
 public:
  explicit nesting(native_parser& p);
  ~nesting() { --parser_.depth_; }
  nesting(const nesting&) = delete;
  bool ok() const { return ok_; }

 private:
  native_parser& parser_;
  bool ok_;
};

struct native_parser::template_piece {
  enum class kind_type { text, interpolation, if_begin, otherwise, if_end, for_begin, for_end };
  kind_type kind = kind_type::text;
  range where;
  std::string text;
  bool starts_line = false;   // a text that begins at the start of a line of a heredoc
  bool trims_before = false;  // ~ after the opening
  bool trims_after = false;   // ~ before the closing
  expression_ptr expr;        // what is interpolated; the condition; the collection
  std::string key_name, value_name;
};

// Makes `child` part of `parent`: the parent is higher than every child.
inline void adopt(expression& parent, const expression_ptr& child) {
  if (child != nullptr && parent.height <= child->height) parent.height = child->height + 1;
}

// A number literal's value: an integer where it is one and fits, otherwise a double.
value number_of(std::string_view digits);

}  // namespace drover::hcl
