#include "hcl/evaluator.h"
#include "hcl/limits.h"

namespace drover::hcl {

namespace {
using step_kind = traversal_step::kind_type;

const std::string* root_name(const expression& e) {
  if (e.kind == expression_kind::variable) return &as<variable_expression>(e).name;
  if (e.kind == expression_kind::traversal) return root_name(*as<traversal_expression>(e).source);
  return nullptr;
}

std::vector<std::string> member_names(const value& v) {
  std::vector<std::string> out;
  if (auto* o = v.as_object())
    for (const auto& [name, member] : *o) out.push_back(name);
  return out;
}
}  // namespace

bool is_unknown_reference(const expression& e, const eval_context& context) {
  const std::string* root = root_name(e);
  return root != nullptr && context.find(*root) == nullptr;
}

// "${root.step[0]}": what was written, except that an index which is computed is written as what it is.
std::optional<value> evaluator::kept_text(const std::string& root, const traversal_expression* t, const eval_context& c) {
  std::string out = "${" + root;
  if (t != nullptr) {
    for (const auto& step : t->steps) {
      if (step.kind != step_kind::index || step.key->kind == expression_kind::literal || is_unknown_reference(*step.key, c)) {
        out += step.where.text();
        continue;
      }
      auto key = run(*step.key, c);
      if (!key) return std::nullopt;
      auto text = to_text(*key);
      if (!text) return fail(step.where, "Invalid index", fmt::format("An index is a string or a number, but this is a {}.", key->kind()));
      out += key->as_string() ? "[\"" + *text + "\"]" : "[" + *text + "]";
    }
  }
  out += "}";
  if (!charge(out.size(), t != nullptr ? t->where : range())) return std::nullopt;
  return value(std::move(out));
}

std::optional<value> evaluator::traversal(const traversal_expression& e, const eval_context& c) {
  if (e.source->kind == expression_kind::variable) {
    const std::string& root = as<variable_expression>(*e.source).name;
    // A variable is walked in place; only where the walk ends is copied.
    if (const value* v = c.find(root)) return walk(e, 0, e.steps.size(), v, c);
    if (c.policy() == unknown_names::are_kept) return kept_text(root, &e, c);
  }
  auto source = run(*e.source, c);
  if (!source) return std::nullopt;
  return walk(e, 0, e.steps.size(), &*source, c);
}

std::optional<value> evaluator::walk(const traversal_expression& e, size_t from, size_t to, const value* v, const eval_context& c) {
  for (size_t i = from; i < to; ++i) {
    const auto& step = e.steps[i];
    if (step.kind == step_kind::full_splat || step.kind == step_kind::attribute_splat) {
      // What follows belongs to the splat; a .* splat ends at the first index in brackets.
      size_t end = to;
      if (step.kind == step_kind::attribute_splat)
        for (end = i + 1; end < to && e.steps[end].kind == step_kind::attribute;) ++end;
      auto spread = splat(e, i, v, c);
      if (!spread || end == to) return spread;
      return walk(e, end, to, &*spread, c);
    }
    v = step_into(step, *v, c);
    if (v == nullptr) return std::nullopt;
  }
  if (!charge(weight(*v), e.where)) return std::nullopt;
  return *v;
}

std::optional<value> evaluator::splat(const traversal_expression& e, size_t i, const value* source, const eval_context& c) {
  size_t end = e.steps.size();
  if (e.steps[i].kind == step_kind::attribute_splat)
    for (end = i + 1; end < e.steps.size() && e.steps[end].kind == step_kind::attribute;) ++end;
  value::list out;
  if (source->is_null()) return value(std::move(out));
  auto one = [&](const value& element) {
    if (++steps_ > evaluation_steps_max && !exhausted_) {
      exhausted_ = true;
      fail(e.where, "Expression too expensive", fmt::format("Evaluating this takes more than {} steps.", evaluation_steps_max));
    }
    if (exhausted_) return false;
    auto v = walk(e, i + 1, end, &element, c);
    if (v) out.push_back(*std::move(v));
    return v.has_value();
  };
  if (auto* list = source->as_list()) {
    for (const auto& element : *list)
      if (!one(element)) return std::nullopt;
  } else if (!one(*source)) {
    return std::nullopt;
  }
  return value(std::move(out));
}

const value* evaluator::step_into(const traversal_step& step, const value& v, const eval_context& c) {
  if (step.kind == step_kind::index) {
    auto key = run(*step.key, c);
    if (!key) return nullptr;
    return index(v, *key, step.where);
  }
  if (auto* o = v.as_object()) {
    if (const value* member = o->find(step.name)) return member;
    fail(step.where, "Unsupported attribute", fmt::format("This object does not have an attribute named {}.", quoted(step.name)),
         suggest(step.name, member_names(v)));
    return nullptr;
  }
  // list.0 is list[0].
  if (v.as_list() && parse_number(step.name)) return index(v, value(step.name), step.where);
  if (v.is_null()) {
    fail(step.where, "Attempt to get attribute from null value", "This value is null, so it does not have any attributes.");
  } else {
    fail(step.where, "Unsupported attribute", fmt::format("This value is a {} and does not have any attributes.", v.kind()),
         v.as_list() ? "To take the attribute of each element, write [*] before it." : runtime_hint(v));
  }
  return nullptr;
}

const value* evaluator::index(const value& v, const value& key, const range& where) {
  if (key.is_null()) return fail(where, "Invalid index", "The index is null."), nullptr;
  if (auto* list = v.as_list()) {
    auto number = to_number(key);
    auto whole = number ? to_integer(*number) : std::nullopt;
    if (!whole) {
      fail(where, "Invalid index",
           fmt::format("A list is indexed by a whole number, but this index is the {} {}.", key.kind(), quoted(to_text(key).value_or(""))));
      return nullptr;
    }
    if (*whole >= 0 && static_cast<uint64_t>(*whole) < list->size()) return &(*list)[static_cast<size_t>(*whole)];
    fail(where, "Invalid index",
         list->empty() ? "The list has no elements."
                       : fmt::format("The list has {} elements, 0 to {}: there is no element {}.", list->size(), list->size() - 1, *whole));
    return nullptr;
  }
  if (auto* o = v.as_object()) {
    auto name = to_text(key);
    if (!name) return fail(where, "Invalid index", fmt::format("An object is indexed by a string, but this index is a {}.", key.kind())), nullptr;
    if (const value* member = o->find(*name)) return member;
    fail(where, "Invalid index", fmt::format("The object has no element with the key {}.", quoted(*name)), suggest(*name, member_names(v)));
    return nullptr;
  }
  if (v.is_null()) fail(where, "Attempt to index null value", "This value is null, so it does not have any elements.");
  else fail(where, "Invalid index", fmt::format("This value is a {} and does not have any elements.", v.kind()), runtime_hint(v));
  return nullptr;
}

}  // namespace drover::hcl
