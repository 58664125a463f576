// The tree walk behind eval.h. One object does one evaluation.
#pragma once

#include "hcl/eval.h"
#include "hcl/values.h"

namespace drover::hcl {

class evaluator {
 public:
  explicit evaluator(diagnostics& problems) : problems_(&problems) {}
  std::optional<value> run(const expression& e, const eval_context& c);

 private:
  using maybe = std::optional<value>;

  // evaluator.cc
  maybe template_text(const template_expression& e, const eval_context& c);
  maybe template_for(const template_for_expression& e, const eval_context& c);
  bool append_text(std::string& out, const expression& e, const eval_context& c);
  maybe variable(const variable_expression& e, const eval_context& c);
  maybe tuple(const tuple_expression& e, const eval_context& c);
  maybe object(const object_expression& e, const eval_context& c);
  maybe for_each(const for_expression& e, const eval_context& c);
  maybe conditional(const conditional_expression& e, const eval_context& c);
  // Calls use(key, item) for each element, in the language's order; stops when it returns false, and then returns
  // false.
  template <class Use>
  bool iterate(const expression& collection, const eval_context& c, Use use);
  bool for_item(const for_expression& e, const eval_context& scope, object_builder& members, value::list& elements);

  // evaluate_traversal.cc
  maybe traversal(const traversal_expression& e, const eval_context& c);
  maybe splat(const traversal_expression& e, size_t step, const value* source, const eval_context& c);
  maybe walk(const traversal_expression& e, size_t from, size_t to, const value* v, const eval_context& c);
  const value* step_into(const traversal_step& step, const value& v, const eval_context& c);
  const value* index(const value& v, const value& key, const range& where);
  maybe kept_text(const std::string& root, const traversal_expression* t, const eval_context& c);

  // evaluate_operator.cc
  maybe unary(const unary_expression& e, const eval_context& c);
  maybe binary(const binary_expression& e, const eval_context& c);
  maybe logical(const binary_expression& e, const eval_context& c);
  maybe arithmetic(const binary_expression& e, const value& a, const value& b);
  std::optional<bool> boolean_of(const expression& e, const eval_context& c, std::string_view what);

  // evaluate_call.cc
  maybe call(const call_expression& e, const eval_context& c);
  bool arguments_of(const call_expression& e, const eval_context& c, std::vector<value>& out);
  maybe call_try(const call_expression& e, const eval_context& c);
  maybe call_can(const call_expression& e, const eval_context& c);
  maybe call_convert(const call_expression& e, const eval_context& c);
  maybe call_template_file(const call_expression& e, const eval_context& c);

  std::nullopt_t fail(const range& where, std::string summary, std::string detail, std::string suggestion = {});
  // For a value that has the wrong type because it is only known later.
  static std::string runtime_hint(const value& v);
  bool charge(size_t bytes, const range& where);

  diagnostics* problems_;
  uint64_t steps_ = 0;
  size_t bytes_ = 0;
  bool exhausted_ = false;  // a limit of the evaluation was reached and reported: try() must not catch it
};

}  // namespace drover::hcl
