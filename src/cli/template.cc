#include "cli/template.h"

#include "templating/template.h"

namespace drover::cli {

result<std::string> run_template(std::string_view source, const value& data) {
  using namespace templating;
  TRY_ASSIGN(auto compiled, compiled_template::compile(std::string(source), {.name = "format", .missing = missing_key::refuse, .plain = true}));
  TRY_ASSIGN(auto made, compiled.run({}, from_value(data)));
  return std::move(made.text);
}

}  // namespace drover::cli
