// The grammar of Go's text/template.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/text.h"
#include "templating/ast.h"
#include "templating/function.h"
#include "templating/limits.h"
#include "templating/utf8.h"

namespace drover::templating {

namespace {
// Errors say a token as Go does.
std::string shown(const token& t) {
  switch (t.kind) {
    case token_kind::end_of_text: return "EOF";
    case token_kind::failure: return t.message;
    case token_kind::keyword:
    case token_kind::dot:
    case token_kind::nil: return fmt::format("<{}>", t.text);
    default: break;
  }
  if (t.text.size() > 10) return go_quote(t.text.substr(0, 10)) + "...";
  return go_quote(t.text);
}

std::optional<uint64_t> parse_digits(std::string_view digits, unsigned base) {
  std::string plain;
  for (char c : digits)
    if (c != '_') plain += c;
  uint64_t n = 0;
  auto [end, bad] = std::from_chars(plain.data(), plain.data() + plain.size(), n, static_cast<int>(base));
  if (plain.empty() || bad != std::errc() || end != plain.data() + plain.size()) return std::nullopt;
  return n;
}

std::optional<datum> parse_integer(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  unsigned base = 10;
  if (text.size() > 1 && text[0] == '0') {
    char c = static_cast<char>(text[1] | 32);
    base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
    text.remove_prefix(c == 'x' || c == 'b' || c == 'o' ? 2 : 1);
  }
  auto n = parse_digits(text, base);
  if (!n) return std::nullopt;
  constexpr auto most = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (negative) return *n > most + 1 ? std::nullopt : std::optional<datum>(static_cast<int64_t>(0 - *n));
  return *n > most ? std::nullopt : std::optional<datum>(static_cast<int64_t>(*n));
}

std::optional<datum> parse_float(std::string_view text) {
  std::string plain;
  for (char c : text)
    if (c != '_') plain += c;
  char* end = nullptr;
  double d = std::strtod(plain.c_str(), &end);
  if (plain.empty() || end != plain.c_str() + plain.size() || std::isinf(d)) return std::nullopt;
  return d;
}

class parser {
 public:
  parser(const std::string& name, std::shared_ptr<const std::string> source, const delimiters& marks, const function_set& functions)
      : name_(name), source_(std::move(source)), functions_(functions), tokens_(cut(*source_, marks)) {}

  result<template_set> run() {
    auto root = make(node_kind::list, peek());
    while (peek().kind != token_kind::end_of_text) {
      if (starts_definition()) {
        TRY(definition());
        continue;
      }
      TRY_ASSIGN(auto n, text_or_action());
      if (n->kind == node_kind::list) return unexpected_control();
      root->children.push_back(std::move(n));
    }
    TRY(add(name_, std::move(root)));
    return std::move(set_);
  }

 private:
  // ---- tokens ----
  const token& peek() const { return tokens_[std::min(at_, tokens_.size() - 1)]; }
  const token& next() {
    const auto& t = peek();
    if (at_ < tokens_.size()) ++at_;
    last_line_ = t.line;
    return t;
  }
  const token& peek_word() {
    while (peek().kind == token_kind::space) ++at_;
    return peek();
  }
  const token& next_word() {
    peek_word();
    return next();
  }
  void back() { --at_; }

  std::unexpected<error> fail_at(int line, const std::string& message) const { return fail(errc::invalid, "template: {}:{}: {}", name_, line, message); }
  std::unexpected<error> unexpected(const token& t, std::string_view context) const {
    if (t.kind == token_kind::failure) return fail_at(t.line, t.message);
    return fail_at(t.line, fmt::format("unexpected {} in {}", shown(t), context));
  }
  std::unexpected<error> unexpected_control() const { return fail_at(last_line_, fmt::format("unexpected {}", control_)); }

  result<token> expect(token_kind kind, std::string_view context) {
    const auto& t = next_word();
    if (t.kind != kind) return unexpected(t, context);
    return t;
  }

  static node_ptr make(node_kind kind, const token& t) {
    auto n = std::make_unique<node>();
    n->kind = kind;
    n->position = t.position;
    n->line = t.line;
    return n;
  }

  static bool is_empty(const node& list) {
    for (auto& child : list.children)
      if (child->kind != node_kind::text || !trim(child->text).empty()) return false;
    return true;
  }

  result<> add(const std::string& name, node_ptr root) {
    auto found = set_.find(name);
    if (found != set_.end()) {
      if (is_empty(*root)) return {};
      if (!is_empty(*found->second->root)) return fail_at(last_line_, fmt::format("template: multiple definition of template {}", go_quote(name)));
    }
    auto made = std::make_shared<parsed_template>();
    *made = {name, std::move(root), source_, name_};
    set_.insert_or_assign(name, std::move(made));
    return {};
  }

  // ---- blocks ----
  bool starts_definition() {
    if (peek().kind != token_kind::left_delimiter) return false;
    auto saved = at_++;
    bool is = peek_word().kind == token_kind::keyword && peek().text == "define";
    at_ = saved;
    return is;
  }

  result<std::string> quoted_name(std::string_view context) {
    const auto& t = next_word();
    std::string out;
    if ((t.kind != token_kind::string && t.kind != token_kind::raw_string) || !go_unquote(t.text, out)) return unexpected(t, context);
    return out;
  }

  result<> definition() {
    next();       // {{
    next_word();  // define
    auto saved = std::exchange(variables_, {"$"});
    TRY_ASSIGN(auto name, quoted_name("define clause"));
    TRY(expect(token_kind::right_delimiter, "define clause"));
    TRY_ASSIGN(auto body, item_list());
    if (control_ != "{{end}}") return fail_at(last_line_, fmt::format("unexpected {} in define clause", control_));
    variables_ = std::move(saved);
    return add(name, std::move(body));
  }

  // Until {{end}} or {{else}}, which goes to control_.
  result<node_ptr> item_list() {
    if (++depth_ > parse_depth_max) return fail_at(peek().line, fmt::format("blocks are nested deeper than {}", parse_depth_max));
    auto list = make(node_kind::list, peek());
    while (peek_word_or_text().kind != token_kind::end_of_text) {
      TRY_ASSIGN(auto n, text_or_action());
      if (n->kind == node_kind::list) {
        --depth_;
        return list;
      }
      list->children.push_back(std::move(n));
    }
    return fail_at(peek().line, "unexpected EOF");
  }
  const token& peek_word_or_text() { return peek_word(); }

  // A list stands for {{end}} or {{else}}: control_ says which.
  result<node_ptr> text_or_action() {
    const auto& t = next_word();
    if (t.kind == token_kind::text) {
      auto n = make(node_kind::text, t);
      n->text = t.text;
      return n;
    }
    if (t.kind == token_kind::left_delimiter) return action();
    return unexpected(t, "input");
  }

  result<node_ptr> action() {
    const auto& t = next_word();
    if (t.kind == token_kind::keyword) {
      if (t.text == "block") return block(t);
      if (t.text == "break" || t.text == "continue") return jump(t);
      if (t.text == "else") return else_control(t);
      if (t.text == "end") {
        TRY(expect(token_kind::right_delimiter, "end"));
        return control("{{end}}", t);
      }
      if (t.text == "if") return controlled(node_kind::condition, "if", t);
      if (t.text == "range") return controlled(node_kind::range, "range", t);
      if (t.text == "with") return controlled(node_kind::with, "with", t);
      if (t.text == "template") return invocation(t);
    }
    back();
    auto n = make(node_kind::action, peek());
    TRY_ASSIGN(n->pipe, pipeline("command", token_kind::right_delimiter));
    return n;
  }

  result<node_ptr> control(std::string which, const token& t) {
    control_ = std::move(which);
    return make(node_kind::list, t);
  }

  result<node_ptr> else_control(const token& t) {
    const auto& p = peek_word();
    if (p.kind == token_kind::keyword && (p.text == "if" || p.text == "with")) return control("{{else}}", t);
    TRY(expect(token_kind::right_delimiter, "else"));
    return control("{{else}}", t);
  }

  result<node_ptr> jump(const token& t) {
    auto word = std::string(t.text);
    if (const auto& p = next_word(); p.kind != token_kind::right_delimiter) return unexpected(p, fmt::format("{{{{{}}}}}", word));
    if (range_depth_ == 0) return fail_at(t.line, fmt::format("{{{{{}}}}} outside {{{{range}}}}", word));
    return make(word == "break" ? node_kind::break_ : node_kind::continue_, t);
  }

  result<node_ptr> controlled(node_kind kind, std::string_view word, const token& t) {
    auto n = make(kind, t);
    auto variables = variables_.size();
    TRY_ASSIGN(n->pipe, pipeline(std::string(word), token_kind::right_delimiter));
    n->position = n->pipe->position;
    if (kind == node_kind::range) ++range_depth_;
    TRY_ASSIGN(n->body, item_list());
    if (kind == node_kind::range) --range_depth_;
    if (control_ == "{{else}}") TRY(else_branch(*n, kind, word));
    variables_.resize(variables);
    return n;
  }

  // "else if" and "else with" are a block within the else that shares our end.
  result<> else_branch(node& n, node_kind kind, std::string_view word) {
    const auto& p = peek_word();
    bool chained = p.kind == token_kind::keyword && p.text == word && kind != node_kind::range;
    if (chained) {
      const auto& t = next_word();
      if (++depth_ > parse_depth_max) return fail_at(t.line, fmt::format("blocks are nested deeper than {}", parse_depth_max));
      n.otherwise = make(node_kind::list, t);
      TRY_ASSIGN(auto inner, controlled(kind, word, t));
      --depth_;
      n.otherwise->children.push_back(std::move(inner));
      return {};
    }
    if (p.kind == token_kind::keyword) return unexpected(next(), word);
    TRY_ASSIGN(n.otherwise, item_list());
    if (control_ != "{{end}}") return fail_at(last_line_, fmt::format("expected end; found {}", control_));
    return {};
  }

  result<node_ptr> block(const token& t) {
    auto n = make(node_kind::invoke, t);
    TRY_ASSIGN(n->text, quoted_name("block clause"));
    TRY_ASSIGN(n->pipe, pipeline("block clause", token_kind::right_delimiter));
    auto saved = std::exchange(variables_, {"$"});
    TRY_ASSIGN(auto body, item_list());
    if (control_ != "{{end}}") return fail_at(last_line_, fmt::format("unexpected {} in block clause", control_));
    variables_ = std::move(saved);
    TRY(add(n->text, std::move(body)));
    return n;
  }

  result<node_ptr> invocation(const token& t) {
    auto n = make(node_kind::invoke, t);
    TRY_ASSIGN(n->text, quoted_name("template clause"));
    n->position = tokens_[at_ - 1].position;
    if (const auto& p = next_word(); p.kind == token_kind::right_delimiter) return n;
    back();
    TRY_ASSIGN(n->pipe, pipeline("template clause", token_kind::right_delimiter));
    return n;
  }

  // ---- pipelines ----
  result<> declarations(node& pipe, const std::string& context) {
    for (;;) {
      if (peek_word().kind != token_kind::variable) return {};
      auto before = at_;
      auto variable = next();
      const auto& after = peek_word();
      bool comma = after.kind == token_kind::character && after.text == ",";
      if (after.kind == token_kind::assign || after.kind == token_kind::declare) {
        pipe.assigns = after.kind == token_kind::assign;
        next_word();
        pipe.variables.emplace_back(variable.text);
        variables_.emplace_back(variable.text);
        return {};
      }
      if (!comma) {
        at_ = before;
        return {};
      }
      next_word();
      pipe.variables.emplace_back(variable.text);
      variables_.emplace_back(variable.text);
      if (context != "range" || pipe.variables.size() >= 2) return fail_at(variable.line, fmt::format("too many declarations in {}", context));
      auto kind = peek_word().kind;
      if (kind != token_kind::variable && kind != token_kind::right_delimiter && kind != token_kind::right_parenthesis)
        return fail_at(variable.line, "range can only initialize variables");
    }
  }

  result<node_ptr> pipeline(const std::string& context, token_kind end) {
    if (++depth_ > parse_depth_max) return fail_at(peek().line, fmt::format("parentheses are nested deeper than {}", parse_depth_max));
    auto pipe = make(node_kind::pipe, peek_word());
    TRY(declarations(*pipe, context));
    for (;;) {
      const auto& t = next_word();
      if (t.kind == end) {
        TRY(check_pipeline(*pipe, t, context));
        --depth_;
        return pipe;
      }
      if (!starts_operand(t.kind)) return unexpected(t, context);
      back();
      TRY_ASSIGN(auto made, command());
      pipe->children.push_back(std::move(made));
    }
  }

  static bool starts_operand(token_kind kind) {
    switch (kind) {
      case token_kind::boolean:
      case token_kind::character_constant:
      case token_kind::dot:
      case token_kind::field:
      case token_kind::identifier:
      case token_kind::number:
      case token_kind::nil:
      case token_kind::raw_string:
      case token_kind::string:
      case token_kind::variable:
      case token_kind::left_parenthesis: return true;
      default: return false;
    }
  }

  result<> check_pipeline(const node& pipe, const token& t, const std::string& context) const {
    if (pipe.children.empty()) return fail_at(t.line, fmt::format("missing value for {}", context));
    for (size_t i = 1; i < pipe.children.size(); i++) {
      switch (pipe.children[i]->children[0]->kind) {
        case node_kind::boolean:
        case node_kind::dot:
        case node_kind::nil:
        case node_kind::number:
        case node_kind::string: return fail_at(t.line, fmt::format("non executable command in pipeline stage {}", i + 1));
        default: break;
      }
    }
    return {};
  }

  result<node_ptr> command() {
    auto made = make(node_kind::command, peek_word());
    for (;;) {
      peek_word();
      TRY_ASSIGN(auto one, operand());
      if (one) made->children.push_back(std::move(one));
      const auto& t = next();
      if (t.kind == token_kind::space) continue;
      if (t.kind == token_kind::right_delimiter || t.kind == token_kind::right_parenthesis) back();
      else if (t.kind != token_kind::pipe) return unexpected(t, "operand");
      break;
    }
    if (made->children.empty()) return fail_at(peek().line, "empty command");
    return made;
  }

  // A term and the fields after it; null where none begins.
  result<node_ptr> operand() {
    TRY_ASSIGN(auto first, term());
    if (!first || peek().kind != token_kind::field) return first;
    auto position = peek().position;
    std::vector<std::string> names;
    while (peek().kind == token_kind::field) names.emplace_back(next().text.substr(1));
    switch (first->kind) {
      case node_kind::field:
      case node_kind::variable:
        first->position = position;
        first->path.insert(first->path.end(), names.begin(), names.end());
        return first;
      case node_kind::boolean:
      case node_kind::string:
      case node_kind::number:
      case node_kind::nil:
      case node_kind::dot: return fail_at(peek().line, fmt::format("unexpected . after term {}", go_quote(templating::shown(*first))));
      default: break;
    }
    auto chain = std::make_unique<node>();
    chain->kind = node_kind::chain;
    chain->position = position;
    chain->line = first->line;
    chain->path = std::move(names);
    chain->children.push_back(std::move(first));
    return chain;
  }

  result<node_ptr> term() {
    const auto& t = next_word();
    switch (t.kind) {
      case token_kind::identifier:
        if (!functions_.find(t.text)) return fail_at(t.line, fmt::format("function {} not defined", go_quote(t.text)));
        return literal(node_kind::identifier, t);
      case token_kind::dot: return make(node_kind::dot, t);
      case token_kind::nil: return make(node_kind::nil, t);
      case token_kind::variable: {
        auto n = make(node_kind::variable, t);
        n->path.emplace_back(t.text);
        if (std::ranges::find(variables_, t.text) == variables_.end()) return fail_at(t.line, fmt::format("undefined variable {}", go_quote(t.text)));
        return n;
      }
      case token_kind::field: {
        auto n = make(node_kind::field, t);
        n->path.emplace_back(t.text.substr(1));
        return n;
      }
      case token_kind::boolean: {
        auto n = literal(node_kind::boolean, t);
        n->constant = datum(t.text == "true");
        return n;
      }
      case token_kind::character_constant:
      case token_kind::number: return number(t);
      case token_kind::left_parenthesis: return pipeline("parenthesized pipeline", token_kind::right_parenthesis);
      case token_kind::string:
      case token_kind::raw_string: {
        auto n = literal(node_kind::string, t);
        std::string text;
        if (!go_unquote(t.text, text)) return fail_at(t.line, "invalid syntax");
        n->constant = datum(std::move(text));
        return n;
      }
      default: break;
    }
    back();
    return node_ptr();
  }

  static node_ptr literal(node_kind kind, const token& t) {
    auto n = make(kind, t);
    n->text = t.text;
    return n;
  }

  result<node_ptr> number(const token& t) {
    auto n = literal(node_kind::number, t);
    if (t.kind == token_kind::character_constant) {
      std::string text;
      if (!go_unquote(t.text, text)) return fail_at(t.line, fmt::format("malformed character constant: {}", t.text));
      n->constant = datum(static_cast<int64_t>(decode_rune(text).code));
      return n;
    }
    if (auto whole = parse_integer(t.text)) {
      n->constant = *whole;
      return n;
    }
    bool fraction = t.text.find_first_of(".eEpP") != std::string_view::npos;
    if (auto d = fraction ? parse_float(t.text) : std::nullopt) {
      n->constant = *d;
      return n;
    }
    return fail_at(t.line, fmt::format("{}: {}", fraction ? "illegal number syntax" : "integer overflow", go_quote(t.text)));
  }

  const std::string& name_;
  std::shared_ptr<const std::string> source_;
  const function_set& functions_;
  std::vector<token> tokens_;
  size_t at_ = 0;
  int last_line_ = 1;
  int depth_ = 0;
  int range_depth_ = 0;
  std::string control_;
  std::vector<std::string> variables_{"$"};
  template_set set_;
};
}  // namespace

result<template_set> parse(const std::string& name, std::shared_ptr<const std::string> source, const delimiters& marks, const function_set& functions) {
  if (source->size() > source_bytes_max) return fail(errc::too_large, "template: {}: the text is larger than {} bytes", name, source_bytes_max);
  return parser(name, std::move(source), marks, functions).run();
}

}  // namespace drover::templating
