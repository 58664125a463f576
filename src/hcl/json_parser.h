// JSON text -> expressions: an object is an object_expression, a string may be a template. parser.h and jsondecode()
// are what others use. One object parses one text once. A function that returns a null pointer has reported why.
#pragma once

#include "hcl/ast.h"
#include "hcl/diagnostic.h"

namespace drover::hcl {

enum class json_strings { are_templates, are_text };

class json_parser {
 public:
  json_parser(source_ptr file, diagnostics& problems, json_strings strings = json_strings::are_templates)
      : file_(std::move(file)), text_(file_->text()), problems_(problems), strings_(strings) {}

  expression_ptr parse();

 private:
  expression_ptr parse_value(int depth);
  expression_ptr parse_object(int depth);
  expression_ptr parse_array(int depth);
  expression_ptr parse_number();
  expression_ptr parse_word();
  expression_ptr parse_string_expression();
  expression_ptr parse_template_text(uint32_t begin, std::string text);
  bool parse_string(std::string& out);
  bool parse_escape(std::string& out);
  bool parse_hex(uint32_t& code);
  void skip_blanks();
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  std::string here() const;
  range from(uint32_t begin) const { return {file_.get(), begin, at_}; }
  std::nullptr_t fail(uint32_t begin, std::string detail, std::string suggestion = {});

  source_ptr file_;
  std::string_view text_;
  diagnostics& problems_;
  json_strings strings_;
  uint32_t at_ = 0;
};

// Makes the object `e`, or the objects of the array `e`, the content of a body in JSON syntax.
void collect_json_objects(body& out, const expression_ptr& e, diagnostics& problems);
// What an expression parsed with are_text stands for.
value json_to_value(const expression& e);

}  // namespace drover::hcl
