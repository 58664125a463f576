#include "hcl/evaluator.h"

#include "hcl/limits.h"

namespace drover::hcl {

eval_context::eval_context(const eval_context* parent)
    : parent_(parent), policy_(parent->policy_), environment_(parent->environment_), template_files_open_(parent->template_files_open_) {}

eval_context::eval_context(std::shared_ptr<const eval_context> parent) : eval_context(parent.get()) { owner_ = std::move(parent); }

result<> eval_context::set(std::string name, value v) {
  if (depth(v, value_depth_max + 1) > value_depth_max) return fail(errc::invalid, "the value of {} nests more than {} levels deep", name, value_depth_max);
  if (weight(v, value_bytes_max) > value_bytes_max) return fail(errc::invalid, "the value of {} is larger than {} bytes", name, value_bytes_max);
  variables_.insert_or_assign(std::move(name), std::move(v));
  return {};
}

const value* eval_context::find(std::string_view name) const {
  for (const auto* c = this; c != nullptr; c = c->parent_)
    if (auto at = c->variables_.find(name); at != c->variables_.end()) return &at->second;
  return nullptr;
}

std::vector<std::string> eval_context::names() const {
  std::vector<std::string> out;
  for (const auto* c = this; c != nullptr; c = c->parent_)
    for (const auto& [name, v] : c->variables_) out.push_back(name);
  return out;
}

std::optional<value> evaluate(const expression& e, const eval_context& context, diagnostics& problems) { return evaluator(problems).run(e, context); }

std::nullopt_t evaluator::fail(const range& where, std::string summary, std::string detail, std::string suggestion) {
  problems_->error(where, std::move(summary), std::move(detail), std::move(suggestion));
  return std::nullopt;
}

std::string evaluator::runtime_hint(const value& v) {
  if (!holds_runtime_reference(v)) return {};
  return "It is made of a name that is known only when the task runs, so it can stand in text but cannot be computed "
         "with.";
}

bool evaluator::charge(size_t bytes, const range& where) {
  bytes_ += bytes;
  if (bytes_ <= evaluation_bytes_max) return true;
  if (!exhausted_) fail(where, "Expression too expensive", fmt::format("Evaluating this takes more than {} bytes.", evaluation_bytes_max));
  exhausted_ = true;
  return false;
}

std::optional<value> evaluator::run(const expression& e, const eval_context& c) {
  if (exhausted_) return std::nullopt;
  if (++steps_ > evaluation_steps_max) {
    exhausted_ = true;
    return fail(e.where, "Expression too expensive", fmt::format("Evaluating this takes more than {} steps.", evaluation_steps_max));
  }
  switch (e.kind) {
    case expression_kind::literal: {
      const value& v = as<literal_expression>(e).constant;
      if (v.as_string() && !charge(v.as_string()->size(), e.where)) return std::nullopt;
      return v;
    }
    case expression_kind::template_text: return template_text(as<template_expression>(e), c);
    case expression_kind::template_for: return template_for(as<template_for_expression>(e), c);
    case expression_kind::variable: return variable(as<variable_expression>(e), c);
    case expression_kind::traversal: return traversal(as<traversal_expression>(e), c);
    case expression_kind::call: return call(as<call_expression>(e), c);
    case expression_kind::tuple: return tuple(as<tuple_expression>(e), c);
    case expression_kind::object: return object(as<object_expression>(e), c);
    case expression_kind::for_each: return for_each(as<for_expression>(e), c);
    case expression_kind::conditional: return conditional(as<conditional_expression>(e), c);
    case expression_kind::unary: return unary(as<unary_expression>(e), c);
    case expression_kind::binary: return binary(as<binary_expression>(e), c);
  }
  return std::nullopt;
}

std::optional<value> evaluator::template_text(const template_expression& e, const eval_context& c) {
  if (e.wraps) return run(*e.parts.front(), c);
  std::string out;
  for (const auto& part : e.parts)
    if (!append_text(out, *part, c)) return std::nullopt;
  return value(std::move(out));
}

bool evaluator::append_text(std::string& out, const expression& e, const eval_context& c) {
  auto v = run(e, c);
  if (!v) return false;
  if (v->is_null()) {
    fail(e.where, "Invalid template interpolation value", "The expression result is null, which cannot be part of a text.");
    return false;
  }
  auto text = to_text(*v);
  if (!text) {
    fail(e.where, "Invalid template interpolation value", fmt::format("A text is needed here, but this is a {}.", v->kind()),
         "Use jsonencode() or join() to make a text of it.");
    return false;
  }
  if (out.size() + text->size() > string_bytes_max) {
    exhausted_ = true;
    fail(e.where, "Text too long", fmt::format("The text grows beyond {} bytes.", string_bytes_max));
    return false;
  }
  out += *text;
  return charge(text->size(), e.where);
}

std::optional<value> evaluator::variable(const variable_expression& e, const eval_context& c) {
  if (const value* v = c.find(e.name)) {
    if (!charge(weight(*v), e.where)) return std::nullopt;
    return *v;
  }
  if (c.policy() == unknown_names::are_kept) return kept_text(e.name, nullptr, c);
  std::string hint = suggest(e.name, c.names());
  if (hint.empty()) hint = fmt::format("Write {} if the text is meant.", quoted(e.name));
  return fail(e.where, "Unknown variable", fmt::format("There is no variable named {}.", quoted(e.name)), hint);
}

std::optional<value> evaluator::tuple(const tuple_expression& e, const eval_context& c) {
  value::list out;
  out.reserve(e.elements.size());
  for (const auto& element : e.elements) {
    auto v = run(*element, c);
    if (!v) return std::nullopt;
    out.push_back(*std::move(v));
  }
  if (!charge(out.size() * sizeof(value), e.where)) return std::nullopt;
  return value(std::move(out));
}

std::optional<value> evaluator::object(const object_expression& e, const eval_context& c) {
  object_builder out;
  for (const auto& [key_expression, item_expression] : e.items) {
    auto key = run(*key_expression, c);
    if (!key) return std::nullopt;
    auto name = to_text(*key);
    if (!name) return fail(key_expression->where, "Incorrect key type", fmt::format("A key must be a string, but this is a {}.", key->kind()));
    auto item = run(*item_expression, c);
    if (!item) return std::nullopt;
    if (!charge(name->size() + sizeof(value::object::entry), e.where)) return std::nullopt;
    out.set(*std::move(name), *std::move(item));
  }
  return value(out.take());
}

template <class Use>
bool evaluator::iterate(const expression& collection, const eval_context& c, Use use) {
  auto v = run(collection, c);
  if (!v) return false;
  if (auto* list = v->as_list()) {
    for (size_t i = 0; i < list->size(); ++i)
      if (!use(value(static_cast<int64_t>(i)), (*list)[i])) return false;
    return true;
  }
  if (auto* members = v->as_object()) {
    for (const auto* entry : sorted_entries(*members))
      if (!use(value(entry->first), entry->second)) return false;
    return true;
  }
  std::string what = v->is_null() ? "null" : fmt::format("a {}", v->kind());
  fail(collection.where, "Iteration over non-iterable value", fmt::format("\"for\" goes through a list or an object, but this is {}.", what), runtime_hint(*v));
  return false;
}

std::optional<value> evaluator::template_for(const template_for_expression& e, const eval_context& c) {
  std::string out;
  bool ok = iterate(*e.collection, c, [&](value key, const value& item) {
    eval_context scope(&c);
    if (!e.key_name.empty()) scope.variables_.insert_or_assign(e.key_name, std::move(key));
    scope.variables_.insert_or_assign(e.value_name, item);
    return charge(weight(item), e.where) && append_text(out, *e.body, scope);
  });
  if (!ok) return std::nullopt;
  return value(std::move(out));
}

bool evaluator::for_item(const for_expression& e, const eval_context& scope, object_builder& members, value::list& elements) {
  if (e.condition != nullptr) {
    auto wanted = boolean_of(*e.condition, scope, "The condition of a \"for\" expression");
    if (!wanted) return false;
    if (!*wanted) return true;
  }
  std::string name;
  if (e.key != nullptr) {
    auto key = run(*e.key, scope);
    if (!key) return false;
    auto text = to_text(*key);
    if (!text) return fail(e.key->where, "Invalid object key", fmt::format("A key must be a string, but this is a {}.", key->kind())), false;
    name = *std::move(text);
  }
  auto item = run(*e.item, scope);
  if (!item) return false;
  if (!charge(name.size() + sizeof(value::object::entry), e.where)) return false;
  if (e.key == nullptr) {
    elements.push_back(*std::move(item));
    return true;
  }
  value* earlier = members.find(name);
  if (e.group) {
    if (earlier != nullptr) earlier->as_list()->push_back(*std::move(item));
    else members.set(std::move(name), value(value::list{*std::move(item)}));
    return true;
  }
  if (earlier != nullptr) {
    fail(e.key->where, "Duplicate object key", fmt::format("Two items of this \"for\" expression have the key {}.", quoted(name)),
         "If several values may share a key, put \"...\" after the value to group them.");
    return false;
  }
  members.set(std::move(name), *std::move(item));
  return true;
}

std::optional<value> evaluator::for_each(const for_expression& e, const eval_context& c) {
  object_builder members;
  value::list elements;
  bool ok = iterate(*e.collection, c, [&](value key, const value& item) {
    eval_context scope(&c);
    if (!e.key_name.empty()) scope.variables_.insert_or_assign(e.key_name, std::move(key));
    scope.variables_.insert_or_assign(e.value_name, item);
    return charge(weight(item), e.where) && for_item(e, scope, members, elements);
  });
  if (!ok) return std::nullopt;
  if (e.key != nullptr) return value(members.take());
  return value(std::move(elements));
}

namespace {
bool is_primitive(const value& v) { return v.as_bool() || v.as_string() || v.as_int() || v.as_double(); }
}  // namespace

std::optional<value> evaluator::conditional(const conditional_expression& e, const eval_context& c) {
  auto chosen = boolean_of(*e.condition, c, "The condition of a conditional");
  if (!chosen) return std::nullopt;
  const expression& taken = *chosen ? *e.when_true : *e.when_false;
  const expression& other = *chosen ? *e.when_false : *e.when_true;
  auto v = run(taken, c);
  // Both results have one type: beside a string, a number or bool becomes a string. Only a constant says its type
  // without being evaluated, and what is not taken is not evaluated, so that `can(x) ? x : y` and endless templates do
  // no harm.
  if (v && is_primitive(*v) && !v->as_string() && other.kind == expression_kind::literal) {
    const value& constant = as<literal_expression>(other).constant;
    if (constant.as_string()) return value(*to_text(*v));
  }
  return v;
}

}  // namespace drover::hcl
