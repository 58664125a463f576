// Blocks as decoding sees them: each with the context in which its inside is evaluated, dynamic blocks replaced by what
// they make:
//
//   dynamic "service" { for_each = [...]  iterator = s  labels = [...]  content { name = s.value } }
#pragma once

#include <string>
#include <vector>

#include "hcl/ast.h"
#include "hcl/eval.h"

namespace drover::hcl {

struct block_instance {
  std::string type;
  range type_range;
  std::vector<block_label> labels;
  body_ptr content;
  context_ptr context;
  range header;  // type and labels
};

inline block_instance instance_of(const block& b, context_ptr context) { return {b.type, b.type_range, b.labels, b.content, std::move(context), b.header}; }

// What a dynamic block makes. `dynamic` is the block with the one label that says the type.
// Requires: its type is "dynamic". Errors are added to `problems`; what could be made is returned.
std::vector<block_instance> expand_dynamic(const block& dynamic, const context_ptr& context, diagnostics& problems);

}  // namespace drover::hcl
