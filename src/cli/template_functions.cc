#include "cli/template_functions.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/limits.h"
#include "codec/json.h"

namespace drover::cli {
namespace {

using arguments = std::vector<value>;

// The words of one command of a pipeline; quoted strings and parentheses stay whole.
result<std::vector<std::string>> words_of(std::string_view text, char separator) {
  std::vector<std::string> out;
  std::string word;
  size_t depth = 0;
  char quote = 0;
  for (size_t i = 0; i < text.size(); i++) {
    char c = text[i];
    if (quote != 0) {
      word += c;
      if (c == '\\' && quote == '"' && i + 1 < text.size()) word += text[++i];
      else if (c == quote) quote = 0;
      continue;
    }
    if (c == '"' || c == '`') quote = c;
    if (c == '(') depth++;
    if (c == ')' && depth-- == 0) return fail(errc::invalid, "template: a \")\" too many in {{{{{}}}}}", text);
    bool ends = depth == 0 && (separator == ' ' ? c == ' ' || c == '\t' || c == '\n' : c == separator);
    if (!ends) {
      word += c;
    } else if (!trim(word).empty() || separator != ' ') {
      out.emplace_back(trim(word));
      word.clear();
    }
  }
  if (quote != 0 || depth != 0) return fail(errc::invalid, "template: a quote or parenthesis is not closed in {{{{{}}}}}", text);
  if (!trim(word).empty()) out.emplace_back(trim(word));
  return out;
}

result<value> field_path(const value& from, std::string_view path) {
  value at = from;
  for (auto name : split(path, '.')) {
    if (name.empty()) continue;
    if (at.is_null()) return value();
    if (at.as_object() == nullptr) return fail(errc::invalid, "template: .{} asks for a member of a {}", path, at.kind());
    const auto* next = at.find(name);
    if (next == nullptr) return fail(errc::invalid, "template: there is no \"{}\" in .{}", name, path);
    value copy = *next;
    at = std::move(copy);
  }
  return at;
}

std::string unescaped(std::string_view body) {
  std::string out;
  for (size_t i = 0; i < body.size(); i++) {
    if (body[i] != '\\' || i + 1 == body.size()) {
      out += body[i];
      continue;
    }
    char c = body[++i];
    out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
  }
  return out;
}

struct scope {
  const value& dot;
  const template_variables& variables;
  size_t depth = 0;
};
result<value> pipeline(std::string_view text, const scope& s);

result<value> operand(std::string_view word, const scope& s) {
  if (word == ".") return s.dot;
  if (word.starts_with('.')) return field_path(s.dot, word.substr(1));
  if (word.starts_with('$')) {
    auto dot = word.find('.');
    auto found = s.variables.find(word.substr(0, dot));
    if (found == s.variables.end()) return fail(errc::invalid, "template: undefined variable {}", word.substr(0, dot));
    return dot == std::string_view::npos ? result<value>(found->second) : field_path(found->second, word.substr(dot + 1));
  }
  if (word.size() >= 2 && word[0] == '"') return value(unescaped(word.substr(1, word.size() - 2)));
  if (word.size() >= 2 && word[0] == '`') return value(word.substr(1, word.size() - 2));
  if (word.starts_with('(')) {
    auto close = word.rfind(')');
    TRY_ASSIGN(auto inner, pipeline(word.substr(1, close - 1), {s.dot, s.variables, s.depth + 1}));
    return close + 1 == word.size() ? result<value>(std::move(inner)) : field_path(inner, word.substr(close + 2));
  }
  if (word == "true") return value(true);
  if (word == "false") return value(false);
  if (word == "nil") return value();
  if (auto n = parse_int(word)) return value(*n);
  if (auto d = parse_double(word)) return value(*d);
  return fail(errc::invalid, "template: function \"{}\" not defined", word);
}

result<value> length(const arguments& a) {
  if (a.size() != 1) return fail(errc::invalid, "template: len takes one argument");
  if (const auto* l = a[0].as_list()) return value(static_cast<int64_t>(l->size()));
  if (const auto* o = a[0].as_object()) return value(static_cast<int64_t>(o->size()));
  if (const auto* t = a[0].as_string()) return value(static_cast<int64_t>(t->size()));
  return value(int64_t{0});
}

result<value> index(const arguments& a) {
  if (a.empty()) return fail(errc::invalid, "template: index takes a list or map and keys");
  value at = a[0];
  for (size_t i = 1; i < a.size(); i++) {
    value next;
    if (const auto* l = at.as_list()) {
      const auto* n = a[i].as_int();
      if (n == nullptr || *n < 0 || *n >= static_cast<int64_t>(l->size())) return fail(errc::invalid, "template: index {} is out of range", template_text(a[i]));
      next = (*l)[static_cast<size_t>(*n)];
    } else if (const auto* key = a[i].as_string()) {
      if (const auto* found = at.find(*key)) next = *found;
    }
    at = std::move(next);
  }
  return at;
}

result<value> print_formatted(const arguments& a) {
  const auto* format = a.empty() ? nullptr : a[0].as_string();
  if (format == nullptr) return fail(errc::invalid, "template: printf takes a format first");
  std::string out;
  size_t next = 1;
  for (size_t i = 0; i < format->size(); i++) {
    if ((*format)[i] != '%' || i + 1 == format->size()) {
      out += (*format)[i];
      continue;
    }
    auto end = format->find_first_not_of("-+# 0123456789.", i + 1);
    if (end == std::string::npos) return fail(errc::invalid, "template: bad printf format \"{}\"", *format);
    char verb = (*format)[end];
    auto options = format->substr(i + 1, end - i - 1);
    i = end;
    if (verb == '%') {
      out += '%';
      continue;
    }
    if (next >= a.size()) return fail(errc::invalid, "template: printf has too few arguments for \"{}\"", *format);
    const auto& v = a[next++];
    double number = 0;
    std::string text = verb == 'q' ? "\"" + template_text(v) + "\"" : template_text(v);
    if ((verb == 'f' || verb == 'g') && v.number(number)) {
      auto dot = options.find('.');
      auto precision = dot == std::string::npos ? 6 : static_cast<int>(parse_int(options.substr(dot + 1)).value_or(0));
      text = fmt::format("{:.{}f}", number, std::clamp(precision, 0, 30));
    }
    bool left = options.starts_with('-');
    auto digits = options.substr(left ? 1 : 0);
    auto wide = parse_int(digits.substr(0, digits.find('.'))).value_or(0);
    auto fill = wide > static_cast<int64_t>(text.size()) ? std::min<size_t>(static_cast<size_t>(wide) - text.size(), 1000) : 0;
    out += left ? text + std::string(fill, ' ') : std::string(fill, ' ') + text;
  }
  return value(std::move(out));
}

// -1, 0, 1; nothing if they cannot be compared.
std::optional<int> order(const value& a, const value& b) {
  double x = 0, y = 0;
  if (a.number(x) && b.number(y)) return x < y ? -1 : x > y ? 1 : 0;
  if (a.as_string() != nullptr && b.as_string() != nullptr) return a.as_string()->compare(*b.as_string()) < 0 ? -1 : *a.as_string() != *b.as_string();
  return std::nullopt;
}

result<value> compare(std::string_view name, const arguments& a) {
  if (a.size() < 2) return fail(errc::invalid, "template: {} takes two arguments", name);
  auto equal = [](const value& x, const value& y) { return order(x, y).value_or(x == y ? 0 : 1) == 0; };
  if (name == "eq") return value(std::any_of(a.begin() + 1, a.end(), [&](const value& other) { return equal(a[0], other); }));
  if (name == "ne") return value(!equal(a[0], a[1]));
  auto o = order(a[0], a[1]);
  if (!o) return fail(errc::invalid, "template: {} cannot compare a {} with a {}", name, a[0].kind(), a[1].kind());
  return value(name == "lt" ? *o < 0 : name == "le" ? *o <= 0 : name == "gt" ? *o > 0 : *o >= 0);
}

result<value> combine(std::string_view name, const arguments& a) {
  if (a.empty()) return fail(errc::invalid, "template: {} takes arguments", name);
  if (name == "not") return value(!is_true(a[0]));
  for (const auto& v : a)
    if (is_true(v) != (name == "and")) return v;
  return a.back();
}

result<value> call(std::string_view name, const arguments& a) {
  if (name == "len") return length(a);
  if (name == "index") return index(a);
  if (name == "printf") return print_formatted(a);
  if (name == "json") return value(codec::value_to_json(a.empty() ? value() : a[0]));
  if (name == "print" || name == "println") {
    std::string out;
    for (const auto& v : a) out += (out.empty() ? "" : " ") + template_text(v);
    return value(name == "println" ? out + "\n" : out);
  }
  if (name == "and" || name == "or" || name == "not") return combine(name, a);
  return compare(name, a);
}

bool is_function(std::string_view name) {
  static constexpr std::string_view names[] = {"len", "index", "printf", "json", "print", "println", "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

result<value> pipeline(std::string_view text, const scope& s) {
  if (s.depth > template_depth_max) return fail(errc::invalid, "template: parentheses are nested deeper than {}", template_depth_max);
  TRY_ASSIGN(auto stages, words_of(text, '|'));
  if (stages.empty()) return fail(errc::invalid, "template: an empty action");
  std::optional<value> carried;
  for (const auto& stage : stages) {
    TRY_ASSIGN(auto words, words_of(stage, ' '));
    if (words.empty()) return fail(errc::invalid, "template: an empty step in {{{{{}}}}}", text);
    if (!is_function(words[0])) {
      if (words.size() > 1 || carried) return fail(errc::invalid, "template: \"{}\" is no function", words[0]);
      TRY_ASSIGN(carried, operand(words[0], s));
      continue;
    }
    arguments given;
    for (size_t i = 1; i < words.size(); i++) {
      TRY_ASSIGN(auto v, operand(words[i], s));
      given.push_back(std::move(v));
    }
    if (carried) given.push_back(*std::move(carried));
    TRY_ASSIGN(carried, call(words[0], given));
  }
  return *std::move(carried);
}

}  // namespace

result<value> evaluate_pipeline(std::string_view text, const value& dot, const template_variables& variables) {
  return pipeline(text, {dot, variables});
}

bool is_true(const value& v) {
  if (v.is_null()) return false;
  if (const auto* b = v.as_bool()) return *b;
  double number = 0;
  if (v.number(number)) return number != 0;
  if (const auto* s = v.as_string()) return !s->empty();
  if (const auto* l = v.as_list()) return !l->empty();
  if (const auto* o = v.as_object()) return !o->empty();
  return true;
}

std::string template_text(const value& v) {
  if (v.is_null()) return "<no value>";
  if (const auto* b = v.as_bool()) return *b ? "true" : "false";
  if (const auto* n = v.as_int()) return std::to_string(*n);
  if (const auto* d = v.as_double()) return fmt::format("{}", *d);
  if (const auto* s = v.as_string()) return *s;
  std::string out;
  if (const auto* l = v.as_list()) {
    for (const auto& item : *l) out += (out.empty() ? "" : " ") + template_text(item);
    return "[" + out + "]";
  }
  if (const auto* o = v.as_object()) {
    std::map<std::string, std::string> sorted;
    for (const auto& [key, item] : *o) sorted[key] = template_text(item);
    for (const auto& [key, item] : sorted) out += (out.empty() ? "" : " ") + key + ":" + item;
    return "map[" + out + "]";
  }
  return v.as_bytes() == nullptr ? "" : base64_encode(v.as_bytes()->data);
}

}  // namespace drover::cli
