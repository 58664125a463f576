// Inside templating/: one run of a compiled template. One thread; lives as long as the run.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "templating/ast.h"
#include "templating/function.h"
#include "templating/template.h"

namespace drover::templating {

class template_run : public run_context {
 public:
  template_run(const template_set& templates, const function_set& functions, const std::string& main, missing_key missing, const world& outside)
      : templates_(templates), functions_(functions), main_(main), missing_key_(missing), world_(outside) {}

  // What the template called `name` writes.
  result<std::string> execute(const std::string& name, datum dot) override;
  const world& outside() const override { return world_; }
  result<std::optional<datum>> ask(data_request request) override;
  const std::shared_ptr<object>& scratch() override;

  std::vector<data_request> take_used() { return std::move(used_); }
  std::vector<data_request> take_missing() { return std::move(missing_); }

 private:
  enum class flow : uint8_t { on, break_, continue_ };
  // The template that runs and its variables.
  struct frame {
    const parsed_template* running;
    std::vector<std::pair<std::string, datum>> variables;
  };
  using operands = const std::vector<node_ptr>&;

  result<flow> walk(const datum& dot, const node& n);
  result<flow> walk_branch(const datum& dot, const node& n);
  result<flow> walk_range(const datum& dot, const node& n);
  result<flow> iterate(const node& n, datum key, datum item, bool of_count);
  result<> walk_invoke(const datum& dot, const node& n);
  result<datum> pipeline(const datum& dot, const node& pipe);
  result<datum> command(const datum& dot, const node& command, const datum* final);
  result<datum> operand(const datum& dot, const node& n);
  result<datum> field_path(const datum& dot, datum receiver, const std::vector<std::string>& names, size_t from, const node& at, operands arguments,
                           const datum* final);
  result<datum> field(const datum& dot, const std::string& name, const node& at, operands arguments, const datum* final, const datum& receiver);
  result<datum> missing(const std::string& name, const datum& receiver);
  result<datum> function_call(const datum& dot, const node& command, const datum* final);
  result<datum> short_circuit(const datum& dot, const std::string& name, operands arguments, const datum* final);
  result<std::vector<datum>> arguments_of(const datum& dot, operands arguments, const datum* final);
  result<> check_arguments(const function& f, const std::string& name, std::vector<datum>& arguments, const node& command);
  result<> write(const datum& d);
  result<> write_text(std::string_view text);
  result<> step();
  const datum& variable(const std::string& name) const;
  result<> set_variable(const std::string& name, datum v);
  std::unexpected<error> fail_here(const std::string& message, errc code = errc::invalid) const;

  const template_set& templates_;
  const function_set& functions_;
  const std::string& main_;
  missing_key missing_key_;
  const world& world_;
  frame* frame_ = nullptr;
  // Where the run is, for errors.
  const node* at_ = nullptr;
  std::string* out_ = nullptr;
  // The value that is asked for a field came out of a map.
  bool in_map_ = false;
  int depth_ = 0;
  int64_t steps_ = 0;
  size_t written_ = 0;
  std::shared_ptr<object> scratch_;
  std::vector<data_request> used_, missing_;
};

// The object behind "scratch".
std::shared_ptr<object> make_scratch();

}  // namespace drover::templating
