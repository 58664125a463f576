#include "hcl/ast.h"

#include <algorithm>

namespace drover::hcl {

std::string_view text_of(binary_operator op) {
  constexpr std::string_view texts[] = {"||", "&&", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"};
  return texts[static_cast<size_t>(op)];
}

const attribute* body::find_attribute(std::string_view name) const {
  auto found = std::ranges::find(attributes, name, &attribute::name);
  return found == attributes.end() ? nullptr : &*found;
}

namespace {

class reference_finder {
 public:
  std::vector<reference> found;

  void visit(const expression_ptr& e) {
    if (e != nullptr) visit(*e);
  }

  void visit(const expression& e) {
    switch (e.kind) {
      case expression_kind::literal: return;
      case expression_kind::template_text:
        for (const auto& part : as<template_expression>(e).parts) visit(part);
        return;
      case expression_kind::template_for: {
        const auto& f = as<template_for_expression>(e);
        visit(f.collection);
        binding scope(*this, f.key_name, f.value_name);
        visit(f.body);
        return;
      }
      case expression_kind::variable: add(as<variable_expression>(e).name, {}, e.where); return;
      case expression_kind::traversal: visit_traversal(as<traversal_expression>(e)); return;
      case expression_kind::call:
        for (const auto& argument : as<call_expression>(e).arguments) visit(argument);
        return;
      case expression_kind::tuple:
        for (const auto& element : as<tuple_expression>(e).elements) visit(element);
        return;
      case expression_kind::object:
        for (const auto& [key, item] : as<object_expression>(e).items) visit(key), visit(item);
        return;
      case expression_kind::for_each: {
        const auto& f = as<for_expression>(e);
        visit(f.collection);
        binding scope(*this, f.key_name, f.value_name);
        visit(f.key), visit(f.item), visit(f.condition);
        return;
      }
      case expression_kind::conditional: {
        const auto& c = as<conditional_expression>(e);
        visit(c.condition), visit(c.when_true), visit(c.when_false);
        return;
      }
      case expression_kind::unary: visit(as<unary_expression>(e).operand); return;
      case expression_kind::binary: visit(as<binary_expression>(e).left), visit(as<binary_expression>(e).right); return;
    }
  }

 private:
  // Names of an enclosing `for`, for as long as its inside is visited.
  struct binding {
    binding(reference_finder& f, std::string_view key, std::string_view item) : finder(f) {
      finder.bound_.push_back(key);
      finder.bound_.push_back(item);
    }
    ~binding() { finder.bound_.resize(finder.bound_.size() - 2); }
    reference_finder& finder;
  };

  void visit_traversal(const traversal_expression& t) {
    if (t.source->kind == expression_kind::variable) {
      const auto& first = t.steps.front();
      bool plain = first.kind == traversal_step::kind_type::attribute;
      add(as<variable_expression>(*t.source).name, plain ? first.name : std::string(), t.where);
    } else {
      visit(t.source);
    }
    for (const auto& step : t.steps) visit(step.key);
  }

  void add(const std::string& root, std::string attribute, const range& where) {
    if (std::ranges::find(bound_, root) == bound_.end()) found.push_back({root, std::move(attribute), where});
  }

  std::vector<std::string_view> bound_;
};

}  // namespace

std::vector<reference> references(const expression& e) {
  reference_finder finder;
  finder.visit(e);
  return std::move(finder.found);
}

}  // namespace drover::hcl
