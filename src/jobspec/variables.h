// The variables and locals of a job file: what is declared, what it is set to, from where. Pure but for
// options.functions.
#pragma once

#include <map>
#include <string>

#include "hcl/decode.h"
#include "hcl/type.h"
#include "jobspec/parse.h"

namespace drover::jobspec {

class variables {
 public:
  variables(const parse_options& options, hcl::diagnostics& problems);

  // `variable "x" { ... }`
  void declare(const hcl::block_instance& block);
  // After all are declared: finds every variable's value, converts it and checks its validation rules. An object of all
  // that have one.
  value resolve();
  // The texts of sensitive variables, as far as they are texts. After resolve().
  std::vector<std::string> secrets() const;

 private:
  struct declaration {
    std::string name;
    hcl::range where;
    hcl::type type;
    bool has_type = false;
    bool sensitive = false;
    bool broken = false;           // a value was given and refused, which has been reported
    std::optional<value> current;  // default first, then whatever is stronger
    hcl::block_instance block;     // holds the validation blocks
  };

  void read_default(declaration& d, hcl::decoder& body);
  void from_environment();
  void from_file(const source_text& file);
  void from_flag(const std::string& name, const std::string& text);
  // A text from outside as a value of the variable's type. `source` says where it comes from.
  void set_text(declaration& d, const std::string& text, const std::string& source);
  void set(declaration& d, value v, const std::string& source, const hcl::range& where);
  void undeclared(const std::string& name, const std::string& source, const hcl::range& where, bool is_error);
  void check(const declaration& d);

  const parse_options& options_;
  hcl::diagnostics& problems_;
  hcl::context_ptr plain_;  // functions and nothing else
  std::map<std::string, declaration> declared_;
  std::vector<hcl::source_ptr> files_;  // keep ranges valid
};

// Every `name = expression` of every locals block, in the order they need each other. `known` has var.
value resolve_locals(const std::vector<hcl::block_instance>& blocks, const hcl::context_ptr& known, hcl::diagnostics& problems);

}  // namespace drover::jobspec
