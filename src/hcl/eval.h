// Expressions -> values. Evaluation is pure but for the context's function_environment; a context is built by one
// thread and may then be read by many. Work, memory and depth of one evaluation are bounded (limits.h).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/value.h"
#include "hcl/ast.h"
#include "hcl/diagnostic.h"
#include "hcl/function.h"

namespace drover::hcl {

// What a name that no context knows stands for.
enum class unknown_names {
  are_errors,
  // The text that was written, for whoever knows the name later: ${attr.kernel.name} stays "${attr.kernel.name}".
  are_kept,
};

class eval_context {
 public:
  explicit eval_context(unknown_names policy = unknown_names::are_errors, function_environment environment = {})
      : policy_(policy), environment_(std::make_shared<const function_environment>(std::move(environment))) {}
  // Names of `parent` that this one does not set are seen through it. The parent lives as long as the child.
  explicit eval_context(const eval_context* parent);
  explicit eval_context(std::shared_ptr<const eval_context> parent);

  // Replaces an earlier value of that name in this context. Refuses values that are too deep or too large (limits.h).
  result<> set(std::string name, value v);
  // Innermost first; null if nobody knows it.
  const value* find(std::string_view name) const;
  std::vector<std::string> names() const;

  unknown_names policy() const { return policy_; }
  const function_environment& environment() const { return *environment_; }
  int template_files_open() const { return template_files_open_; }
  void set_template_files_open(int n) { template_files_open_ = n; }

 private:
  friend class evaluator;
  std::map<std::string, value, std::less<>> variables_;
  const eval_context* parent_ = nullptr;
  std::shared_ptr<const eval_context> owner_;
  unknown_names policy_;
  std::shared_ptr<const function_environment> environment_;
  int template_files_open_ = 0;
};
using context_ptr = std::shared_ptr<const eval_context>;

// Nothing exactly if an error was added to `problems`.
std::optional<value> evaluate(const expression& e, const eval_context& context, diagnostics& problems);

// A reference whose root no context knows: ${attr.x}. With the are_kept policy it evaluates to its own text.
bool is_unknown_reference(const expression& e, const eval_context& context);

}  // namespace drover::hcl
