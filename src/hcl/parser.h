// Text -> tree, for HCL2's native and JSON syntax. Parsing goes on after an error where it can, so that one run reports
// several. Linear in the size of the text; every limit is in limits.h. Pure functions.
#pragma once

#include <string>

#include "hcl/ast.h"
#include "hcl/diagnostic.h"

namespace drover::hcl {

struct parse_result {
  body_ptr root;  // never null; what could be read, even with errors
  diagnostics problems;
};

// one_a_line: as HCL2 wants it. many_a_line: as HCL1 took them, several on one line, with commas between them or not.
enum class argument_lines { one_a_line, many_a_line };

// `name` is shown in messages.
parse_result parse(std::string name, std::string text, argument_lines style = argument_lines::one_a_line);
parse_result parse_json(std::string name, std::string text);
// JSON if the name ends in .json or the text starts with a brace, which no native file does.
parse_result parse_any(std::string name, std::string text, argument_lines style = argument_lines::one_a_line);

struct expression_result {
  expression_ptr expr;  // null exactly if there are errors
  source_ptr file;      // keeps the expression's ranges valid
  diagnostics problems;
};
// The whole text is one expression ("-var" on a command line, a type in JSON).
expression_result parse_expression(std::string name, std::string text);
// The whole text is a template, like the inside of a heredoc.
expression_result parse_template(std::string name, std::string text);

}  // namespace drover::hcl
