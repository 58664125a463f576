#include "hcl/function.h"

#include <map>

#include "hcl/values.h"

namespace drover::hcl {

namespace {
using table = std::map<std::string_view, const function*>;

const table& functions() {
  static const table all = [] {
    table out;
    for (auto part : {string_functions(), regex_functions(), collection_functions(), set_functions(), numeric_functions(), encoding_functions(),
                      time_functions(), crypto_functions(), network_functions(), file_functions()})
      for (const function& f : part) out.emplace(f.name, &f);
    return out;
  }();
  return all;
}

constexpr std::string_view special_functions[] = {"try", "can", "convert", "templatefile"};

std::string_view text_of(parameter p) {
  constexpr std::string_view texts[] = {"any value", "a string", "a number", "a bool", "a list", "a map"};
  return texts[static_cast<size_t>(p)];
}

result<value> convert_argument(value v, parameter p, size_t place) {
  auto refuse = [&] { return fail(errc::invalid, "argument {} must be {}, but is a {}", place + 1, text_of(p), v.kind()); };
  switch (p) {
    case parameter::any: return v;
    case parameter::string:
      if (auto text = to_text(v)) return value(*std::move(text));
      return refuse();
    case parameter::number:
      if (auto n = to_number(v)) return *n;
      return refuse();
    case parameter::boolean:
      if (auto b = to_boolean(v)) return value(*b);
      return refuse();
    case parameter::list:
      if (v.as_list()) return v;
      return refuse();
    case parameter::map:
      if (v.as_object()) return v;
      return refuse();
  }
  return v;
}
}  // namespace

const function* find_function(std::string_view name) {
  auto at = functions().find(name);
  return at == functions().end() ? nullptr : at->second;
}

std::vector<std::string> function_names() {
  std::vector<std::string> out(std::begin(special_functions), std::end(special_functions));
  for (const auto& [name, f] : functions()) out.emplace_back(name);
  return out;
}

result<value> call_function(const function& f, std::vector<value> arguments, const function_environment& environment) {
  size_t least = f.parameters.size();
  if (arguments.size() < least || (arguments.size() > least && !f.more))
    return fail(errc::invalid, "it takes {}{} argument{}, but got {}", f.more ? "at least " : "", least, least == 1 ? "" : "s", arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    parameter wanted = i < least ? f.parameters[i] : *f.more;
    if (arguments[i].is_null()) {
      if (f.takes_null && (wanted == parameter::any || i >= least)) continue;
      return fail(errc::invalid, "argument {} is null", i + 1);
    }
    TRY_ASSIGN(arguments[i], convert_argument(std::move(arguments[i]), wanted, i));
  }
  return f.call(arguments, environment);
}

}  // namespace drover::hcl
