#include "hcl/evaluator.h"
#include "hcl/limits.h"
#include "hcl/parser.h"
#include "hcl/type.h"

namespace drover::hcl {

bool evaluator::arguments_of(const call_expression& e, const eval_context& c, std::vector<value>& out) {
  for (const auto& argument : e.arguments) {
    auto v = run(*argument, c);
    if (!v) return false;
    if (!e.expand_last || &argument != &e.arguments.back()) {
      out.push_back(*std::move(v));
      continue;
    }
    auto* list = v->as_list();
    if (list == nullptr) {
      fail(argument->where, "Invalid expanding argument value", fmt::format("What stands before \"...\" must be a list, but this is a {}.", v->kind()));
      return false;
    }
    for (auto& element : *list) out.push_back(std::move(element));
  }
  return true;
}

std::optional<value> evaluator::call(const call_expression& e, const eval_context& c) {
  if (e.name == "try") return call_try(e, c);
  if (e.name == "can") return call_can(e, c);
  if (e.name == "convert") return call_convert(e, c);
  if (e.name == "templatefile") return call_template_file(e, c);
  const function* f = find_function(e.name);
  if (f == nullptr)
    return fail(e.name_range, "Call to unknown function", fmt::format("There is no function named {}.", quoted(e.name)), suggest(e.name, function_names()));
  std::vector<value> arguments;
  if (!arguments_of(e, c, arguments)) return std::nullopt;
  std::string hint;
  for (const auto& argument : arguments)
    if (hint.empty()) hint = runtime_hint(argument);
  auto out = call_function(*f, std::move(arguments), c.environment());
  if (!out) return fail(e.where, "Error in function call", fmt::format("Call to function {} failed: {}.", quoted(e.name), out.error().text()), hint);
  size_t size = weight(*out, evaluation_bytes_max);
  if (out->as_string() != nullptr && size > string_bytes_max + sizeof(value)) {
    exhausted_ = true;
    return fail(e.where, "Text too long", fmt::format("The text grows beyond {} bytes.", string_bytes_max));
  }
  if (depth(*out, value_depth_max + 1) > value_depth_max) {
    exhausted_ = true;
    return fail(e.where, "Too deeply nested", fmt::format("The result nests more than {} levels deep.", value_depth_max));
  }
  if (!charge(size, e.where)) return std::nullopt;
  return *std::move(out);
}

// The first argument that can be evaluated.
std::optional<value> evaluator::call_try(const call_expression& e, const eval_context& c) {
  diagnostics* outer = problems_;
  diagnostics attempts;
  for (const auto& argument : e.arguments) {
    diagnostics attempt;
    problems_ = &attempt;
    auto v = run(*argument, c);
    problems_ = outer;
    if (v) return v;
    if (exhausted_) {
      outer->append(attempt);
      return std::nullopt;
    }
    attempts.append(attempt);
  }
  if (e.arguments.empty()) return fail(e.where, "Error in function call", "try() needs at least one argument.");
  return fail(e.where, "Error in function call", fmt::format("No argument of try() could be evaluated; the first: {}", attempts.text()));
}

std::optional<value> evaluator::call_can(const call_expression& e, const eval_context& c) {
  if (e.arguments.size() != 1 || e.expand_last) return fail(e.where, "Error in function call", "can() takes one argument.");
  diagnostics* outer = problems_;
  diagnostics attempt;
  problems_ = &attempt;
  auto v = run(*e.arguments[0], c);
  problems_ = outer;
  if (exhausted_) {
    outer->append(attempt);
    return std::nullopt;
  }
  return value(v.has_value());
}

std::optional<value> evaluator::call_convert(const call_expression& e, const eval_context& c) {
  if (e.arguments.size() != 2 || e.expand_last) return fail(e.where, "Error in function call", "convert() takes a value and a type.");
  auto v = run(*e.arguments[0], c);
  if (!v) return std::nullopt;
  auto t = parse_type(*e.arguments[1], *problems_);
  if (!t) return std::nullopt;
  auto out = convert(*std::move(v), *t);
  if (!out) return fail(e.arguments[0]->where, "Error in function call", fmt::format("The value does not convert to {}: {}.", t->text(), out.error().text()));
  return *std::move(out);
}

// The file's text as a template that sees only the given variables.
std::optional<value> evaluator::call_template_file(const call_expression& e, const eval_context& c) {
  std::vector<value> arguments;
  if (!arguments_of(e, c, arguments)) return std::nullopt;
  const std::string* path = arguments.size() == 2 ? arguments[0].as_string() : nullptr;
  const value::object* variables = arguments.size() == 2 ? arguments[1].as_object() : nullptr;
  if (path == nullptr || variables == nullptr)
    return fail(e.where, "Error in function call", "templatefile() takes the path of a file and an object of variables.");
  if (!c.environment().read_file) return fail(e.where, "Error in function call", "templatefile() is not available here: no files may be read.");
  if (c.template_files_open() >= template_file_nesting_max)
    return fail(e.where, "Error in function call", fmt::format("Templates call templatefile() more than {} levels deep.", template_file_nesting_max));
  auto text = c.environment().read_file(*path);
  if (!text) return fail(e.where, "Error in function call", fmt::format("Call to function \"templatefile\" failed: {}.", text.error().text()));
  auto parsed = parse_template(*path, *std::move(text));
  if (parsed.expr == nullptr) {
    problems_->append(parsed.problems);
    return std::nullopt;
  }
  eval_context inner(unknown_names::are_errors, c.environment());
  inner.template_files_open_ = c.template_files_open() + 1;
  for (const auto& [name, v] : *variables) inner.variables_.insert_or_assign(name, v);
  return run(*parsed.expr, inner);
}

}  // namespace drover::hcl
