#include "templating/run.h"

#include <algorithm>

#include "base/ensure.h"
#include "templating/limits.h"
#include "templating/print.h"
#include "templating/utf8.h"

namespace drover::templating {

namespace {
// An error shows the node that it is about, if that is not a whole page.
std::string shortened(std::string text) { return text.size() > context_bytes_max ? text.substr(0, context_bytes_max) + "..." : text; }

datum interface_opened(datum d) { return d.is_nil() ? datum(datum::absent{}) : d; }
}  // namespace

std::unexpected<error> template_run::fail_here(const std::string& message, errc code) const {
  const auto& running = *frame_->running;
  auto before = std::string_view(*running.source).substr(0, at_->position);
  auto line_start = before.rfind('\n');
  auto column = line_start == std::string_view::npos ? before.size() : before.size() - line_start - 1;
  return fail(code, "template: {}:{}:{}: executing {} at <{}>: {}", running.source_name, 1 + std::ranges::count(before, '\n'), column, go_quote(running.name),
              shortened(shown(*at_)), message);
}

result<> template_run::step() {
  if (++steps_ > steps_max) return fail_here(fmt::format("the template runs for more than {} steps", steps_max), errc::too_large);
  return {};
}

result<std::string> template_run::execute(const std::string& name, datum dot) {
  auto found = templates_.find(name.empty() ? main_ : name);
  if (found == templates_.end()) return fail(errc::invalid, "template: no template {}", go_quote(name));
  if (depth_ >= call_depth_max) return fail(errc::too_large, "exceeded maximum template depth ({})", call_depth_max);
  std::string text;
  frame inner{found->second.get(), {{"$", dot}}};
  auto* frame_before = std::exchange(frame_, &inner);
  auto* out_before = std::exchange(out_, &text);
  auto* at_before = std::exchange(at_, found->second->root.get());
  ++depth_;
  auto done = walk(dot, *inner.running->root);
  --depth_;
  frame_ = frame_before;
  out_ = out_before;
  at_ = at_before;
  if (!done) return fail(done.error());
  return text;
}

result<std::optional<datum>> template_run::ask(data_request request) {
  if (world_.data == nullptr) return fail(errc::unsupported, "no source is configured for {}", request.shown());
  auto same = [&](const data_request& r) { return r.shown() == request.shown(); };
  bool first = std::ranges::none_of(used_, same);
  if (first && used_.size() >= missing_max) return fail(errc::too_large, "the template asks for more than {} sources", missing_max);
  TRY_ASSIGN(auto found, world_.data->find(request));
  if (!found && std::ranges::none_of(missing_, same)) missing_.push_back(request);
  if (first) used_.push_back(std::move(request));
  return found;
}

const std::shared_ptr<object>& template_run::scratch() {
  if (!scratch_) scratch_ = make_scratch();
  return scratch_;
}

const datum& template_run::variable(const std::string& name) const {
  auto& all = frame_->variables;
  auto it = std::find_if(all.rbegin(), all.rend(), [&](auto& v) { return v.first == name; });
  ENSURE(it != all.rend(), "the parser has seen where each variable begins");
  return it->second;
}

result<> template_run::set_variable(const std::string& name, datum v) {
  auto& all = frame_->variables;
  auto it = std::find_if(all.rbegin(), all.rend(), [&](auto& found) { return found.first == name; });
  if (it == all.rend()) return fail_here(fmt::format("undefined variable: {}", name));
  it->second = std::move(v);
  return {};
}

// ---- what a template consists of ----

result<template_run::flow> template_run::walk(const datum& dot, const node& n) {
  at_ = &n;
  TRY(step());
  switch (n.kind) {
    case node_kind::list:
      for (auto& child : n.children) {
        TRY_ASSIGN(auto next, walk(dot, *child));
        if (next != flow::on) return next;
      }
      return flow::on;
    case node_kind::text: TRY(write_text(n.text)); return flow::on;
    case node_kind::action: {
      TRY_ASSIGN(auto v, pipeline(dot, *n.pipe));
      if (n.pipe->variables.empty()) TRY(write(v));
      return flow::on;
    }
    case node_kind::condition:
    case node_kind::with: return walk_branch(dot, n);
    case node_kind::range: return walk_range(dot, n);
    case node_kind::invoke: TRY(walk_invoke(dot, n)); return flow::on;
    case node_kind::break_: return flow::break_;
    case node_kind::continue_: return flow::continue_;
    default: return fail_here("unknown node");
  }
}

result<template_run::flow> template_run::walk_branch(const datum& dot, const node& n) {
  auto mark = frame_->variables.size();
  TRY_ASSIGN(auto v, pipeline(dot, *n.pipe));
  result<flow> next = flow::on;
  if (v.truth()) next = walk(n.kind == node_kind::with ? v : dot, *n.body);
  else if (n.otherwise) next = walk(dot, *n.otherwise);
  frame_->variables.resize(mark);
  return next;
}

result<template_run::flow> template_run::iterate(const node& n, datum key, datum item, bool of_count) {
  auto mark = frame_->variables.size();
  auto& names = n.pipe->variables;
  if (!names.empty()) {
    bool both = names.size() > 1;
    auto& first = both || of_count ? key : item;
    if (n.pipe->assigns) TRY(set_variable(names[0], first));
    else frame_->variables[mark - names.size()].second = first;
    if (both && n.pipe->assigns) TRY(set_variable(names[1], item));
    else if (both) frame_->variables[mark - 1].second = item;
  }
  auto next = walk(item, *n.body);
  frame_->variables.resize(mark);
  return next;
}

result<template_run::flow> template_run::walk_range(const datum& dot, const node& n) {
  auto mark = frame_->variables.size();
  TRY_ASSIGN(auto over, pipeline(dot, *n.pipe));
  auto plain = over.plain();
  size_t count = 0;
  bool stop = false;
  auto each = [&](datum key, datum item, bool of_count = false) -> result<> {
    ++count;
    TRY_ASSIGN(auto next, iterate(n, std::move(key), std::move(item), of_count));
    stop = next == flow::break_;
    return {};
  };
  if (auto* number = plain.as_integer()) {
    if (n.pipe->variables.size() > 1) return fail_here(fmt::format("can't use {} to iterate over more than one variable", number->n));
    for (int64_t i = 0; i < number->n && !stop; i++) TRY(each(i, i, true));
  } else if (auto* list = plain.as_list()) {
    // A copy of the list: the body may change it.
    auto items = list->items;
    for (size_t i = 0; i < items.size() && !stop; i++) TRY(each(static_cast<int64_t>(i), items[i]));
  } else if (auto* map = plain.as_map()) {
    auto members = map->members;
    for (auto it = members.begin(); it != members.end() && !stop; ++it) TRY(each(it->first, it->second));
  } else if (!plain.is_nil()) {
    return fail_here(fmt::format("range can't iterate over {}", print_value(over)));
  }
  result<flow> next = flow::on;
  if (count == 0 && n.otherwise) next = walk(dot, *n.otherwise);
  frame_->variables.resize(mark);
  return next;
}

result<> template_run::walk_invoke(const datum& dot, const node& n) {
  auto found = templates_.find(n.text);
  if (found == templates_.end()) return fail_here(fmt::format("template {} not defined", go_quote(n.text)));
  if (depth_ >= call_depth_max) return fail_here(fmt::format("exceeded maximum template depth ({})", call_depth_max), errc::too_large);
  datum inner_dot = datum::absent{};
  if (n.pipe) {
    TRY_ASSIGN(inner_dot, pipeline(dot, *n.pipe));
  }
  frame inner{found->second.get(), {{"$", inner_dot}}};
  auto* before = std::exchange(frame_, &inner);
  ++depth_;
  auto done = walk(inner_dot, *inner.running->root);
  --depth_;
  frame_ = before;
  if (!done) return fail(done.error());
  return {};
}

result<> template_run::write_text(std::string_view text) {
  written_ += text.size();
  if (written_ > output_bytes_max) return fail_here(fmt::format("the template writes more than {} bytes", output_bytes_max), errc::too_large);
  out_->append(text);
  return {};
}

result<> template_run::write(const datum& d) { return write_text(d.is_nil() ? "<no value>" : print_value(d)); }

// ---- pipelines ----

result<datum> template_run::pipeline(const datum& dot, const node& pipe) {
  at_ = &pipe;
  TRY(step());
  datum v;
  bool have = false;
  for (auto& child : pipe.children) {
    TRY_ASSIGN(auto next, command(dot, *child, have ? &v : nullptr));
    v = interface_opened(std::move(next));
    have = true;
  }
  for (auto& name : pipe.variables) {
    if (pipe.assigns) TRY(set_variable(name, v));
    else frame_->variables.emplace_back(name, v);
  }
  return v;
}

result<datum> template_run::command(const datum& dot, const node& command, const datum* final) {
  auto& first = *command.children[0];
  switch (first.kind) {
    case node_kind::field: at_ = &first; return field_path(dot, dot, first.path, 0, first, command.children, final);
    case node_kind::chain: {
      at_ = &first;
      if (first.children[0]->kind == node_kind::nil) return fail_here(fmt::format("indirection through explicit nil in {}", shown(first)));
      TRY_ASSIGN(auto receiver, operand(dot, *first.children[0]));
      return field_path(dot, std::move(receiver), first.path, 0, first, command.children, final);
    }
    case node_kind::variable:
      at_ = &first;
      if (first.path.size() == 1) break;
      return field_path(dot, variable(first.path[0]), first.path, 1, first, command.children, final);
    case node_kind::identifier: return function_call(dot, command, final);
    default: break;
  }
  at_ = &first;
  if (command.children.size() > 1 || final != nullptr) return fail_here(fmt::format("can't give argument to non-function {}", shown(first)));
  if (first.kind == node_kind::nil) return fail_here("nil is not a command");
  return operand(dot, first);
}

result<datum> template_run::operand(const datum& dot, const node& n) {
  at_ = &n;
  static const std::vector<node_ptr> none;
  switch (n.kind) {
    case node_kind::dot: return dot;
    case node_kind::nil: return datum();
    case node_kind::boolean:
    case node_kind::number:
    case node_kind::string: return n.constant;
    case node_kind::field: return field_path(dot, dot, n.path, 0, n, none, nullptr);
    case node_kind::variable: return field_path(dot, variable(n.path[0]), n.path, 1, n, none, nullptr);
    case node_kind::pipe: return pipeline(dot, n);
    case node_kind::chain: {
      if (n.children[0]->kind == node_kind::nil) return fail_here(fmt::format("indirection through explicit nil in {}", shown(n)));
      TRY_ASSIGN(auto receiver, operand(dot, *n.children[0]));
      return field_path(dot, std::move(receiver), n.path, 0, n, none, nullptr);
    }
    case node_kind::identifier: {
      // A function without arguments.
      node alone;
      alone.kind = node_kind::command;
      alone.position = n.position;
      auto name = std::make_unique<node>();
      name->kind = n.kind;
      name->position = n.position;
      name->text = n.text;
      alone.children.push_back(std::move(name));
      auto v = function_call(dot, alone, nullptr);
      at_ = &n;
      return v;
    }
    default: return fail_here(fmt::format("can't handle {}", shown(n)));
  }
}

// ---- fields ----

result<datum> template_run::field_path(const datum& dot, datum receiver, const std::vector<std::string>& names, size_t from, const node& at, operands arguments,
                                       const datum* final) {
  static const std::vector<node_ptr> none;
  bool receiver_was_map = false;
  for (size_t i = from; i < names.size(); i++) {
    bool last = i + 1 == names.size();
    in_map_ = i > from && receiver_was_map;
    receiver_was_map = receiver.as_map() != nullptr;
    TRY_ASSIGN(auto next, field(dot, names[i], at, last ? arguments : none, last ? final : nullptr, receiver));
    receiver = std::move(next);
  }
  return receiver;
}

result<datum> template_run::missing(const std::string& name, const datum& receiver) {
  switch (missing_key_) {
    case missing_key::no_value: return datum(datum::absent{});
    case missing_key::zero: {
      auto* m = receiver.as_map();
      return m && m->of_text ? datum("") : datum();
    }
    case missing_key::refuse: return fail_here(fmt::format("map has no entry for key {}", go_quote(name)));
  }
  return datum();
}

result<datum> template_run::field(const datum& dot, const std::string& name, const node& at, operands arguments, const datum* final, const datum& receiver) {
  TRY(step());
  bool with_arguments = arguments.size() > 1 || final != nullptr;
  if (receiver.is_absent()) {
    if (missing_key_ == missing_key::refuse) return fail_here(fmt::format("nil data; no entry for key {}", go_quote(name)));
    return datum(datum::absent{});
  }
  if (receiver.is_nil()) return fail_here(fmt::format("nil pointer evaluating interface {{}}.{}", name));
  if (auto held = receiver.shared_object()) {
    TRY_ASSIGN(auto evaluated, arguments_of(dot, arguments, final));
    at_ = &at;
    auto found = held->member(name, evaluated);
    if (!found) return fail_here(fmt::format("error calling {}: {}", name, found.error().text()), found.error().code());
    if (*found) return **found;
  } else if (auto* r = receiver.as_record()) {
    if (auto* found = r->find(name)) {
      if (with_arguments) return fail_here(fmt::format("{} has arguments but cannot be invoked as function", name));
      return *found;
    }
  }
  auto plain = receiver.plain();
  if (auto* m = plain.as_map()) {
    if (with_arguments) return fail_here(fmt::format("{} is not a method but has arguments", name));
    auto found = m->members.find(name);
    return found == m->members.end() ? missing(name, plain) : result<datum>(found->second);
  }
  return fail_here(fmt::format("can't evaluate field {} in type {}", name, in_map_ ? "interface {}" : receiver.type_name()));
}

// ---- functions ----

result<std::vector<datum>> template_run::arguments_of(const datum& dot, operands arguments, const datum* final) {
  std::vector<datum> out;
  for (size_t i = 1; i < arguments.size(); i++) {
    TRY_ASSIGN(auto v, operand(dot, *arguments[i]));
    out.push_back(std::move(v));
  }
  if (final != nullptr) out.push_back(*final);
  return out;
}

result<datum> template_run::short_circuit(const datum& dot, const std::string& name, operands arguments, const datum* final) {
  datum v;
  for (size_t i = 1; i < arguments.size(); i++) {
    TRY_ASSIGN(v, operand(dot, *arguments[i]));
    if (v.truth() == (name == "or")) return v;
  }
  return final != nullptr ? *final : v;
}

namespace {
// What a signature's letter calls for, as Go names it.
std::string wanted(char letter) {
  switch (letter) {
    case 's': return "string";
    case 'i': return "int";
    case 'f': return "float64";
    case 'b': return "bool";
    case 'l': return "[]interface {}";
    case 'm': return "map[string]interface {}";
    default: return "interface {}";
  }
}

bool fits(char letter, datum& d) {
  if (letter == 'a') return true;
  if (auto* o = d.as_object()) {
    auto said = letter == 's' ? o->text() : std::nullopt;
    auto under = said ? datum(*said) : o->underlying();
    d = std::move(under);
  }
  switch (letter) {
    case 's': return d.as_text() != nullptr;
    case 'i': return d.as_integer() != nullptr;
    case 'f': return d.as_integer() != nullptr || d.as_double() != nullptr;
    case 'b': return d.as_bool() != nullptr;
    case 'l':
      if (d.is_nil()) d = datum(datum::list{});
      return d.as_list() != nullptr;
    case 'm':
      if (d.is_nil()) d = datum(datum::map{});
      return d.as_map() != nullptr;
    default: return false;
  }
}
}  // namespace

result<> template_run::check_arguments(const function& f, const std::string& name, std::vector<datum>& arguments, const node& command) {
  std::string letters;
  size_t required = std::string::npos;
  bool many = false;
  for (char c : f.signature) {
    if (c == '?') required = letters.size();
    else if (c == '*') many = true;
    else letters += c;
  }
  if (required == std::string::npos) required = many ? letters.size() - 1 : letters.size();
  bool wrong_count = arguments.size() < required || (!many && arguments.size() > letters.size());
  if (wrong_count) at_ = command.children[0].get();
  if (many && wrong_count) return fail_here(fmt::format("wrong number of args for {}: want at least {} got {}", name, required, arguments.size()));
  if (wrong_count)
    return fail_here(
        fmt::format("wrong number of args for {}: want {} got {}", name, arguments.size() < required ? required : letters.size(), arguments.size()));
  for (size_t i = 0; i < arguments.size(); i++) {
    char letter = letters[std::min(i, letters.size() - 1)];
    auto given = arguments[i];
    if (fits(letter, arguments[i])) continue;
    if (i + 1 < command.children.size()) {
      at_ = command.children[i + 1].get();
      bool literal = at_->kind == node_kind::number || at_->kind == node_kind::boolean || at_->kind == node_kind::string;
      if (literal) return fail_here(fmt::format("expected {}; found {}", wanted(letter), shown(*at_)));
      if (at_->kind == node_kind::nil) return fail_here(fmt::format("cannot assign nil to {}", wanted(letter)));
    }
    if (given.is_nil()) return fail_here(fmt::format("invalid value; expected {}", wanted(letter)));
    return fail_here(fmt::format("wrong type for value; expected {}; got {}", wanted(letter), given.type_name()));
  }
  return {};
}

result<datum> template_run::function_call(const datum& dot, const node& command, const datum* final) {
  auto& name = command.children[0]->text;
  at_ = command.children[0].get();
  TRY(step());
  const auto* f = functions_.find(name);
  if (f == nullptr) return fail_here(fmt::format("{} is not a defined function", go_quote(name)));
  if (name == "and" || name == "or") {
    if (command.children.size() == 1 && final == nullptr) return fail_here(fmt::format("wrong number of args for {}: want at least 1 got 0", name));
    return short_circuit(dot, name, command.children, final);
  }
  TRY_ASSIGN(auto arguments, arguments_of(dot, command.children, final));
  TRY(check_arguments(*f, name, arguments, command));
  auto made = f->body(call{*this, arguments});
  if (!made) at_ = &command;
  if (name == "call" && !arguments[0].is_nil()) {
    auto function = command.children.size() > 1 ? shown(*command.children[1]) : std::string("final argument");
    return fail_here(fmt::format("error calling call: non-function {} of type {}", function, arguments[0].type_name()));
  }
  if (!made) return fail_here(fmt::format("error calling {}: {}", name, made.error().text()), made.error().code());
  return made;
}

}  // namespace drover::templating
