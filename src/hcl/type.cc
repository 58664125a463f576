#include "hcl/type.h"

#include <algorithm>

#include "hcl/eval.h"
#include "hcl/parser.h"
#include "hcl/values.h"

namespace drover::hcl {

namespace {
using kind = type::kind_type;

struct type_name {
  std::string_view text;
  kind is;
};
constexpr type_name names[] = {{"any", kind::any}, {"string", kind::string}, {"number", kind::number}, {"bool", kind::boolean}, {"list", kind::list},
                               {"set", kind::set}, {"map", kind::map},       {"tuple", kind::tuple},   {"object", kind::object}};

const type_name* find_name(std::string_view text) {
  for (const auto& n : names)
    if (n.text == text) return &n;
  return nullptr;
}

std::vector<std::string> all_names() {
  std::vector<std::string> out;
  for (const auto& n : names) out.emplace_back(n.text);
  return out;
}

std::nullopt_t refuse(const range& where, std::string detail, std::string suggestion = {}, diagnostics* problems = nullptr) {
  problems->error(where, "Invalid type specification", std::move(detail), std::move(suggestion));
  return std::nullopt;
}

std::optional<type> parse_tuple(const call_expression& call, diagnostics& problems) {
  const expression& places = *call.arguments[0];
  if (places.kind != expression_kind::tuple)
    return refuse(places.where, "tuple() takes a list of types in brackets.", "For example tuple([string, number]).", &problems);
  type out{kind::tuple, {}, {}};
  for (const auto& place : as<tuple_expression>(places).elements) {
    auto t = parse_type(*place, problems);
    if (!t) return std::nullopt;
    out.elements.push_back(*std::move(t));
  }
  return out;
}

std::optional<type::member> parse_member(std::string name, const expression& e, diagnostics& problems) {
  type::member out{std::move(name), {}, false, {}};
  const expression* of = &e;
  if (e.kind == expression_kind::call && as<call_expression>(e).name == "optional") {
    const auto& call = as<call_expression>(e);
    if (call.arguments.empty() || call.arguments.size() > 2) return refuse(e.where, "optional() takes a type and perhaps a default.", {}, &problems);
    out.optional = true;
    of = call.arguments[0].get();
    if (call.arguments.size() == 2) {
      auto v = evaluate(*call.arguments[1], eval_context(), problems);
      if (!v) return std::nullopt;
      out.fallback = *std::move(v);
    }
  }
  auto t = parse_type(*of, problems);
  if (!t) return std::nullopt;
  out.of = *std::move(t);
  if (out.fallback) {
    auto fits = convert(*out.fallback, out.of);
    if (!fits) return refuse(e.where, fmt::format("The default of {} does not fit its type: {}.", quoted(out.name), fits.error().text()), {}, &problems);
    out.fallback = *std::move(fits);
  }
  return out;
}

std::optional<type> parse_object(const call_expression& call, diagnostics& problems) {
  const expression& members = *call.arguments[0];
  if (members.kind != expression_kind::object)
    return refuse(members.where, "object() takes names and types in braces.", "For example object({ name = string }).", &problems);
  type out{kind::object, {}, {}};
  for (const auto& [key, item] : as<object_expression>(members).items) {
    const std::string* name = key->kind == expression_kind::literal ? as<literal_expression>(*key).constant.as_string() : nullptr;
    if (name == nullptr) return refuse(key->where, "The name of an attribute is a plain word.", {}, &problems);
    auto member = parse_member(*name, *item, problems);
    if (!member) return std::nullopt;
    out.members.push_back(*std::move(member));
  }
  return out;
}

std::optional<type> parse_name(const std::string& name, const range& where, diagnostics& problems) {
  const type_name* known = find_name(name);
  if (known == nullptr) return refuse(where, fmt::format("There is no type named {}.", quoted(name)), suggest(name, all_names()), &problems);
  switch (known->is) {
    case kind::list:
    case kind::set:
    case kind::map: return type{known->is, {type()}, {}};
    case kind::tuple: return refuse(where, "tuple needs the types of its elements.", "For example tuple([string, number]).", &problems);
    case kind::object: return refuse(where, "object needs the types of its attributes.", "For example object({ name = string }).", &problems);
    default: return type{known->is, {}, {}};
  }
}

std::optional<type> parse_call(const call_expression& call, diagnostics& problems) {
  const type_name* known = find_name(call.name);
  bool takes_type = known != nullptr && known->is >= kind::list;
  if (!takes_type) {
    std::string detail = call.name == "optional" ? "optional() is only for the attributes of object()."
                         : known != nullptr      ? fmt::format("The type {} takes no parameter.", call.name)
                                                 : fmt::format("There is no type named {}.", quoted(call.name));
    return refuse(call.where, detail, known == nullptr ? suggest(call.name, all_names()) : "", &problems);
  }
  if (call.arguments.size() != 1 || call.expand_last) return refuse(call.where, fmt::format("{}() takes one parameter.", call.name), {}, &problems);
  if (known->is == kind::tuple) return parse_tuple(call, problems);
  if (known->is == kind::object) return parse_object(call, problems);
  auto element = parse_type(*call.arguments[0], problems);
  if (!element) return std::nullopt;
  return type{known->is, {*std::move(element)}, {}};
}
}  // namespace

std::optional<type> parse_type(const expression& e, diagnostics& problems) {
  if (e.kind == expression_kind::variable) return parse_name(as<variable_expression>(e).name, e.where, problems);
  if (e.kind == expression_kind::call) return parse_call(as<call_expression>(e), problems);
  const std::string* text = e.kind == expression_kind::literal ? as<literal_expression>(e).constant.as_string() : nullptr;
  if (text != nullptr && !text->empty()) {
    auto inner = parse_expression(e.where.file != nullptr ? e.where.file->name() : "type", *text);
    bool is_type = inner.expr != nullptr && (inner.expr->kind == expression_kind::variable || inner.expr->kind == expression_kind::call);
    diagnostics hidden;  // its positions are those of the inner text
    auto t = is_type ? parse_type(*inner.expr, hidden) : std::nullopt;
    if (t) return t;
  }
  return refuse(e.where, "A type is string, number, bool, any, list(...), set(...), map(...), tuple([...]) or object({...}).", {}, &problems);
}

std::string type::text() const {
  auto name = std::ranges::find(names, kind, &type_name::is)->text;
  std::string inside;
  for (const auto& element : elements) inside += (inside.empty() ? "" : ", ") + element.text();
  for (const auto& m : members)
    inside += fmt::format("{}{} = {}", inside.empty() ? "" : ", ", m.name, m.optional ? fmt::format("optional({})", m.of.text()) : m.of.text());
  switch (kind) {
    case kind_type::list:
    case kind_type::set:
    case kind_type::map: return fmt::format("{}({})", name, inside);
    case kind_type::tuple: return fmt::format("tuple([{}])", inside);
    case kind_type::object: return fmt::format("object({{{}}})", inside);
    default: return std::string(name);
  }
}

namespace {
std::unexpected<error> mismatch(const value& v, std::string_view wanted) { return fail(errc::invalid, "{} is required, but this is a {}", wanted, v.kind()); }

// The elements of a list, set or map have one type: beside a string, numbers and bools become strings.
void unify(std::vector<value*> elements) {
  auto is_primitive = [](const value* v) { return to_text(*v).has_value(); };
  if (!std::ranges::all_of(elements, is_primitive)) return;
  bool mixed = std::ranges::any_of(elements, [&](const value* v) { return v->kind() != elements.front()->kind(); });
  if (mixed)
    for (value* v : elements) *v = value(*to_text(*v));
}

result<value> convert_to_list(value v, const type& to) {
  value::list out;
  if (auto* list = v.as_list()) out = std::move(*list);
  else return mismatch(v, "a list");
  for (size_t i = 0; i < out.size(); ++i) {
    auto element = convert(std::move(out[i]), to.elements[0]);
    if (!element) return wrap(std::move(element).error(), fmt::format("element {}", i));
    out[i] = *std::move(element);
  }
  if (to.elements[0].kind == kind::any && !out.empty()) {
    std::vector<value*> elements;
    for (auto& element : out) elements.push_back(&element);
    unify(std::move(elements));
  }
  if (to.kind == kind::set) out = to_set(std::move(out));
  return value(std::move(out));
}

result<value> convert_to_map(value v, const type& to) {
  auto* o = v.as_object();
  if (o == nullptr) return mismatch(v, "a map");
  std::vector<value*> elements;
  for (auto& [name, member] : *o) {
    auto element = convert(std::move(member), to.elements[0]);
    if (!element) return wrap(std::move(element).error(), fmt::format("element {}", quoted(name)));
    member = *std::move(element);
    elements.push_back(&member);
  }
  if (to.elements[0].kind == kind::any && !elements.empty()) unify(std::move(elements));
  return v;
}

result<value> convert_to_tuple(value v, const type& to) {
  auto* list = v.as_list();
  if (list == nullptr) return mismatch(v, "a tuple");
  if (list->size() != to.elements.size()) return fail(errc::invalid, "a tuple of {} elements is required, but this has {}", to.elements.size(), list->size());
  for (size_t i = 0; i < list->size(); ++i) {
    auto element = convert(std::move((*list)[i]), to.elements[i]);
    if (!element) return wrap(std::move(element).error(), fmt::format("element {}", i));
    (*list)[i] = *std::move(element);
  }
  return v;
}

result<value> convert_to_object(value v, const type& to) {
  auto* o = v.as_object();
  if (o == nullptr) return mismatch(v, "an object");
  value::object out;
  for (const auto& m : to.members) {
    value* given = o->find(m.name);
    if (given == nullptr && !m.optional) return fail(errc::invalid, "attribute {} is required", quoted(m.name));
    if (given == nullptr || (given->is_null() && m.fallback)) {
      out.append(m.name, m.fallback.value_or(value()));
      continue;
    }
    auto member = convert(std::move(*given), m.of);
    if (!member) return wrap(std::move(member).error(), fmt::format("attribute {}", quoted(m.name)));
    out.append(m.name, *std::move(member));
  }
  return value(std::move(out));
}
}  // namespace

result<value> convert(value v, const type& to) {
  if (v.is_null()) return v;
  switch (to.kind) {
    case kind::any: return v;
    case kind::string:
      if (auto text = to_text(v)) return value(*std::move(text));
      return mismatch(v, "a string");
    case kind::number:
      if (auto n = to_number(v)) return *n;
      if (v.as_string()) return fail(errc::invalid, "a number is required, but this is the text {}", quoted(*v.as_string()));
      return mismatch(v, "a number");
    case kind::boolean:
      if (auto b = to_boolean(v)) return value(*b);
      if (v.as_string()) return fail(errc::invalid, "a bool is required, but this is the text {}", quoted(*v.as_string()));
      return mismatch(v, "a bool");
    case kind::list:
    case kind::set: return convert_to_list(std::move(v), to);
    case kind::map: return convert_to_map(std::move(v), to);
    case kind::tuple: return convert_to_tuple(std::move(v), to);
    case kind::object: return convert_to_object(std::move(v), to);
  }
  return v;
}

}  // namespace drover::hcl
