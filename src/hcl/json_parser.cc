#include "hcl/json_parser.h"

#include <cctype>
#include <cmath>
#include <unordered_map>

#include "hcl/limits.h"
#include "hcl/native_parser.h"
#include "hcl/utf8.h"

namespace drover::hcl {

namespace {
// Holds the text that its ranges point into, because the body's file has it in another spelling.
struct owning_template_expression : template_expression {
  owning_template_expression(range r, source_ptr s) : template_expression(r), owned(std::move(s)) {}
  source_ptr owned;
};
bool is_digit(char c) { return c >= '0' && c <= '9'; }
}  // namespace

void json_parser::skip_blanks() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
}

std::string json_parser::here() const {
  if (at_ >= text_.size()) return "the end of the file";
  if (static_cast<uint8_t>(text_[at_]) < 0x20) return "the end of the line or a control character";
  size_t end = at_ + 1;
  while (end < text_.size() && (static_cast<uint8_t>(text_[end]) & 0xc0) == 0x80) ++end;
  return quoted(text_.substr(at_, end - at_));
}

std::nullptr_t json_parser::fail(uint32_t begin, std::string detail, std::string suggestion) {
  uint32_t end = at_ > begin ? at_ : static_cast<uint32_t>(std::min<size_t>(begin + 1, text_.size()));
  problems_.error({file_.get(), begin, end}, "Invalid JSON", std::move(detail), std::move(suggestion));
  return nullptr;
}

expression_ptr json_parser::parse() {
  if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
  auto e = parse_value(1);
  if (e == nullptr) return nullptr;
  skip_blanks();
  if (at_ < text_.size()) return fail(at_, fmt::format("The JSON value is complete, but {} follows it.", here()));
  return e;
}

expression_ptr json_parser::parse_value(int depth) {
  skip_blanks();
  if (depth > nesting_max) return fail(at_, fmt::format("Objects and arrays nest more than {} levels deep here.", nesting_max));
  switch (peek()) {
    case '{': return parse_object(depth);
    case '[': return parse_array(depth);
    case '"': return parse_string_expression();
    case '-': return parse_number();
    default: break;
  }
  if (is_digit(peek())) return parse_number();
  if (std::isalpha(static_cast<unsigned char>(peek()))) return parse_word();
  return fail(at_, fmt::format("Expected a JSON value, but {} was found.", here()), peek() == '\'' ? "JSON strings are written between double quotes." : "");
}

expression_ptr json_parser::parse_object(int depth) {
  uint32_t begin = at_++;
  auto out = std::make_shared<object_expression>(range{file_.get(), begin, begin});
  skip_blanks();
  if (peek() == '}') {
    ++at_;
    out->where = from(begin);
    return out;
  }
  for (;;) {
    skip_blanks();
    if (peek() != '"') return fail(at_, fmt::format("Expected a property name between double quotes, but {} was found.", here()));
    object_item item;
    item.key = parse_string_expression();
    if (item.key == nullptr) return nullptr;
    skip_blanks();
    if (peek() != ':') return fail(at_, fmt::format("Expected a colon after the property name, but {} was found.", here()));
    ++at_;
    item.item = parse_value(depth + 1);
    if (item.item == nullptr) return nullptr;
    adopt(*out, item.key), adopt(*out, item.item);
    out->items.push_back(std::move(item));
    skip_blanks();
    if (peek() == '}') break;
    if (peek() != ',') return fail(at_, fmt::format("Expected a comma or the closing brace of the object, but {} was found.", here()));
    ++at_;
    skip_blanks();
    if (peek() == '}') return fail(at_ - 1, "JSON does not permit a comma after the last property of an object.", "Remove the comma.");
  }
  ++at_;
  out->where = from(begin);
  return out;
}

expression_ptr json_parser::parse_array(int depth) {
  uint32_t begin = at_++;
  auto out = std::make_shared<tuple_expression>(range{file_.get(), begin, begin});
  skip_blanks();
  if (peek() == ']') {
    ++at_;
    out->where = from(begin);
    return out;
  }
  for (;;) {
    auto element = parse_value(depth + 1);
    if (element == nullptr) return nullptr;
    adopt(*out, element);
    out->elements.push_back(std::move(element));
    skip_blanks();
    if (peek() == ']') break;
    if (peek() != ',') return fail(at_, fmt::format("Expected a comma or the closing bracket of the array, but {} was found.", here()));
    ++at_;
    skip_blanks();
    if (peek() == ']') return fail(at_ - 1, "JSON does not permit a comma after the last element of an array.", "Remove the comma.");
  }
  ++at_;
  out->where = from(begin);
  return out;
}

expression_ptr json_parser::parse_number() {
  uint32_t begin = at_;
  auto digits = [&] {
    uint32_t first = at_;
    while (is_digit(peek())) ++at_;
    return at_ > first;
  };
  if (peek() == '-') ++at_;
  bool leading_zero = peek() == '0' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]);
  bool ok = digits() && !leading_zero;
  if (ok && peek() == '.') {
    ++at_;
    ok = digits();
  }
  if (ok && (peek() == 'e' || peek() == 'E')) {
    ++at_;
    if (peek() == '+' || peek() == '-') ++at_;
    ok = digits();
  }
  if (!ok) return fail(begin, "This is no JSON number.");
  value v = number_of(text_.substr(begin, at_ - begin));
  if (auto* d = v.as_double(); d != nullptr && !std::isfinite(*d)) return fail(begin, "The number is too large.");
  return std::make_shared<literal_expression>(from(begin), std::move(v));
}

expression_ptr json_parser::parse_word() {
  uint32_t begin = at_;
  while (std::isalnum(static_cast<unsigned char>(peek())) || peek() == '_') ++at_;
  std::string_view word = text_.substr(begin, at_ - begin);
  if (word == "true") return std::make_shared<literal_expression>(from(begin), value(true));
  if (word == "false") return std::make_shared<literal_expression>(from(begin), value(false));
  if (word == "null") return std::make_shared<literal_expression>(from(begin), value());
  return fail(begin, fmt::format("The word {} is no JSON value.", quoted(word)), "Text is written between double quotes.");
}

expression_ptr json_parser::parse_string_expression() {
  uint32_t begin = at_;
  std::string text;
  if (!parse_string(text)) return nullptr;
  bool is_template = strings_ == json_strings::are_templates && (text.find("${") != std::string::npos || text.find("%{") != std::string::npos);
  if (is_template) return parse_template_text(begin, std::move(text));
  return std::make_shared<literal_expression>(from(begin), value(std::move(text)));
}

expression_ptr json_parser::parse_template_text(uint32_t begin, std::string text) {
  range whole = from(begin);
  // Without escapes the text stands in the file as it is, and so do the places in it.
  if (text.size() + 2 == whole.end - whole.begin) return native_parser(file_, problems_).parse_template_region(begin + 1, at_ - 1);
  auto spelled = std::make_shared<const source_file>(std::move(text), file_, whole);
  auto e = native_parser(spelled, problems_).parse_only_template();
  if (e == nullptr) return nullptr;
  if (e->kind == expression_kind::literal) return std::make_shared<literal_expression>(whole, as<literal_expression>(*e).constant);
  auto out = std::make_shared<owning_template_expression>(whole, spelled);
  out->parts = as<template_expression>(*e).parts;
  out->wraps = as<template_expression>(*e).wraps;
  out->height = e->height;
  return out;
}

bool json_parser::parse_string(std::string& out) {
  uint32_t begin = at_++;
  for (;;) {
    size_t end = at_;
    while (end < text_.size() && text_[end] != '"' && text_[end] != '\\' && static_cast<uint8_t>(text_[end]) >= 0x20) ++end;
    out.append(text_, at_, end - at_);
    at_ = static_cast<uint32_t>(end);
    char c = peek();
    if (c == '"') return ++at_, true;
    if (c == '\\') {
      if (!parse_escape(out)) return false;
      continue;
    }
    fail(begin, "This string has no closing quote on its line.", c == '\n' ? "Write \\n for a newline." : "");
    return false;
  }
}

bool json_parser::parse_escape(std::string& out) {
  uint32_t begin = at_;
  char c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
  at_ += 2;
  switch (c) {
    case '"':
    case '\\':
    case '/': out += c; return true;
    case 'b': out += '\b'; return true;
    case 'f': out += '\f'; return true;
    case 'n': out += '\n'; return true;
    case 'r': out += '\r'; return true;
    case 't': out += '\t'; return true;
    case 'u': break;
    default:
      at_ = std::min(at_, static_cast<uint32_t>(text_.size()));
      fail(begin, "This is no JSON escape sequence.", "Write \\\\ for one backslash.");
      return false;
  }
  uint32_t code = 0;
  if (!parse_hex(code)) return fail(begin, "\\u needs four hexadecimal digits."), false;
  if (code >= 0xd800 && code < 0xdc00 && text_.substr(at_, 2) == "\\u") {
    uint32_t before = at_, low = 0;
    at_ += 2;
    if (!parse_hex(low)) return fail(begin, "\\u needs four hexadecimal digits."), false;
    if (low >= 0xdc00 && low < 0xe000) code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    else at_ = before;
  }
  // Half of a surrogate pair is no character: the replacement character stands for it.
  append_utf8(out, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
  return true;
}

bool json_parser::parse_hex(uint32_t& code) {
  code = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    char c = peek();
    if (!std::isxdigit(static_cast<unsigned char>(c))) return false;
    code = code << 4 | static_cast<uint32_t>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  }
  return true;
}

void collect_json_objects(body& out, const expression_ptr& e, diagnostics& problems) {
  if (e->kind == expression_kind::object) {
    out.json_objects.push_back(e);
    return;
  }
  if (e->kind == expression_kind::tuple) {
    for (const auto& element : as<tuple_expression>(*e).elements) {
      if (element->kind == expression_kind::object) out.json_objects.push_back(element);
      else problems.error(element->where, "Incorrect JSON value type", "A JSON object is required here, whose properties are arguments and blocks.");
    }
    return;
  }
  problems.error(e->where, "Incorrect JSON value type", "A JSON object is required here, or an array of them, whose properties are arguments and blocks.");
}

value json_to_value(const expression& e) {
  switch (e.kind) {
    case expression_kind::literal: return as<literal_expression>(e).constant;
    case expression_kind::tuple: {
      value::list out;
      for (const auto& element : as<tuple_expression>(e).elements) out.push_back(json_to_value(*element));
      return out;
    }
    case expression_kind::object: {
      // The last of several members of one name counts.
      std::unordered_map<std::string_view, size_t> places;
      std::vector<value::object::entry> entries;
      for (const auto& [key, item] : as<object_expression>(e).items) {
        const std::string& name = *as<literal_expression>(*key).constant.as_string();
        auto [at, is_new] = places.try_emplace(name, entries.size());
        if (is_new) entries.emplace_back(name, json_to_value(*item));
        else entries[at->second].second = json_to_value(*item);
      }
      value::object out;
      for (auto& [name, v] : entries) out.append(std::move(name), std::move(v));
      return out;
    }
    default: return {};
  }
}

}  // namespace drover::hcl
