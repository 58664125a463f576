#include <charconv>
#include <cmath>

#include "hcl/limits.h"
#include "hcl/native_parser.h"
#include "hcl/number.h"

namespace drover::hcl {

expression_ptr native_parser::parse_only_expression() {
  newline_mode mode(*this, false);
  auto e = parse_expression();
  if (e == nullptr) return nullptr;
  if (peek().kind != token_kind::end)
    return fail(range_of(peek()), "Extra characters after expression", fmt::format("The expression is complete, but {} follows it.", lexer_.describe(peek())),
                hint_for(peek()));
  return e;
}

expression_ptr native_parser::parse_expression() {
  nesting level(*this);
  if (!level.ok()) return nullptr;
  auto condition = parse_binary(1);
  if (condition == nullptr || peek().kind != token_kind::question) return condition;
  take();
  auto out = std::make_shared<conditional_expression>(condition->where);
  out->condition = condition;
  if ((out->when_true = parse_expression()) == nullptr) return nullptr;
  if (!expect(token_kind::colon, "\":\"", condition->where.begin, "conditional")) return nullptr;
  if ((out->when_false = parse_expression()) == nullptr) return nullptr;
  out->where = from(condition->where.begin);
  adopt(*out, out->condition), adopt(*out, out->when_true), adopt(*out, out->when_false);
  return out;
}

namespace {
struct binary_row {
  token_kind token;
  binary_operator op;
  int precedence;
};
constexpr binary_row binary_table[] = {
    {token_kind::logical_or, binary_operator::logical_or, 1},
    {token_kind::logical_and, binary_operator::logical_and, 2},
    {token_kind::equal, binary_operator::equal, 3},
    {token_kind::not_equal, binary_operator::not_equal, 3},
    {token_kind::less, binary_operator::less, 4},
    {token_kind::less_equal, binary_operator::less_equal, 4},
    {token_kind::greater, binary_operator::greater, 4},
    {token_kind::greater_equal, binary_operator::greater_equal, 4},
    {token_kind::plus, binary_operator::add, 5},
    {token_kind::minus, binary_operator::subtract, 5},
    {token_kind::star, binary_operator::multiply, 6},
    {token_kind::slash, binary_operator::divide, 6},
    {token_kind::percent, binary_operator::modulo, 6},
};

const binary_row* find_binary(token_kind kind) {
  for (const auto& row : binary_table)
    if (row.token == kind) return &row;
  return nullptr;
}
}  // namespace

expression_ptr native_parser::parse_binary(int precedence_min) {
  auto left = parse_unary();
  if (left == nullptr) return nullptr;
  for (;;) {
    const binary_row* row = find_binary(peek().kind);
    if (row == nullptr || row->precedence < precedence_min) return left;
    token op = take();
    auto right = parse_binary(row->precedence + 1);
    if (right == nullptr) return nullptr;
    auto out = std::make_shared<binary_expression>(span(left->where, right->where), row->op);
    out->left = std::move(left);
    out->right = std::move(right);
    adopt(*out, out->left), adopt(*out, out->right);
    if (out->height > expression_height_max)
      return fail(range_of(op), "Expression too long", fmt::format("More than {} operators are chained in one expression.", expression_height_max));
    left = std::move(out);
  }
}

expression_ptr native_parser::parse_unary() {
  const token t = peek();
  if (t.kind != token_kind::minus && t.kind != token_kind::logical_not) return parse_postfix();
  take();
  nesting level(*this);
  if (!level.ok()) return nullptr;
  auto operand = parse_unary();
  if (operand == nullptr) return nullptr;
  auto out = std::make_shared<unary_expression>(from(t.begin), t.kind == token_kind::minus ? unary_operator::negate : unary_operator::logical_not);
  out->operand = std::move(operand);
  adopt(*out, out->operand);
  return out;
}

expression_ptr native_parser::parse_postfix() {
  auto source = parse_primary();
  if (source == nullptr) return nullptr;
  if (peek().kind != token_kind::dot && peek().kind != token_kind::bracket_open) return source;
  auto out = std::make_shared<traversal_expression>(source->where);
  adopt(*out, source);
  out->source = std::move(source);
  for (;;) {
    bool ok = peek().kind == token_kind::dot ? parse_dot_step(*out) : peek().kind == token_kind::bracket_open ? parse_bracket_step(*out) : false;
    if (!ok) return nullptr;
    if (peek().kind != token_kind::dot && peek().kind != token_kind::bracket_open) break;
  }
  out->where = from(out->where.begin);
  return out;
}

bool native_parser::parse_dot_step(traversal_expression& t) {
  token dot = take();
  traversal_step step{traversal_step::kind_type::attribute, {}, {}, {}};
  std::string_view text = file_->text();
  if (dot.end < text.size() && std::isdigit(static_cast<unsigned char>(text[dot.end]))) {
    // a.0.1 is two steps: the lexer would take 0.1 for a number.
    uint32_t end = dot.end;
    while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end]))) ++end;
    step.name = text.substr(dot.end, end - dot.end);
    move_to(end);
  } else if (peek().kind == token_kind::identifier) {
    step.name = lexer_.text(take());
  } else if (accept(token_kind::star)) {
    step.kind = traversal_step::kind_type::attribute_splat;
  } else {
    fail(range_of(peek()), "Invalid attribute name", fmt::format("A dot is followed by a name, a number or \"*\", but {} was found.", lexer_.describe(peek())));
    return false;
  }
  step.where = from(dot.begin);
  t.steps.push_back(std::move(step));
  return true;
}

bool native_parser::parse_bracket_step(traversal_expression& t) {
  token open = take();
  traversal_step step{traversal_step::kind_type::index, {}, {}, {}};
  {
    newline_mode mode(*this, false);
    token star = peek();
    if (star.kind == token_kind::star && lexer_.read(star.end).kind == token_kind::bracket_close) {
      take();
      step.kind = traversal_step::kind_type::full_splat;
    } else {
      step.key = parse_expression();
      if (step.key == nullptr) return false;
      adopt(t, step.key);
    }
    if (!expect(token_kind::bracket_close, "\"]\"", open.begin, "index")) return false;
  }
  step.where = from(open.begin);
  if (step.key != nullptr && step.key->kind == expression_kind::literal) {
    if (auto* name = as<literal_expression>(*step.key).constant.as_string()) {
      // a["b"] and a.b are the same.
      step.kind = traversal_step::kind_type::attribute;
      step.name = *name;
      step.key = nullptr;
    }
  }
  t.steps.push_back(std::move(step));
  return true;
}

expression_ptr native_parser::parse_primary() {
  switch (peek().kind) {
    case token_kind::number: return parse_number();
    case token_kind::identifier: return parse_name();
    case token_kind::quote: return parse_quoted();
    case token_kind::heredoc: return parse_heredoc();
    case token_kind::paren_open: return parse_parentheses();
    case token_kind::bracket_open: return parse_brackets();
    case token_kind::brace_open: return parse_braces();
    default: return unexpected("a value");
  }
}

value number_of(std::string_view digits) {
  int64_t n = 0;
  auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (code == std::errc() && end == digits.data() + digits.size()) return value(n);
  double d = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), d).ec == std::errc::result_out_of_range) d = std::numeric_limits<double>::infinity();
  return make_number(d);
}

expression_ptr native_parser::parse_number() {
  token t = take();
  value v = number_of(lexer_.text(t));
  if (auto* d = v.as_double(); d != nullptr && !std::isfinite(*d)) return fail(range_of(t), "Invalid number literal", "The number is too large.");
  if (const token& next = peek(); next.kind == token_kind::identifier && next.begin == t.end)
    return fail(range_of(next), "Invalid number literal", fmt::format("A number cannot be followed by {}.", lexer_.describe(next)),
                fmt::format("A size or duration is a string: {}.", quoted(std::string(lexer_.text(t)) + std::string(lexer_.text(next)))));
  return std::make_shared<literal_expression>(range_of(t), std::move(v));
}

expression_ptr native_parser::parse_name() {
  token t = take();
  std::string_view name = lexer_.text(t);
  if (peek().kind == token_kind::paren_open) return parse_call(t);
  if (name == "true") return std::make_shared<literal_expression>(range_of(t), value(true));
  if (name == "false") return std::make_shared<literal_expression>(range_of(t), value(false));
  if (name == "null") return std::make_shared<literal_expression>(range_of(t), value());
  return std::make_shared<variable_expression>(range_of(t), std::string(name));
}

expression_ptr native_parser::parse_call(const token& name) {
  auto out = std::make_shared<call_expression>(range_of(name));
  out->name = lexer_.text(name);
  out->name_range = range_of(name);
  token open = take();
  {
    newline_mode mode(*this, false);
    while (peek().kind != token_kind::paren_close) {
      auto argument = parse_expression();
      if (argument == nullptr) return nullptr;
      adopt(*out, argument);
      out->arguments.push_back(std::move(argument));
      if (accept(token_kind::ellipsis)) {
        out->expand_last = true;
        accept(token_kind::comma);
        break;
      }
      if (!accept(token_kind::comma)) break;
    }
    if (!expect(token_kind::paren_close, "\")\"", open.begin, "function call")) return nullptr;
  }
  out->where = from(name.begin);
  return out;
}

expression_ptr native_parser::parse_parentheses() {
  token open = take();
  expression_ptr inner;
  {
    newline_mode mode(*this, false);
    inner = parse_expression();
    if (inner == nullptr) return nullptr;
    if (!expect(token_kind::paren_close, "\")\"", open.begin, "parenthesis")) return nullptr;
  }
  // Not shared yet: the parser is still its only owner.
  auto& e = const_cast<expression&>(*inner);
  e.in_parentheses = true;
  e.where = from(open.begin);
  return inner;
}

bool native_parser::is_for_ahead() {
  const token t = peek();
  if (t.kind != token_kind::identifier || lexer_.text(t) != "for") return false;
  return lexer_.read(t.end).kind == token_kind::identifier;
}

expression_ptr native_parser::parse_brackets() {
  token open = take();
  std::shared_ptr<tuple_expression> out;
  {
    newline_mode mode(*this, false);
    if (is_for_ahead()) return parse_for(open, false);
    out = std::make_shared<tuple_expression>(range_of(open));
    while (peek().kind != token_kind::bracket_close) {
      auto element = parse_expression();
      if (element == nullptr) return nullptr;
      adopt(*out, element);
      out->elements.push_back(std::move(element));
      if (!accept(token_kind::comma)) break;
    }
    if (!expect(token_kind::bracket_close, "\",\" or \"]\"", open.begin, "list")) return nullptr;
  }
  out->where = from(open.begin);
  return out;
}

expression_ptr native_parser::parse_braces() {
  token open = take();
  {
    newline_mode blanks(*this, false);
    if (is_for_ahead()) return parse_for(open, true);
  }
  auto out = std::make_shared<object_expression>(range_of(open));
  {
    newline_mode mode(*this, true);
    for (;;) {
      while (accept(token_kind::newline)) {
      }
      if (accept(token_kind::brace_close)) break;
      if (!parse_object_item(*out, open.begin)) return nullptr;
      if (peek().kind == token_kind::newline || accept(token_kind::comma)) continue;
      if (many_a_line_ && peek().kind != token_kind::brace_close && peek().kind != token_kind::end) continue;
      if (!expect(token_kind::brace_close, "a comma, a new line or \"}\"", open.begin, "object")) return nullptr;
      break;
    }
  }
  out->where = from(open.begin);
  return out;
}

bool native_parser::parse_object_item(object_expression& o, uint32_t open) {
  object_item item;
  item.key = parse_object_key();
  if (item.key == nullptr) return false;
  if (!accept(token_kind::assign) && !accept(token_kind::colon)) {
    fail(range_of(peek()), "Missing attribute value",
         fmt::format("Each key of the object that starts {} is followed by \"=\" or \":\" and a value, but {} was found.", place_of(open),
                     lexer_.describe(peek())));
    return false;
  }
  item.item = parse_expression();
  if (item.item == nullptr) return false;
  adopt(o, item.key), adopt(o, item.item);
  o.items.push_back(std::move(item));
  return true;
}

// A bare name is a text; anything else is an expression, in parentheses if it starts with a name.
expression_ptr native_parser::parse_object_key() {
  const token t = peek();
  if (t.kind == token_kind::identifier) {
    auto next = lexer_.read(t.end).kind;
    if (next == token_kind::assign || next == token_kind::colon) {
      take();
      return std::make_shared<literal_expression>(range_of(t), value(lexer_.text(t)));
    }
  }
  auto key = parse_expression();
  if (key == nullptr || key->in_parentheses) return key;
  if (key->kind == expression_kind::variable) return std::make_shared<literal_expression>(key->where, value(as<variable_expression>(*key).name));
  if (key->kind == expression_kind::traversal && as<traversal_expression>(*key).source->kind == expression_kind::variable)
    return fail(key->where, "Ambiguous attribute key", "A key that starts with a name could be meant as text or as a reference.",
                "Put it between quotes for the text, or in parentheses for what it refers to.");
  return key;
}

bool native_parser::parse_for_names(std::string& key, std::string& item) {
  auto name = [&](std::string& out) {
    if (peek().kind != token_kind::identifier) return unexpected("the name of a \"for\" variable"), false;
    out = lexer_.text(take());
    return true;
  };
  if (!name(item)) return false;
  if (accept(token_kind::comma)) {
    key = std::move(item);
    if (!name(item)) return false;
  }
  if (peek().kind != token_kind::identifier || lexer_.text(peek()) != "in") return unexpected("\"in\" and the collection of the \"for\""), false;
  take();
  return true;
}

// After the opening bracket, with newlines not mattering.
expression_ptr native_parser::parse_for(const token& open, bool makes_object) {
  newline_mode mode(*this, false);
  take();  // for
  auto out = std::make_shared<for_expression>(range_of(open));
  if (!parse_for_names(out->key_name, out->value_name)) return nullptr;
  if ((out->collection = parse_expression()) == nullptr) return nullptr;
  if (!expect(token_kind::colon, "\":\" and what each element becomes", open.begin, "\"for\" expression")) return nullptr;
  if ((out->item = parse_expression()) == nullptr) return nullptr;
  if (makes_object) {
    out->key = std::move(out->item);
    if (!expect(token_kind::arrow, "\"=>\" between key and value", open.begin, "\"for\" expression")) return nullptr;
    if ((out->item = parse_expression()) == nullptr) return nullptr;
    out->group = accept(token_kind::ellipsis);
  }
  if (peek().kind == token_kind::identifier && lexer_.text(peek()) == "if") {
    take();
    if ((out->condition = parse_expression()) == nullptr) return nullptr;
  }
  auto close = makes_object ? token_kind::brace_close : token_kind::bracket_close;
  if (!expect(close, makes_object ? "\"}\"" : "\"]\"", open.begin, "\"for\" expression")) return nullptr;
  for (const auto& child : {out->collection, out->key, out->item, out->condition}) adopt(*out, child);
  out->where = from(open.begin);
  return out;
}

}  // namespace drover::hcl
