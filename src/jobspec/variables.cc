#include "jobspec/variables.h"

#include <set>

#include "hcl/parser.h"
#include "hcl/values.h"

namespace drover::jobspec {
namespace {

constexpr std::string_view environment_prefix = "NOMAD_VAR_";

hcl::function_environment functions_of(const parse_options& options) { return options.functions != nullptr ? *options.functions : hcl::function_environment{}; }

// Strings and numbers from outside are taken as they are; anything else is read as an expression: -var 'ports=[80,
// 443]'.
bool is_taken_as_text(const hcl::type& type) { return type.kind == hcl::type::kind_type::string || type.kind == hcl::type::kind_type::number; }

// The type of a variable that only has a default.
hcl::type type_like(const value& v) {
  hcl::type type;
  if (v.as_string() != nullptr) type.kind = hcl::type::kind_type::string;
  else if (double unused = 0; v.number(unused)) type.kind = hcl::type::kind_type::number;
  else if (v.as_bool() != nullptr) type.kind = hcl::type::kind_type::boolean;
  return type;
}

}  // namespace

variables::variables(const parse_options& options, hcl::diagnostics& problems)
    : options_(options), problems_(problems), plain_(std::make_shared<hcl::eval_context>(hcl::unknown_names::are_errors, functions_of(options))) {}

void variables::declare(const hcl::block_instance& block) {
  const auto& label = block.labels[0];
  auto [at, added] = declared_.try_emplace(label.text);
  if (!added) {
    problems_.error(block.header, "Duplicate variable", fmt::format("The variable \"{}\" is declared twice.", label.text));
    return;
  }
  auto& d = at->second;
  d.name = label.text;
  d.where = block.header;
  d.block = block;
  d.block.context = plain_;
  hcl::decoder body(d.block, problems_);
  if (const auto* type = body.find("type")) {
    if (auto parsed = hcl::parse_type(*type->expr, problems_)) {
      d.type = std::move(*parsed);
      d.has_type = true;
    }
  }
  body.text("description");
  d.sensitive = body.boolean("sensitive").value_or(false);
  read_default(d, body);
  body.blocks("validation");  // read once there is a value
  body.finish();
}

void variables::read_default(declaration& d, hcl::decoder& body) {
  const auto* given = body.find("default");
  if (given == nullptr) {
    if (!d.has_type) d.type.kind = hcl::type::kind_type::string;
    return;
  }
  auto v = hcl::evaluate(*given->expr, *plain_, problems_);
  d.broken = !v.has_value();
  if (d.broken) return;
  if (!d.has_type) d.type = type_like(*v);
  set(d, std::move(*v), "its default", given->expr->where);
}

value variables::resolve() {
  from_environment();
  for (const auto& file : options_.variable_files) from_file(file);
  for (const auto& [name, text] : options_.variables) from_flag(name, text);
  value::object all;
  for (const auto& [name, d] : declared_) {
    if (!d.current.has_value()) {
      if (d.broken) continue;
      problems_.error(d.where, fmt::format("Unset variable \"{}\"", name), "A variable must be set or have a default value.",
                      fmt::format("Set it with -var {}=..., a -var-file or the environment variable {}{}.", name, environment_prefix, name));
      continue;
    }
    check(d);
    all.append(name, *d.current);
  }
  return value(std::move(all));
}

std::vector<std::string> variables::secrets() const {
  std::vector<std::string> out;
  for (const auto& [name, d] : declared_) {
    const auto* text = d.sensitive && d.current.has_value() ? d.current->as_string() : nullptr;
    if (text != nullptr && !text->empty()) out.push_back(*text);
  }
  return out;
}

void variables::from_environment() {
  for (auto& [name, d] : declared_) {
    auto found = options_.environment.find(fmt::format("{}{}", environment_prefix, name));
    if (found != options_.environment.end()) set_text(d, found->second, found->first);
  }
}

void variables::from_file(const source_text& file) {
  auto parsed = hcl::parse_any(file.name, file.text);
  problems_.append(parsed.problems);
  files_.push_back(parsed.root->file);
  std::vector<hcl::attribute> attributes;
  if (parsed.root->json) {
    for (const auto& p : hcl::json_properties(*parsed.root)) attributes.push_back({std::string(p.name), p.name_range, true, p.expr});
  } else {
    attributes = hcl::just_attributes(*parsed.root, problems_);
  }
  for (const auto& a : attributes) {
    auto at = declared_.find(a.name);
    if (at == declared_.end()) {
      undeclared(a.name, file.name, a.name_range, options_.strict);
      continue;
    }
    if (auto v = hcl::evaluate(*a.expr, *plain_, problems_)) set(at->second, std::move(*v), file.name, a.expr->where);
  }
}

void variables::from_flag(const std::string& name, const std::string& text) {
  auto at = declared_.find(name);
  if (at == declared_.end()) return undeclared(name, "-var", {}, options_.strict);
  set_text(at->second, text, "-var");
}

void variables::undeclared(const std::string& name, const std::string& source, const hcl::range& where, bool is_error) {
  std::vector<std::string> known;
  for (const auto& [other, d] : declared_) known.push_back(other);
  auto problem = hcl::make_error(where, "Undefined variable",
                                 fmt::format("A value for \"{}\" was given ({}), but no variable of that name is declared in the job file.", name, source),
                                 hcl::suggest(name, known));
  if (!is_error) problem.severity = hcl::severity::warning;
  problems_.add(std::move(problem));
}

void variables::set_text(declaration& d, const std::string& text, const std::string& source) {
  if (is_taken_as_text(d.type)) return set(d, value(text), source, {});
  auto parsed = hcl::parse_expression(fmt::format("<value for var.{} from {}>", d.name, source), text);
  if (parsed.expr == nullptr) {
    if (d.sensitive) {
      problems_.error({}, fmt::format("Invalid value for variable \"{}\"", d.name), fmt::format("The value from {} is no expression.", source));
    } else {
      problems_.append(parsed.problems);
    }
    return;
  }
  files_.push_back(parsed.file);
  hcl::diagnostics found;
  auto v = hcl::evaluate(*parsed.expr, *plain_, found);
  if (v.has_value()) return set(d, std::move(*v), source, {});
  if (d.sensitive) {
    problems_.error({}, fmt::format("Invalid value for variable \"{}\"", d.name), fmt::format("The value from {} cannot be evaluated.", source));
  } else {
    problems_.append(found);
  }
}

void variables::set(declaration& d, value v, const std::string& source, const hcl::range& where) {
  auto converted = hcl::convert(std::move(v), d.type);
  if (converted.has_value()) {
    d.current = std::move(*converted);
    return;
  }
  // What was given is a secret: neither the message of the conversion nor the source line may show it.
  d.broken = true;
  std::string why = d.sensitive ? "it does not fit" : converted.error().text();
  problems_.error(d.sensitive ? d.where : where, fmt::format("Invalid value for variable \"{}\"", d.name),
                  fmt::format("The value from {} is not suitable for type {}: {}.", source, d.type.text(), why));
}

void variables::check(const declaration& d) {
  auto context = std::make_shared<hcl::eval_context>(plain_);
  value::object self;
  self.append(d.name, *d.current);
  if (auto done = context->set("var", value(std::move(self))); !done) {
    problems_.error(d.where, fmt::format("Invalid value for variable \"{}\"", d.name), done.error().text());
    return;
  }
  auto block = d.block;
  block.context = context;
  hcl::diagnostics unused;  // what declare() has reported already
  hcl::decoder body(block, unused);
  for (const auto& rule : body.blocks("validation")) {
    hcl::decoder validation(rule, problems_);
    const auto* condition = validation.require("condition");
    validation.require("error_message");
    auto holds = condition != nullptr ? validation.boolean("condition") : std::nullopt;
    auto message = validation.text("error_message");
    validation.finish();
    if (!holds.has_value() || *holds || !message.has_value()) continue;
    problems_.error(condition->expr->where, fmt::format("Invalid value for variable \"{}\"", d.name), *message);
  }
}

namespace {

// Evaluates locals in the order in which they need each other.
class local_resolver {
 public:
  local_resolver(const hcl::context_ptr& known, hcl::diagnostics& problems) : known_(known), problems_(problems) {}

  void add(const hcl::attribute& a) {
    if (!entries_.try_emplace(a.name, entry{.attribute = a}).second)
      problems_.error(a.name_range, "Duplicate local value", fmt::format("A local value \"{}\" is defined twice.", a.name));
  }

  value run() {
    for (auto& [name, e] : entries_) visit(name, e);
    value::object all;
    for (auto& [name, e] : entries_)
      if (e.result.has_value()) all.append(name, std::move(*e.result));
    return value(std::move(all));
  }

 private:
  enum class state { untouched, open, done };
  struct entry {
    hcl::attribute attribute = {};
    state at = state::untouched;
    std::optional<value> result = {};
  };
  // Chains of locals are short; a longer one is refused rather than followed into the stack's end.
  static constexpr int chain_max = 500;

  void visit(const std::string& name, entry& e) {
    if (e.at == state::done) return;
    if (e.at == state::open || depth_ >= chain_max) {
      problems_.error(e.attribute.name_range, "Cycle in local values", fmt::format("local.{} depends on itself, or on too long a chain of others.", name));
      return;
    }
    e.at = state::open;
    ++depth_;
    auto needed = values_for(name, *e.attribute.expr);
    --depth_;
    e.at = state::done;
    if (!needed.has_value()) return;
    auto context = std::make_shared<hcl::eval_context>(known_);
    if (auto done = context->set("local", value(std::move(*needed))); !done) {
      problems_.error(e.attribute.name_range, "Local value too large", done.error().text());
      return;
    }
    e.result = hcl::evaluate(*e.attribute.expr, *context, problems_);
  }

  // The locals that an expression names; nothing if one of them has no value, which has been reported then.
  std::optional<value::object> values_for(const std::string& name, const hcl::expression& e) {
    value::object needed;
    std::set<std::string> seen;
    bool complete = true;
    for (const auto& reference : hcl::references(e)) {
      if (reference.root != "local") continue;
      for (auto& [other, of] : entries_) {
        bool wanted = reference.attribute.empty() ? other != name : other == reference.attribute;
        if (!wanted || !seen.insert(other).second) continue;
        visit(other, of);
        if (of.result.has_value()) needed.append(other, *of.result);
        else complete = false;
      }
    }
    if (!complete) return std::nullopt;
    return needed;
  }

  const hcl::context_ptr& known_;
  hcl::diagnostics& problems_;
  std::map<std::string, entry> entries_;
  int depth_ = 0;
};

}  // namespace

value resolve_locals(const std::vector<hcl::block_instance>& blocks, const hcl::context_ptr& known, hcl::diagnostics& problems) {
  local_resolver locals(known, problems);
  for (const auto& block : blocks)
    for (const auto& a : hcl::just_attributes(*block.content, problems)) locals.add(a);
  return locals.run();
}

}  // namespace drover::jobspec
