#include "hcl/native_parser.h"

#include <algorithm>

#include "base/ensure.h"
#include "hcl/limits.h"
#include "hcl/parser.h"

namespace drover::hcl {

native_parser::nesting::nesting(native_parser& p) : parser_(p), ok_(++p.depth_ <= nesting_max) {
  if (ok_) return;
  p.fail({p.file_.get(), p.last_end_, p.last_end_}, "Too deeply nested", fmt::format("Blocks and brackets nest more than {} levels deep here.", nesting_max));
}

const token& native_parser::peek() {
  if (!have_ahead_) {
    ahead_ = lexer_.read(at_);
    while (!newlines_matter_ && ahead_.kind == token_kind::newline) ahead_ = lexer_.read(ahead_.end);
    if (ahead_.begin >= limit_) ahead_ = {token_kind::end, limit_, limit_};
    have_ahead_ = true;
  }
  return ahead_;
}

token native_parser::take() {
  token t = peek();
  move_to(t.end);
  return t;
}

void native_parser::move_to(uint32_t at) {
  at_ = last_end_ = at;
  have_ahead_ = false;
}

bool native_parser::accept(token_kind kind) {
  if (peek().kind != kind) return false;
  take();
  return true;
}

bool native_parser::expect(token_kind kind, std::string_view what, uint32_t opened_at, std::string_view opened) {
  if (accept(kind)) return true;
  fail(range_of(peek()), fmt::format("Missing {}", what),
       fmt::format("The {} that starts {} needs {} here, but {} was found.", opened, place_of(opened_at), what, lexer_.describe(peek())));
  return false;
}

std::string native_parser::place_of(uint32_t at) const {
  position p = file_->position_at(at);
  return fmt::format("at line {}, column {}", p.line, p.column);
}

std::nullptr_t native_parser::fail(const range& where, std::string summary, std::string detail, std::string suggestion) {
  problems_.error(where, std::move(summary), std::move(detail), std::move(suggestion));
  return nullptr;
}

std::string native_parser::hint_for(const token& t) const {
  if (t.kind == token_kind::newline) return "Put an expression that spans several lines into parentheses.";
  if (t.kind != token_kind::invalid) return {};
  std::string_view text = lexer_.text(t);
  if (text == "'") return "Strings are written between double quotes.";
  if (text == "&") return "The logical \"and\" is written \"&&\".";
  if (text == "|") return "The logical \"or\" is written \"||\".";
  if (text == "/") return "A comment that starts with \"/*\" must end with \"*/\".";
  if (text.starts_with("<<")) return "A heredoc starts with \"<<\" or \"<<-\", a name, and a new line, as in <<EOT.";
  return {};
}

std::nullptr_t native_parser::unexpected(std::string_view wanted) {
  const token t = peek();
  return fail(range_of(t), t.kind == token_kind::invalid ? "Invalid character" : "Invalid expression",
              fmt::format("Expected {}, but {} was found.", wanted, lexer_.describe(t)), hint_for(t));
}

body_ptr native_parser::parse_file() {
  // A byte order mark is not text.
  if (file_->text().starts_with("\xef\xbb\xbf")) move_to(3);
  return parse_body(at_, true);
}

body_ptr native_parser::parse_body(uint32_t open, bool top) {
  body_state state;
  state.open = open;
  state.top = top;
  state.out.file = file_;
  newline_mode mode(*this, true);
  state.one_line = !top && peek().kind != token_kind::newline;
  uint32_t begin = last_end_;
  for (;;) {
    while (accept(token_kind::newline)) {
    }
    const token t = peek();
    if (t.kind == token_kind::end && top) break;
    if (t.kind == token_kind::brace_close && !top) break;
    if (t.kind == token_kind::end) {
      fail({file_.get(), open, open + 1}, "Unclosed configuration block", "There is no closing brace for this block before the end of the file.",
           "This may be caused by wrong nesting of braces elsewhere in the file.");
      break;
    }
    if (problems_.full()) {
      move_to(static_cast<uint32_t>(file_->text().size()));
      break;
    }
    if (!parse_item(state)) recover(t.begin);
  }
  token close = take();
  state.out.where = {file_.get(), begin, close.begin};
  state.out.end_range = range_of(close);
  return std::make_shared<const body>(std::move(state.out));
}

bool native_parser::parse_item(body_state& state) {
  const token first = peek();
  if (first.kind == token_kind::quote) {
    take();
    std::string name;
    if (!parse_plain_string(name)) return false;
    token whole{token_kind::quote, first.begin, last_end_};
    if (peek().kind != token_kind::assign) {
      fail(range_of(whole), "Invalid block definition", "A block's type is written without quotes, and an argument's name is followed by \"=\".");
      return false;
    }
    return parse_attribute(state, whole, std::move(name), true);
  }
  if (first.kind != token_kind::identifier) {
    if (first.kind == token_kind::brace_close) {
      take();
      fail(range_of(first), "Unexpected closing brace", "There is no open block that this brace could close.");
    } else if (first.kind == token_kind::invalid) {
      unexpected("an argument or block");
    } else {
      fail(range_of(first), "Argument or block definition required",
           fmt::format("An argument or block starts with a name, but {} was found.", lexer_.describe(first)));
    }
    return false;
  }
  take();
  switch (peek().kind) {
    case token_kind::assign: return parse_attribute(state, first, std::string(lexer_.text(first)), false);
    case token_kind::identifier:
    case token_kind::quote:
    case token_kind::brace_open: return parse_block(state, first);
    case token_kind::colon:
      fail(range_of(peek()), "Invalid argument definition", fmt::format("The name {} is followed by a colon.", quoted(lexer_.text(first))),
           "Set an argument with an equals sign.");
      return false;
    default:
      fail(range_of(peek()), "Invalid argument or block",
           fmt::format("After the name {} comes \"=\" and a value, or the labels and \"{{\" of a block, but {} was found.", quoted(lexer_.text(first)),
                       lexer_.describe(peek())));
      return false;
  }
}

bool native_parser::parse_attribute(body_state& state, const token& name, std::string text, bool is_quoted) {
  take();  // =
  attribute a;
  a.name_range = range_of(name);
  a.name_is_quoted = is_quoted;
  a.expr = parse_expression();
  if (a.expr == nullptr) return false;
  if (!end_of_attribute(state)) return false;
  if (!state.names.insert(text).second) {
    const attribute* first = state.out.find_attribute(text);
    ENSURE(first != nullptr, "a name that was seen is among the attributes");
    fail(a.name_range, "Attribute redefined",
         fmt::format("The argument {} was already set {}. Each argument may be set only once.", quoted(text), place_of(first->name_range.begin)));
    return true;  // read to its end: nothing to skip
  }
  a.name = std::move(text);
  state.out.attributes.push_back(std::move(a));
  return true;
}

// An argument ends with its line, or with the brace of a block that is all on one line and holds nothing else; in HCL1 with itself.
bool native_parser::end_of_attribute(body_state& state) {
  if (many_a_line_) {
    accept(token_kind::comma);
    return true;
  }
  const token& t = peek();
  if (t.kind == token_kind::newline || t.kind == token_kind::end) return true;
  bool only = state.out.attributes.empty() && state.out.blocks.empty();
  if (t.kind == token_kind::brace_close && !state.top && state.one_line && only) return true;
  if (state.one_line && !state.top)
    fail(range_of(t), "Invalid single-argument block definition", "A block on one line holds at most one argument.", "Put each argument on a line of its own.");
  else
    fail(range_of(t), "Missing newline after argument", fmt::format("An argument ends with its line, but {} was found after it.", lexer_.describe(t)),
         t.kind == token_kind::comma ? "Arguments are not separated by commas." : hint_for(t));
  return false;
}

bool native_parser::parse_block(body_state& state, const token& type) {
  block b;
  b.type = lexer_.text(type);
  b.type_range = range_of(type);
  while (peek().kind != token_kind::brace_open)
    if (!parse_label(b)) return false;
  b.header = from(type.begin);
  token open = take();
  nesting level(*this);
  if (!level.ok()) return false;
  b.content = parse_body(open.begin, false);
  state.out.blocks.push_back(std::move(b));
  if (many_a_line_) {
    accept(token_kind::comma);
    return true;
  }
  const token& after = peek();
  if (after.kind == token_kind::newline || after.kind == token_kind::end) return true;
  // `a { b { c = 1 } }` on one line.
  if (after.kind == token_kind::brace_close && !state.top) return true;
  fail(range_of(after), "Missing newline after block definition",
       fmt::format("A block ends with its line, but {} was found after its closing brace.", lexer_.describe(after)));
  return false;
}

bool native_parser::parse_label(block& b) {
  const token t = peek();
  block_label label;
  if (t.kind == token_kind::quote) {
    take();
    if (!parse_plain_string(label.text)) return false;
  } else if (t.kind == token_kind::identifier) {
    take();
    label.text = lexer_.text(t);
  } else {
    fail(range_of(t), "Invalid block definition", fmt::format("A block's type is followed by quoted labels and \"{{\", but {} was found.", lexer_.describe(t)),
         t.kind == token_kind::assign ? "The equals sign sets an argument, whose name is one word without quotes." : "");
    return false;
  }
  label.where = from(t.begin);
  b.labels.push_back(std::move(label));
  return true;
}

// Past strings, comments and heredocs as a whole; other characters one by one.
uint32_t native_parser::skip_one(uint32_t at) const {
  std::string_view rest = file_->text().substr(at);
  if (rest[0] == '"') return skip_string(at);
  if (rest[0] == '#' || rest.starts_with("//")) return at + static_cast<uint32_t>(std::min(rest.find('\n'), rest.size()));
  if (rest.starts_with("<<")) return skip_heredoc(lexer_.read(at));
  return at + 1;
}

// The line that starts at `at` can only be an argument or block.
bool native_parser::starts_item(uint32_t at) const {
  token name = lexer_.read(at);
  if (name.kind != token_kind::identifier) return false;
  auto next = lexer_.read(name.end).kind;
  return next == token_kind::assign || next == token_kind::brace_open || next == token_kind::quote;
}

// Moves to the end of the line on which the item that began at `item_begin` ends, as far as brackets tell, or to the
// brace that closes the body. A list or parenthesis that lacks its end is taken to end before the next argument.
void native_parser::recover(uint32_t item_begin) {
  std::string_view text = file_->text();
  uint32_t reached = last_end_;
  std::string open;
  uint32_t i = item_begin;
  for (; i < text.size(); i = skip_one(i)) {
    char c = text[i];
    if (c == '{' || c == '[' || c == '(') open += c;
    if (c == ']' || c == ')') {
      if (!open.empty() && open.back() != '{') open.pop_back();
    }
    if (c == '}') {
      while (!open.empty() && open.back() != '{') open.pop_back();
      if (open.empty() && i >= reached) break;
      if (!open.empty()) open.pop_back();
    }
    if (c == '\n' && i >= reached) {
      if (!open.empty() && open.back() != '{' && starts_item(i + 1)) {
        while (!open.empty() && open.back() != '{') open.pop_back();
      }
      if (open.empty()) break;
    }
  }
  move_to(i);
}

uint32_t native_parser::skip_string(uint32_t at) const {
  std::string_view text = file_->text();
  for (uint32_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    } else if (text[i] == '\n') {
      return i;
    }
  }
  return static_cast<uint32_t>(text.size());
}

}  // namespace drover::hcl
