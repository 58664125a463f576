#include "templating/template.h"

#include "base/text.h"
#include "templating/run.h"

namespace drover::templating {

std::string data_request::shown() const {
  auto placed = [&] { return fmt::format("{}@{}.{}", name, namespace_, region); };
  switch (what) {
    case kind::file: return fmt::format("file({})", name);
    case kind::variable: return fmt::format("{}({})", wait ? "nomad.var.block" : "nomad.var.get", placed());
    case kind::variable_exists: return fmt::format("nomad.var.exists({})", placed());
    case kind::variable_list: return fmt::format("nomad.var.list({})", placed());
    case kind::service: {
      auto out = tag.empty() ? name : tag + "." + name;
      if (!region.empty()) out += "@" + region;
      if (!choose_key.empty()) out += fmt::format(":{}|{}", choose, choose_key);
      return fmt::format("nomad.service({})", out);
    }
    case kind::service_list: return region.empty() ? "nomad.services" : fmt::format("nomad.services(@{})", region);
    case kind::key: return fmt::format("kv.{}({})", wait ? "block" : "get", name);
    case kind::secret: return fmt::format("vault.read({})", name);
  }
  return name;
}

void function_set::add(std::span<const function> functions, std::string_view prefix) {
  for (auto& f : functions) functions_.insert_or_assign(std::string(prefix) + std::string(f.name), f);
}

void function_set::deny(std::string_view pattern) {
  for (auto& [name, f] : functions_)
    if (matches_glob(pattern, name)) f = {name, "a*", [](const call&) -> result<datum> { return fail(errc::permission_denied, "function disabled"); }};
}

const function* function_set::find(std::string_view name) const {
  auto it = functions_.find(name);
  return it == functions_.end() ? nullptr : &it->second;
}

double call::number(size_t i) const {
  auto* n = arguments[i].as_integer();
  return n ? static_cast<double>(n->n) : *arguments[i].as_double();
}

struct compiled_template::contents {
  compile_options options;
  function_set functions;
  template_set templates;
};

namespace {
function_set functions_for(const compile_options& options) {
  function_set out;
  out.add(builtin_functions());
  if (!options.plain) {
    for (auto set : {text_functions(), encoding_functions(), collection_functions(), math_functions(), source_functions()}) out.add(set);
    for (auto set : {sprig_text_functions(), sprig_list_functions(), sprig_dict_functions(), sprig_number_functions(), sprig_misc_functions()})
      out.add(set, "sprig_");
  }
  for (auto& pattern : options.denied) out.deny(pattern);
  return out;
}
}  // namespace

result<compiled_template> compiled_template::compile(std::string source, compile_options options) {
  auto made = std::make_shared<contents>();
  made->functions = functions_for(options);
  made->options = std::move(options);
  delimiters marks;
  if (!made->options.left_delimiter.empty()) marks.left = made->options.left_delimiter;
  if (!made->options.right_delimiter.empty()) marks.right = made->options.right_delimiter;
  TRY_ASSIGN(made->templates, parse(made->options.name, std::make_shared<const std::string>(std::move(source)), marks, made->functions));
  compiled_template out;
  out.contents_ = std::move(made);
  return out;
}

result<rendered> compiled_template::run(const world& outside, datum dot) const {
  template_run run(contents_->templates, contents_->functions, contents_->options.name, contents_->options.missing, outside);
  auto text = run.execute("", std::move(dot));
  rendered out;
  out.used = run.take_used();
  out.missing = run.take_missing();
  // What is missing may be why it failed: it is tried again when it is there.
  if (!text && out.missing.empty()) return fail(text.error());
  if (text) out.text = std::move(*text);
  return out;
}

}  // namespace drover::templating
