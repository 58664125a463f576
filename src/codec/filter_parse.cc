#include <re2/re2.h>

#include "base/text.h"
#include "codec/filter_node.h"
#include "codec/limits.h"

namespace drover::codec {
namespace {

using node = filter::node;
using node_ref = std::shared_ptr<const node>;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_part(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '/'; }

filter_literal literal_of(std::string text) {
  filter_literal out;
  out.as_bool = parse_bool(text);
  out.as_int = parse_int(text);
  out.as_uint = parse_uint(text);
  out.as_double = parse_double(text);
  if (auto parsed = parse_duration(text)) out.as_duration = *parsed;
  out.text = std::move(text);
  return out;
}

// What stands on either side of an operator, before the operator says which it is.
struct operand {
  size_t at = 0;
  std::string text;                   // as a value
  std::vector<std::string> selector;  // as a selector; empty: it is none
};

class parser {
 public:
  explicit parser(std::string_view text) : text_(text) {}

  result<node_ref> parse() {
    TRY_ASSIGN(auto root, any_of(0));
    skip_blanks();
    if (at_ < text_.size()) return wrong("expected \"and\", \"or\" or the end, not " + shown());
    return root;
  }

 private:
  std::unexpected<error> wrong(std::string_view what) const { return wrong(at_, what); }
  std::unexpected<error> wrong(size_t at, std::string_view what) const { return fail(errc::invalid, "filter, column {}: {}", at + 1, what); }
  std::string shown() const {
    if (at_ >= text_.size()) return "the end";
    auto end = at_;
    while (end < text_.size() && !is_blank(text_[end]) && end - at_ < 20) ++end;
    return "\"" + std::string(text_.substr(at_, std::max<size_t>(end - at_, 1))) + "\"";
  }

  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  // A word that ends where it ends: "not" is none of "nothing".
  bool take_word(std::string_view word) {
    auto before = at_;
    skip_blanks();
    auto rest = text_.substr(at_);
    if (rest.starts_with(word) && (rest.size() == word.size() || !is_name_part(rest[word.size()]))) {
      at_ += word.size();
      return true;
    }
    at_ = before;
    return false;
  }
  bool take(std::string_view sign) {
    skip_blanks();
    if (!text_.substr(at_).starts_with(sign)) return false;
    at_ += sign.size();
    return true;
  }

  result<node_ref> any_of(int depth) { return joined(depth, "or", node::op::any_of, &parser::all_of); }
  result<node_ref> all_of(int depth) { return joined(depth, "and", node::op::all_of, &parser::negation); }

  // A chain is one node, however long it is: its length costs no depth.
  result<node_ref> joined(int depth, std::string_view word, node::op does, result<node_ref> (parser::*part)(int)) {
    TRY_ASSIGN(auto first, (this->*part)(depth));
    if (!take_word(word)) return first;
    auto out = std::make_shared<node>(node{.does = does});
    out->children.push_back(std::move(first));
    do {
      TRY_ASSIGN(auto next, (this->*part)(depth));
      out->children.push_back(std::move(next));
    } while (take_word(word));
    return out;
  }

  result<node_ref> negation(int depth) {
    if (depth > limits::filter_depth_max) return wrong("the expression is nested too deeply");
    if (take_word("not")) {
      auto out = std::make_shared<node>(node{.does = node::op::negation});
      TRY_ASSIGN(auto inner, negation(depth + 1));
      out->children.push_back(std::move(inner));
      return out;
    }
    if (take("(")) {
      TRY_ASSIGN(auto inner, any_of(depth + 1));
      if (!take(")")) return wrong("expected \")\", not " + shown());
      return inner;
    }
    auto begin = at_;
    for (auto [word, does] : {std::pair("any", node::op::some_element), std::pair("all", node::op::every_element)}) {
      if (!take_word(word)) continue;
      // A member may be called "any".
      if (peek() == ' ' && !at_operator()) return elements(does, depth);
      at_ = begin;
    }
    return match();
  }

  bool at_operator() {
    auto before = at_;
    bool found = take("==") || take("!=");
    for (auto word : {"contains", "matches", "is", "in", "not"}) found = found || take_word(word);
    at_ = before;
    return found;
  }

  result<std::string> name() {
    skip_blanks();
    auto begin = at_;
    if (peek() == '_') ++at_;
    else if (is_letter(peek()))
      while (at_ < text_.size() && is_name_part(text_[at_])) ++at_;
    if (begin == at_) return wrong("expected a name, not " + shown());
    auto text = text_.substr(begin, at_ - begin);
    return text == "_" ? std::string() : std::string(text);
  }

  // any SELECTOR as x { ... }
  result<node_ref> elements(node::op does, int depth) {
    auto out = std::make_shared<node>(node{.does = does});
    TRY_ASSIGN(auto over, read_operand());
    TRY_ASSIGN(out->selector, selector_of(std::move(over)));
    if (!take_word("as")) return wrong("expected \"as\" and a name for the element, not " + shown());
    TRY_ASSIGN(out->value_name, name());
    if (take(",")) {
      out->names_both = true;
      out->key_name = std::move(out->value_name);
      TRY_ASSIGN(out->value_name, name());
    }
    if (!take("{")) return wrong("expected \"{\", not " + shown());
    TRY_ASSIGN(auto inner, any_of(depth + 1));
    if (!take("}")) return wrong("expected \"}\", not " + shown());
    out->children.push_back(std::move(inner));
    return out;
  }

  result<std::string> quoted() {
    char quote = text_[at_];
    auto begin = ++at_;
    auto end = text_.find(quote, begin);
    if (end == std::string_view::npos) return wrong(begin - 1, "the text that begins here has no end: its closing quote is missing");
    at_ = end + 1;
    return std::string(text_.substr(begin, end - begin));
  }

  result<operand> read_operand() {
    skip_blanks();
    operand out{.at = at_, .text = {}, .selector = {}};
    if (peek() == '"' || peek() == '`') {
      TRY_ASSIGN(out.text, quoted());
      if (out.text.size() > 1 && out.text.starts_with('/'))
        for (auto part : split(std::string_view(out.text).substr(1), '/')) out.selector.push_back(replace_all(replace_all(part, "~1", "/"), "~0", "~"));
      return out;
    }
    if (is_digit(peek()) || peek() == '-') {
      auto begin = at_++;
      while (at_ < text_.size() && (is_digit(text_[at_]) || text_[at_] == '.')) ++at_;
      out.text = text_.substr(begin, at_ - begin);
      if (!parse_double(out.text)) return wrong(begin, "\"" + out.text + "\" is no number; put text into quotes");
      return out;
    }
    if (!is_letter(peek())) return wrong("expected a selector or a value, not " + shown());
    TRY(read_path(out));
    return out;
  }

  result<> read_path(operand& out) {
    auto begin = at_;
    for (;;) {
      auto from = at_;
      while (at_ < text_.size() && is_name_part(text_[at_])) ++at_;
      if (from == at_) return wrong("expected the name of a member, not " + shown());
      out.selector.emplace_back(text_.substr(from, at_ - from));
      while (peek() == '[') {
        ++at_;
        skip_blanks();
        if (peek() != '"' && peek() != '`') return wrong("expected a key in quotes, as in Meta[\"rack\"], not " + shown());
        TRY_ASSIGN(auto key, quoted());
        out.selector.push_back(std::move(key));
        if (!take("]")) return wrong("expected \"]\", not " + shown());
      }
      if (peek() != '.') break;
      ++at_;
    }
    out.text = text_.substr(begin, at_ - begin);
    return {};
  }

  result<std::vector<std::string>> selector_of(operand o) const {
    if (o.selector.empty()) return wrong(o.at, "\"" + o.text + "\" is a value where a selector belongs: Name, Meta[\"rack\"] or \"/Meta/rack\"");
    return std::move(o.selector);
  }

  result<node_ref> match() {
    TRY_ASSIGN(auto left, read_operand());
    auto out = std::make_shared<node>(node{.does = node::op::equal});
    auto after = at_;
    bool negated = false;
    if (take("==") || take("!=")) {
      out->negated = text_[at_ - 2] == '!';
      return with_value(std::move(out), std::move(left));
    }
    if (take_word("is")) {
      out->negated = take_word("not");
      bool is_empty = take_word("empty");
      if (!is_empty && !take_word("nil")) return wrong("expected \"empty\" or \"nil\", not " + shown());
      out->does = is_empty ? node::op::is_empty : node::op::is_nil;
      TRY_ASSIGN(out->selector, selector_of(std::move(left)));
      return out;
    }
    negated = take_word("not");
    out->negated = negated;
    if (take_word("in")) {
      out->does = node::op::contains;
      out->literal = literal_of(std::move(left.text));
      TRY_ASSIGN(auto where, read_operand());
      TRY_ASSIGN(out->selector, selector_of(std::move(where)));
      return out;
    }
    bool is_pattern = take_word("matches");
    if (!is_pattern && !take_word("contains")) {
      at_ = after;
      skip_blanks();
      return wrong("expected ==, !=, in, contains, matches or is after \"" + left.text + "\", not " + shown());
    }
    out->does = is_pattern ? node::op::matches : node::op::contains;
    return with_value(std::move(out), std::move(left));
  }

  result<node_ref> with_value(std::shared_ptr<node> out, operand left) {
    TRY_ASSIGN(out->selector, selector_of(std::move(left)));
    TRY_ASSIGN(auto right, read_operand());
    if (out->does == node::op::matches) {
      if (++patterns_ > limits::filter_regexps_max) return wrong(right.at, "there are too many regular expressions");
      re2::RE2::Options options(re2::RE2::Quiet);
      options.set_max_mem(limits::filter_regexp_memory_max);
      auto pattern = std::make_shared<re2::RE2>(re2::StringPiece(right.text.data(), right.text.size()), options);
      if (!pattern->ok()) return wrong(right.at, "the regular expression is wrong: " + pattern->error());
      out->pattern = std::move(pattern);
    }
    out->literal = literal_of(std::move(right.text));
    return out;
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t patterns_ = 0;
};

}  // namespace

result<filter> filter::parse(std::string_view text) {
  if (text.size() > limits::filter_bytes_max) return fail(errc::invalid, "the filter has {} bytes; {} is the most", text.size(), limits::filter_bytes_max);
  TRY_ASSIGN(auto root, parser(text).parse());
  return filter(std::move(root));
}

}  // namespace drover::codec
