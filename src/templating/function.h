// The functions that templates call, as data. A set is built once and then only read, by any thread.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "templating/datum.h"
#include "templating/template.h"

namespace drover::templating {

// What a function may ask of the run that calls it.
class run_context {
 public:
  virtual ~run_context() = default;
  virtual const world& outside() const = 0;
  // Data from elsewhere; nothing: not there yet, which the run has noted.
  virtual result<std::optional<datum>> ask(data_request request) = 0;
  // Runs another template of the same source. Empty name: itself.
  virtual result<std::string> execute(const std::string& name, datum dot) = 0;
  // One for the whole run.
  virtual const std::shared_ptr<object>& scratch() = 0;
};

struct call {
  run_context& run;
  std::span<const datum> arguments;
  size_t size() const { return arguments.size(); }
  const datum& operator[](size_t i) const { return arguments[i]; }
  // Requires: the signature says that it is one.
  const std::string& text(size_t i) const { return *arguments[i].as_text(); }
  int64_t integer(size_t i) const { return arguments[i].as_integer()->n; }
  double number(size_t i) const;
  bool boolean(size_t i) const { return *arguments[i].as_bool(); }
  const datum::list& list(size_t i) const { return arguments[i].as_list()->items; }
  const datum::map& map(size_t i) const { return arguments[i].as_map()->members; }
};

using function_body = result<datum> (*)(const call&);

// One letter an argument: s text, i whole number, f any number, b bool, l list, m map, a anything. "?" ends what is required, "*" after the
// last one means any number of it.
struct function {
  std::string_view name;
  std::string_view signature;
  function_body body = nullptr;
};

class function_set {
 public:
  void add(std::span<const function> functions, std::string_view prefix = {});
  // "*" is a wildcard: what it matches says that it is disabled.
  void deny(std::string_view pattern);
  const function* find(std::string_view name) const;
  const auto& all() const { return functions_; }

 private:
  std::map<std::string, function, std::less<>> functions_;
};

// Go's own; what consul-template adds; what it takes from sprig (there with the prefix "sprig_").
std::span<const function> builtin_functions();
std::span<const function> text_functions();
std::span<const function> encoding_functions();
std::span<const function> collection_functions();
std::span<const function> math_functions();
std::span<const function> source_functions();
std::span<const function> sprig_text_functions();
std::span<const function> sprig_list_functions();
std::span<const function> sprig_dict_functions();
std::span<const function> sprig_number_functions();
std::span<const function> sprig_misc_functions();

}  // namespace drover::templating
