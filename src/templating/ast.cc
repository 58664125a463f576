#include "templating/ast.h"

#include "base/text.h"
#include "templating/utf8.h"

namespace drover::templating {

namespace {
std::string children_shown(const node& n, std::string_view between) {
  std::string out;
  for (auto& child : n.children) {
    if (&child != &n.children.front()) out += between;
    bool nested = n.kind == node_kind::command && child->kind == node_kind::pipe;
    out += nested ? "(" + shown(*child) + ")" : shown(*child);
  }
  return out;
}

std::string block_shown(std::string_view word, const node& n) {
  auto out = fmt::format("{{{{{} {}}}}}{}", word, shown(*n.pipe), shown(*n.body));
  if (n.otherwise) out += "{{else}}" + shown(*n.otherwise);
  return out + "{{end}}";
}
}  // namespace

std::string shown(const node& n) {
  switch (n.kind) {
    case node_kind::list: return children_shown(n, "");
    case node_kind::action: return "{{" + shown(*n.pipe) + "}}";
    case node_kind::condition: return block_shown("if", n);
    case node_kind::range: return block_shown("range", n);
    case node_kind::with: return block_shown("with", n);
    case node_kind::invoke:
      return n.pipe ? fmt::format("{{{{template {} {}}}}}", go_quote(n.text), shown(*n.pipe)) : fmt::format("{{{{template {}}}}}", go_quote(n.text));
    case node_kind::break_: return "{{break}}";
    case node_kind::continue_: return "{{continue}}";
    case node_kind::pipe: {
      std::string out = join(n.variables, ", ");
      if (!out.empty()) out += n.assigns ? " = " : " := ";
      return out + children_shown(n, " | ");
    }
    case node_kind::command: return children_shown(n, " ");
    case node_kind::dot: return ".";
    case node_kind::nil: return "nil";
    case node_kind::variable: return join(n.path, ".");
    case node_kind::field: return "." + join(n.path, ".");
    case node_kind::chain: {
      auto& first = *n.children.front();
      std::string out = first.kind == node_kind::pipe ? "(" + shown(first) + ")" : shown(first);
      return out + "." + join(n.path, ".");
    }
    default: return n.text;
  }
}

}  // namespace drover::templating
