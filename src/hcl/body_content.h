// A body's arguments and blocks, whichever syntax it was written in: JSON does not tell the two apart, so the reader
// asks for what it expects. Pure functions over immutable trees.
#pragma once

#include <string_view>
#include <vector>

#include "hcl/ast.h"
#include "hcl/diagnostic.h"

namespace drover::hcl {

struct body_property {
  std::string_view name;
  range name_range;
  expression_ptr expr;
};
// The properties of a body in JSON syntax, comments ("//") left out.
std::vector<body_property> json_properties(const body& b);

// Every argument of a body that may hold nothing else (locals, a map written as a block); complains about blocks.
std::vector<attribute> just_attributes(const body& b, diagnostics& problems);

// The value of a JSON property as blocks: below it one object level a label, then an object or an array of them.
std::vector<block> json_blocks(const body& parent, const body_property& property, size_t label_count, diagnostics& problems);

// Complains unless the block has that many labels.
bool check_labels(const block& b, size_t label_count, diagnostics& problems);

}  // namespace drover::hcl
