#include "client/driver/external/config_schema.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "client/driver/external/limits.h"
#include "grpc/protobuf.h"
#include "hcl/eval.h"
#include "hcl/parser.h"
#include "hcl/type.h"
#include "hcl/values.h"

namespace drover::client::external {

// The numbers are those of the field that holds it in Spec.
enum class part : uint32_t {
  none = 0,
  object = 1,
  array = 2,
  attribute = 3,
  block = 4,
  block_attributes = 5,
  block_list = 6,
  block_set = 7,
  block_map = 8,
  fallback = 9,
  literal = 10
};

struct config_schema::node {
  part is = part::none;
  std::string name;
  hcl::type of;
  bool required = false;
  int64_t items_min = 0, items_max = 0;
  std::vector<std::string> labels;
  // Of an object: with their names. Otherwise: what is nested.
  std::vector<std::string> keys;
  std::vector<node> inner;
  value constant;
};

namespace {
using node = config_schema::node;

class schema_reader {
 public:
  result<node> read(std::string_view message, int depth) {
    if (depth > limits::schema_depth_max || ++parts_ > limits::schema_parts_max) return fail(errc::corrupt, "the schema is nested too deeply or too large");
    node out;
    std::string_view inside;
    grpc::message_reader r(message);
    while (r.next()) {
      if (r.number() < 1 || r.number() > 10) continue;
      out.is = static_cast<part>(r.number());
      inside = r.text();
    }
    TRY(r.finish());
    if (out.is == part::none) return out;
    TRY(read_part(out, inside, depth));
    return out;
  }

 private:
  result<> nest(node& out, std::string_view message, int depth) {
    TRY_ASSIGN(auto inner, read(message, depth + 1));
    out.inner.push_back(std::move(inner));
    return {};
  }

  result<> read_entry(node& out, std::string_view entry, int depth) {
    grpc::message_reader r(entry);
    std::string key;
    std::string_view spec;
    while (r.next()) {
      if (r.number() == 1) key = r.string();
      if (r.number() == 2) spec = r.text();
    }
    TRY(r.finish());
    out.keys.push_back(std::move(key));
    return nest(out, spec, depth);
  }

  static result<hcl::type> type_of(const std::string& text) {
    if (text.empty()) return hcl::type();
    auto parsed = hcl::parse_expression("type", text);
    if (!parsed.expr) return fail(errc::unsupported, "the type \"{}\" is none: {}", text, parsed.problems.text());
    auto type = hcl::parse_type(*parsed.expr, parsed.problems);
    if (!type) return fail(errc::unsupported, "the type \"{}\" is none: {}", text, parsed.problems.text());
    return *std::move(type);
  }

  static result<value> constant_of(const std::string& text) {
    auto parsed = hcl::parse_expression("literal", text);
    std::optional<value> v;
    if (parsed.expr) v = hcl::evaluate(*parsed.expr, hcl::eval_context(), parsed.problems);
    if (!v) return fail(errc::unsupported, "the default \"{}\" is no expression: {}", text, parsed.problems.text());
    return *std::move(v);
  }

  result<> read_part(node& out, std::string_view inside, int depth) {
    grpc::message_reader r(inside);
    std::string type;
    bool with_type = out.is == part::attribute || out.is == part::block_attributes;
    bool counted = out.is == part::block_list || out.is == part::block_set;
    while (r.next()) {
      auto n = r.number();
      if (out.is == part::object && n == 1) TRY(read_entry(out, r.text(), depth));
      else if ((out.is == part::array && n == 1) || (out.is == part::fallback && n <= 2)) TRY(nest(out, r.text(), depth));
      else if (out.is == part::literal && n == 1) type = r.string();
      else if (out.is == part::object || out.is == part::array || out.is == part::fallback || out.is == part::literal) continue;
      else if (n == 1) out.name = r.string();
      else if (with_type && n == 2) type = r.string();
      else if (with_type && n == 3) out.required = r.flag();
      else if (out.is == part::block && n == 2) out.required = r.flag();
      else if (counted && n == 2) out.items_min = r.integer();
      else if (counted && n == 3) out.items_max = r.integer();
      else if (out.is == part::block_map && n == 2) out.labels.push_back(r.string());
      else if (n == (counted ? 4U : 3U)) TRY(nest(out, r.text(), depth));
    }
    TRY(r.finish());
    if (with_type) {
      TRY_ASSIGN(out.of, type_of(type));
    }
    if (out.is == part::literal) {
      TRY_ASSIGN(out.constant, constant_of(type));
    }
    if (out.is == part::fallback && out.inner.size() != 2) return fail(errc::corrupt, "a default of the schema has no value to fall back to");
    bool nested = counted || out.is == part::block || out.is == part::block_map;
    if (nested && out.inner.size() != 1) return fail(errc::corrupt, "block \"{}\" of the schema has no content", out.name);
    return {};
  }

  size_t parts_ = 0;
};

// ---- evaluation ----

// What may stand in the body that `n` reads.
void names_in(const node& n, std::vector<std::string>& into) {
  switch (n.is) {
    case part::object:
    case part::array:
    case part::fallback:
      for (const auto& each : n.inner) names_in(each, into);
      break;
    case part::none:
    case part::literal: break;
    default: into.push_back(n.name);
  }
}

std::string below(const std::string& at, const std::string& name) { return at.empty() ? name : at + "." + name; }

result<value> evaluate(const node& n, const value& body, const std::string& at);

result<> check_body(const node& n, const value& body, const std::string& at) {
  if (body.is_null()) return {};
  if (!body.as_object()) return fail(errc::invalid, "{} must be a block, not a {}", at.empty() ? "the configuration" : at, body.kind());
  std::vector<std::string> known;
  names_in(n, known);
  for (const auto& [key, v] : *body.as_object()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    auto near = nearest(key, known);
    return fail(errc::invalid, "No argument or block type is named \"{}\"{}", below(at, key), near ? fmt::format("; did you mean \"{}\"?", *near) : "");
  }
  return {};
}

result<value> evaluate_body(const node& n, const value& body, const std::string& at) {
  TRY(check_body(n, body, at));
  return evaluate(n, body, at);
}

// A block is an object, or a list of those; blocks with labels are objects in objects.
result<std::vector<const value*>> blocks_of(const value* v, const std::string& at) {
  std::vector<const value*> out;
  if (v == nullptr || v->is_null()) return out;
  if (!v->as_list()) {
    out.push_back(v);
  } else {
    for (const auto& each : *v->as_list()) out.push_back(&each);
  }
  for (const auto* each : out)
    if (!each->as_object()) return fail(errc::invalid, "{} must be a block, not a {}", at, each->kind());
  return out;
}

result<value> evaluate_attribute(const node& n, const value& body, const std::string& at) {
  const auto* given = body.find(n.name);
  if (given == nullptr || given->is_null()) {
    if (n.required) return fail(errc::invalid, "Missing required argument: the argument \"{}\" is required, but no definition was found", at);
    return value();
  }
  auto converted = hcl::convert(*given, n.of);
  if (!converted) return fail(errc::invalid, "Incorrect attribute value type: inappropriate value for attribute \"{}\": {}", at, converted.error().text());
  return converted;
}

result<value> evaluate_block_attributes(const node& n, const value& body, const std::string& at) {
  TRY_ASSIGN(auto blocks, blocks_of(body.find(n.name), at));
  if (blocks.size() > 1) return fail(errc::invalid, "only one {} block is allowed", at);
  if (blocks.empty()) {
    if (n.required) return fail(errc::invalid, "a block of type \"{}\" is required", at);
    return value();
  }
  value::object out;
  for (const auto& [key, v] : *blocks[0]->as_object()) {
    auto converted = hcl::convert(v, n.of);
    if (!converted) return fail(errc::invalid, "inappropriate value for attribute \"{}\": {}", below(at, key), converted.error().text());
    out.set(key, *std::move(converted));
  }
  return value(std::move(out));
}

result<value> evaluate_blocks(const node& n, const value& body, const std::string& at) {
  TRY_ASSIGN(auto blocks, blocks_of(body.find(n.name), at));
  if (n.is == part::block) {
    if (blocks.size() > 1) return fail(errc::invalid, "only one {} block is allowed", at);
    if (blocks.empty() && n.required) return fail(errc::invalid, "a block of type \"{}\" is required", at);
    return blocks.empty() ? result<value>(value()) : evaluate_body(n.inner[0], *blocks[0], at);
  }
  auto count = static_cast<int64_t>(blocks.size());
  if (count < n.items_min) return fail(errc::invalid, "at least {} {} blocks are required", n.items_min, at);
  if (n.items_max > 0 && count > n.items_max) return fail(errc::invalid, "no more than {} {} blocks are allowed", n.items_max, at);
  value::list out;
  for (const auto* each : blocks) {
    TRY_ASSIGN(auto v, evaluate_body(n.inner[0], *each, at));
    out.push_back(std::move(v));
  }
  return value(n.is == part::block_set ? hcl::to_set(std::move(out)) : std::move(out));
}

// `label` labels are still to come.
result<> add_labelled(const node& n, const value& v, size_t label, value::object& into, const std::string& at) {
  TRY_ASSIGN(auto blocks, blocks_of(&v, at));
  for (const auto* each : blocks)
    for (const auto& [key, inside] : *each->as_object()) {
      auto* there = into.find(key);
      auto where = below(at, key);
      if (label > 1) {
        if (there == nullptr) into.set(key, value(value::object()));
        TRY(add_labelled(n, inside, label - 1, *into.find(key)->as_object(), where));
        continue;
      }
      if (there != nullptr) return fail(errc::invalid, "there is more than one block {}", where);
      TRY_ASSIGN(auto bodies, blocks_of(&inside, where));
      if (bodies.size() != 1) return fail(errc::invalid, "there is more than one block {}", where);
      TRY_ASSIGN(auto made, evaluate_body(n.inner[0], *bodies[0], where));
      into.set(key, std::move(made));
    }
  return {};
}

result<value> evaluate_map(const node& n, const value& body, const std::string& at) {
  value::object out;
  const auto* given = body.find(n.name);
  if (given != nullptr && !given->is_null()) TRY(add_labelled(n, *given, std::max<size_t>(n.labels.size(), 1), out, at));
  return value(std::move(out));
}

result<value> evaluate(const node& n, const value& body, const std::string& at) {
  auto here = below(at, n.name);
  switch (n.is) {
    case part::none: return value();
    case part::literal: return n.constant;
    case part::attribute: return evaluate_attribute(n, body, here);
    case part::block_attributes: return evaluate_block_attributes(n, body, here);
    case part::block:
    case part::block_list:
    case part::block_set: return evaluate_blocks(n, body, here);
    case part::block_map: return evaluate_map(n, body, here);
    case part::fallback: {
      TRY_ASSIGN(auto first, evaluate(n.inner[0], body, at));
      return first.is_null() ? evaluate(n.inner[1], body, at) : std::move(first);
    }
    case part::object: {
      value::object out;
      for (size_t i = 0; i < n.keys.size(); ++i) {
        TRY_ASSIGN(auto v, evaluate(n.inner[i], body, at));
        out.set(n.keys[i], std::move(v));
      }
      return value(std::move(out));
    }
    case part::array: {
      value::list out;
      for (const auto& each : n.inner) {
        TRY_ASSIGN(auto v, evaluate(each, body, at));
        out.push_back(std::move(v));
      }
      return value(std::move(out));
    }
  }
  return value();
}
}  // namespace

config_schema::config_schema() : root_(std::make_shared<const node>()) {}

result<config_schema> config_schema::parse(std::string_view message) {
  TRY_ASSIGN(auto root, schema_reader().read(message, 0));
  config_schema out;
  out.root_ = std::make_shared<const node>(std::move(root));
  return out;
}

result<value> config_schema::evaluate(const value& block) const {
  static const value empty{value::object()};
  return external::evaluate_body(*root_, block.is_null() ? empty : block, "");
}

}  // namespace drover::client::external
