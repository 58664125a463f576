#include "hcl/functions/yaml.h"

#include <yaml.h>

#include "base/text.h"
#include "hcl/functions/common.h"

namespace drover::hcl {
namespace {

class document_reader {
 public:
  explicit document_reader(yaml_document_t& document) : document_(document) {}

  // Node indexes start at 1; a cycle of aliases ends at the limit of depth, a bomb of them at the limit of nodes.
  result<value> read(int index, int depth) {
    yaml_node_t* node = yaml_document_get_node(&document_, index);
    if (node == nullptr) return value();
    if (depth > value_depth_max) return fail(errc::invalid, "line {}: the document nests more than {} levels deep", line(*node), value_depth_max);
    if (++nodes_ > elements_max) return fail(errc::invalid, "the document has more than {} nodes", elements_max);
    switch (node->type) {
      case YAML_SCALAR_NODE: return scalar(*node);
      case YAML_SEQUENCE_NODE: return sequence(*node, depth);
      case YAML_MAPPING_NODE: return mapping(*node, depth);
      default: return value();
    }
  }

 private:
  static size_t line(const yaml_node_t& node) { return node.start_mark.line + 1; }
  static std::string text(const yaml_node_t& node) { return {reinterpret_cast<const char*>(node.data.scalar.value), node.data.scalar.length}; }

  result<value> scalar(const yaml_node_t& node) {
    std::string s = text(node);
    bytes_ += s.size();
    if (bytes_ > string_bytes_max) return fail(errc::invalid, "the document makes more than {} bytes", string_bytes_max);
    std::string tag = node.tag == nullptr ? "" : reinterpret_cast<const char*>(node.tag);
    bool plain = node.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (!plain || (tag == YAML_STR_TAG && explicit_string(node))) return value(std::move(s));
    if (s.empty() || s == "~" || s == "null" || s == "Null" || s == "NULL") return value();
    if (s == "true" || s == "True" || s == "TRUE") return value(true);
    if (s == "false" || s == "False" || s == "FALSE") return value(false);
    if (s.starts_with("0x") || s.starts_with("0o")) return prefixed(s);
    if (auto n = parse_number(s)) return *n;
    return value(std::move(s));
  }

  // libyaml gives every untagged scalar the string tag; one that was written has a text before the value.
  static bool explicit_string(const yaml_node_t& node) { return node.end_mark.index - node.start_mark.index > node.data.scalar.length; }

  static value prefixed(const std::string& s) {
    char* end = nullptr;
    errno = 0;
    long long n = std::strtoll(s.c_str() + 2, &end, s[1] == 'x' ? 16 : 8);
    if (errno != 0 || *end != '\0' || s.size() == 2) return value(s);
    return value(static_cast<int64_t>(n));
  }

  result<value> sequence(const yaml_node_t& node, int depth) {
    value::list out;
    for (auto* item = node.data.sequence.items.start; item < node.data.sequence.items.top; ++item) {
      TRY_ASSIGN(value v, read(*item, depth + 1));
      out.push_back(std::move(v));
    }
    return value(std::move(out));
  }

  result<value> mapping(const yaml_node_t& node, int depth) {
    object_builder out;
    for (auto* pair = node.data.mapping.pairs.start; pair < node.data.mapping.pairs.top; ++pair) {
      yaml_node_t* key = yaml_document_get_node(&document_, pair->key);
      if (key == nullptr || key->type != YAML_SCALAR_NODE) return fail(errc::invalid, "line {}: a key must be a scalar", line(node));
      TRY_ASSIGN(value v, read(pair->value, depth + 1));
      bool merges = text(*key) == "<<" && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
      if (!merges) {
        out.set(text(*key), std::move(v));
      } else if (auto* o = v.as_object()) {
        for (auto& [name, member] : *o)
          if (out.find(name) == nullptr) out.set(name, std::move(member));
      } else {
        return fail(errc::invalid, "line {}: \"<<\" needs a mapping to merge", line(*key));
      }
    }
    return value(out.take());
  }

  yaml_document_t& document_;
  size_t nodes_ = 0;
  size_t bytes_ = 0;
};

struct yaml_parser {
  yaml_parser() { yaml_parser_initialize(&c); }
  ~yaml_parser() { yaml_parser_delete(&c); }
  yaml_parser(const yaml_parser&) = delete;
  yaml_parser_t c;
};
struct yaml_document {
  ~yaml_document() {
    if (loaded) yaml_document_delete(&c);
  }
  yaml_document_t c;
  bool loaded = false;
};

void append_yaml(std::string& out, const value& v, size_t indent) {
  std::string margin(indent, ' ');
  if (auto* l = v.as_list(); l != nullptr && !l->empty()) {
    for (const auto& element : *l) {
      if (&element != &l->front()) out += margin;
      out += "- ";
      append_yaml(out, element, indent + 2);
    }
  } else if (auto* o = v.as_object(); o != nullptr && !o->empty()) {
    bool first = true;
    for (const auto* entry : sorted_entries(*o)) {
      if (!std::exchange(first, false)) out += margin;
      out += encode_json(value(entry->first)) + ":";
      const value& member = entry->second;
      bool opens = (member.as_list() && !member.as_list()->empty()) || (member.as_object() && !member.as_object()->empty());
      if (opens) {
        // A list stands at its key's level, an object one deeper.
        size_t inner = member.as_list() ? indent : indent + 2;
        out += "\n" + std::string(inner, ' ');
        append_yaml(out, member, inner);
      } else {
        out += ' ';
        append_yaml(out, member, indent);
      }
    }
  } else {
    out += encode_json(v) + "\n";
  }
}

}  // namespace

result<value> decode_yaml(std::string_view text) {
  // libyaml's loader recurses over nothing, but what it builds is bounded by the text only.
  if (text.size() > string_bytes_max) return fail(errc::invalid, "the document has more than {} bytes", string_bytes_max);
  yaml_parser parser;
  yaml_parser_set_input_string(&parser.c, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  yaml_document document;
  if (!yaml_parser_load(&parser.c, &document.c))
    return fail(errc::invalid, "the text is no YAML (line {}, column {}): {}", parser.c.problem_mark.line + 1, parser.c.problem_mark.column + 1,
                parser.c.problem == nullptr ? "out of memory" : parser.c.problem);
  document.loaded = true;
  if (yaml_document_get_root_node(&document.c) == nullptr) return value();
  return document_reader(document.c).read(1, 1);
}

std::string encode_yaml(const value& v) {
  std::string out;
  append_yaml(out, v, 0);
  return out;
}

}  // namespace drover::hcl
