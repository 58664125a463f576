#include "templating/encode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.h"
#include "codec/json.h"
#include "hcl/functions/yaml.h"
#include "templating/limits.h"
#include "templating/print.h"
#include "templating/utf8.h"

namespace drover::templating {

namespace {
result<> check_depth(int depth) {
  if (depth > value_depth_max) return fail(errc::too_large, "the value nests more than {} levels deep", value_depth_max);
  return {};
}

// Members of a map or struct in the order in which they are written; nothing for other values.
std::optional<std::vector<std::pair<std::string, datum>>> members_of(const datum& d) {
  std::vector<std::pair<std::string, datum>> out;
  if (auto* m = d.as_map()) {
    out.assign(m->members.begin(), m->members.end());
    return out;
  }
  if (auto* r = d.as_record()) return r->fields;
  return std::nullopt;
}

datum opened(const datum& d) { return d.as_object() ? d.as_object()->encoded() : d; }

std::string json_number(double x) {
  auto size = std::fabs(x);
  if (size == 0 || (size >= 1e-6 && size < 1e21)) return format_float(x, 'f', -1);
  auto out = format_float(x, 'e', -1);
  // e-09 becomes e-9.
  if (auto n = out.size(); n >= 4 && out[n - 4] == 'e' && out[n - 3] == '-' && out[n - 2] == '0') out.erase(n - 2, 1);
  return out;
}

void append_json_text(std::string& out, std::string_view text, bool escape_html) {
  out += '"';
  while (!text.empty()) {
    auto r = decode_rune(text);
    char c = text[0];
    text.remove_prefix(r.length);
    if (c == '"' || c == '\\') (out += '\\') += c;
    else if (c == '\n') out += "\\n";
    else if (c == '\r') out += "\\r";
    else if (c == '\t') out += "\\t";
    else if (c == '\b') out += "\\b";
    else if (c == '\f') out += "\\f";
    else if (r.code < 0x20 || (escape_html && r.length == 1 && (c == '<' || c == '>' || c == '&'))) out += fmt::format("\\u{:04x}", r.code);
    else if (r.code == rune_error && r.length == 1) out += "\\ufffd";
    else if (r.code == 0x2028 || r.code == 0x2029) out += fmt::format("\\u{:04x}", r.code);
    else append_rune(out, r.code);
  }
  out += '"';
}

class json_writer {
 public:
  explicit json_writer(const json_layout& layout) : layout_(layout) {}
  result<> write(const datum& given, int depth) {
    TRY(check_depth(depth));
    auto d = opened(given);
    if (d.is_nil()) return put("null");
    if (auto* b = d.as_bool()) return put(*b ? "true" : "false");
    if (auto* n = d.as_integer()) return put(n->kind == integer_kind::uint64 ? std::to_string(static_cast<uint64_t>(n->n)) : std::to_string(n->n));
    if (auto* x = d.as_double()) {
      if (!std::isfinite(*x)) return fail(errc::invalid, "json: unsupported value: {}", print_value(d));
      return put(json_number(*x));
    }
    if (auto* s = d.as_text()) {
      append_json_text(out, *s, layout_.escape_html);
      return {};
    }
    if (auto* l = d.as_list()) return list(*l, depth);
    return map(*members_of(d), depth);
  }
  std::string out;

 private:
  result<> put(std::string_view text) {
    out += text;
    return {};
  }
  void line(int depth) {
    if (layout_.indent.empty()) return;
    out += '\n';
    for (int i = 0; i < depth; i++) out += layout_.indent;
  }
  result<> list(const list_box& l, int depth) {
    if (l.items.empty()) return put("[]");
    out += '[';
    for (size_t i = 0; i < l.items.size(); i++) {
      if (i > 0) out += ',';
      line(depth + 1);
      TRY(write(l.items[i], depth + 1));
    }
    line(depth);
    return put("]");
  }
  result<> map(const std::vector<std::pair<std::string, datum>>& members, int depth) {
    if (members.empty()) return put("{}");
    out += '{';
    for (size_t i = 0; i < members.size(); i++) {
      if (i > 0) out += ',';
      line(depth + 1);
      append_json_text(out, members[i].first, layout_.escape_html);
      out += layout_.indent.empty() ? ":" : ": ";
      TRY(write(members[i].second, depth + 1));
    }
    line(depth);
    return put("}");
  }
  const json_layout& layout_;
};

// ---- YAML, block style ----

// Whether a reader would take the plain text for something else than a string.
bool looks_typed(const std::string& s) {
  static const std::vector<std::string> words{"y",    "Y",   "yes", "Yes",  "YES",  "on",   "On",    "ON",    "n",     "N",     "no",   "No",
                                              "NO",   "off", "Off", "OFF",  "true", "True", "TRUE",  "false", "False", "FALSE", "null", "Null",
                                              "NULL", "~",   "<<",  ".inf", ".Inf", ".INF", "-.inf", ".nan",  ".NaN",  ".NAN",  "="};
  if (std::ranges::find(words, s) != words.end()) return true;
  if (s.find_first_of("0123456789") == std::string::npos) return false;
  auto plain = replace_all(s, "_", "");
  if (parse_int(plain) || parse_double(plain) || (plain.starts_with('+') && parse_double(plain.substr(1)))) return true;
  if (plain.starts_with("0x") || plain.starts_with("0b") || plain.starts_with("0o"))
    return plain.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string::npos;
  // A date, or a number to the base of 60.
  bool date = s.size() >= 8 && s.find_first_not_of("0123456789-:.TtZz+ ") == std::string::npos && s[0] != '-' && s.find('-') == 4;
  bool sixty = s.find(':') != std::string::npos && s.find_first_not_of("+-0123456789:_.") == std::string::npos;
  return date || sixty;
}

bool plain_is_safe(const std::string& s) {
  if (s.empty() || s.front() == ' ' || s.back() == ' ') return false;
  if (std::string_view("#,[]{}&*!|>'\"%@`").find(s[0]) != std::string_view::npos) return false;
  if (s.starts_with("---") || s.starts_with("...")) return false;
  if ((s[0] == '-' || s[0] == '?' || s[0] == ':') && (s.size() == 1 || s[1] == ' ')) return false;
  if (s.find(": ") != std::string::npos || s.find(" #") != std::string::npos || s.back() == ':') return false;
  return std::ranges::all_of(runes(s), [](uint32_t c) { return is_printable(c) || c == ' '; });
}

std::string yaml_quoted(const std::string& s) {
  std::string out = "\"";
  for (auto code : runes(s)) {
    if (code == '"' || code == '\\') (out += '\\') += static_cast<char>(code);
    else if (code == '\n') out += "\\n";
    else if (code == '\t') out += "\\t";
    else if (code == '\r') out += "\\r";
    else if (code == ' ' || is_printable(code)) append_rune(out, code);
    else if (code < 0x100) out += fmt::format("\\x{:02X}", code);
    else out += fmt::format("\\u{:04X}", code);
  }
  return out + "\"";
}

std::string yaml_scalar(const std::string& s) {
  if (s.empty() || looks_typed(s)) return yaml_quoted(s);
  if (plain_is_safe(s)) return s;
  bool visible = std::ranges::all_of(runes(s), [](uint32_t c) { return is_printable(c) || c == ' '; });
  return visible ? "'" + replace_all(s, "'", "''") + "'" : yaml_quoted(s);
}

class yaml_writer {
 public:
  std::string out;

  // After "key:" or "- ". `indent` is where the members of a map would stand.
  result<> write(const datum& given, int indent, int depth) {
    TRY(check_depth(depth));
    auto d = opened(given);
    if (auto* s = d.as_text()) return text(*s, indent);
    if (auto* l = d.as_list()) {
      if (l->items.empty()) return put("[]\n");
      return list(*l, indent, depth);
    }
    if (auto members = members_of(d)) {
      if (members->empty()) return put("{}\n");
      return map(*members, indent, depth);
    }
    if (d.is_nil()) return put("null\n");
    if (auto* x = d.as_double(); x && !std::isfinite(*x)) return put(std::isnan(*x) ? ".nan\n" : *x > 0 ? ".inf\n" : "-.inf\n");
    return put(print_value(d) + "\n");
  }

 private:
  result<> put(std::string_view t) {
    out += t;
    return {};
  }
  void margin(int indent) { out.append(static_cast<size_t>(indent), ' '); }

  result<> text(const std::string& s, int indent) {
    if (s.find('\n') != std::string::npos && s.find_first_of("\r\t") == std::string::npos && s[0] != ' ' && s[0] != '\n') {
      out += s.ends_with("\n\n") ? "|+" : s.ends_with('\n') ? "|" : "|-";
      auto lines = split(s.ends_with('\n') ? std::string_view(s).substr(0, s.size() - 1) : std::string_view(s), '\n');
      for (auto line : lines) {
        out += '\n';
        if (!line.empty()) margin(std::max(indent, 2));
        out += line;
      }
      return put("\n");
    }
    return put(yaml_scalar(s) + "\n");
  }

  static bool opens(const datum& given) {
    auto d = opened(given);
    if (auto* l = d.as_list()) return !l->items.empty();
    auto members = members_of(d);
    return members && !members->empty();
  }

  // The first line of each stands where the writer is.
  result<> list(const list_box& l, int indent, int depth) {
    for (size_t i = 0; i < l.items.size(); i++) {
      if (i > 0) margin(indent);
      out += "- ";
      TRY(write(l.items[i], indent + 2, depth + 1));
    }
    return {};
  }

  result<> map(const std::vector<std::pair<std::string, datum>>& members, int indent, int depth) {
    for (size_t i = 0; i < members.size(); i++) {
      if (i > 0) margin(indent);
      auto& key = members[i].first;
      out += yaml_scalar(key) + ":";
      if (!opens(members[i].second)) {
        out += ' ';
        TRY(write(members[i].second, indent + 2, depth + 1));
        continue;
      }
      // A list stands below its key, a map two further in.
      int inner = opened(members[i].second).as_list() ? indent : indent + 2;
      out += '\n';
      margin(inner);
      TRY(write(members[i].second, inner, depth + 1));
    }
    return {};
  }
};

// ---- TOML ----

std::string toml_text(std::string_view s) {
  std::string out = "\"";
  for (auto code : runes(s)) {
    if (code == '"' || code == '\\') (out += '\\') += static_cast<char>(code);
    else if (code == '\n') out += "\\n";
    else if (code == '\t') out += "\\t";
    else if (code == '\r') out += "\\r";
    else if (code < 0x20 || code == 0x7f) out += fmt::format("\\u{:04x}", code);
    else append_rune(out, code);
  }
  return out + "\"";
}

std::string toml_key(const std::string& key) {
  bool bare = !key.empty() && std::ranges::all_of(key, [](char c) { return is_digit(static_cast<uint8_t>(c)) || (c | 32) >= 'a' || c == '_' || c == '-'; }) &&
              std::ranges::all_of(key, [](char c) { return c == '_' || c == '-' || is_digit(static_cast<uint8_t>(c)) || is_letter(static_cast<uint8_t>(c)); });
  return bare ? key : toml_text(key);
}

class toml_writer {
 public:
  std::string out;

  result<> table(const std::vector<std::pair<std::string, datum>>& members, const std::string& path, int depth) {
    TRY(check_depth(depth));
    std::string margin(static_cast<size_t>(depth) * 2, ' ');
    for (auto& [key, given] : members) {
      auto d = opened(given);
      if (d.is_nil() || members_of(d) || is_tables(d)) continue;
      out += margin + toml_key(key) + " = ";
      TRY(simple(d, depth));
      out += '\n';
    }
    for (auto& [key, given] : members) {
      auto d = opened(given);
      auto name = path.empty() ? toml_key(key) : path + "." + toml_key(key);
      if (auto inner = members_of(d)) {
        if (!out.empty() && depth == 0) out += '\n';
        out += margin + "[" + name + "]\n";
        TRY(table(*inner, name, depth + 1));
      } else if (is_tables(d)) {
        for (auto& item : d.as_list()->items) {
          if (!out.empty()) out += '\n';
          out += margin + "[[" + name + "]]\n";
          TRY(table(*members_of(opened(item)), name, depth + 1));
        }
      }
    }
    return {};
  }

 private:
  static bool is_tables(const datum& d) {
    auto* l = d.as_list();
    return l && !l->items.empty() && std::ranges::all_of(l->items, [](auto& item) { return members_of(opened(item)).has_value(); });
  }

  result<> simple(const datum& given, int depth) {
    TRY(check_depth(depth));
    auto d = opened(given);
    if (auto* s = d.as_text()) {
      out += toml_text(*s);
    } else if (auto* x = d.as_double()) {
      auto text = std::isfinite(*x) ? format_float(*x, 'f', -1) : std::isnan(*x) ? "nan" : *x > 0 ? "inf" : "-inf";
      out += text.find_first_of(".n") == std::string::npos ? text + ".0" : text;
    } else if (auto* l = d.as_list()) {
      out += '[';
      for (size_t i = 0; i < l->items.size(); i++) {
        if (i > 0) out += ", ";
        TRY(simple(l->items[i], depth + 1));
      }
      out += ']';
    } else if (auto members = members_of(d)) {
      out += '{';
      for (size_t i = 0; i < members->size(); i++) {
        out += (i > 0 ? ", " : "") + toml_key((*members)[i].first) + " = ";
        TRY(simple((*members)[i].second, depth + 1));
      }
      out += '}';
    } else if (d.is_nil()) {
      return fail(errc::invalid, "toml: a list cannot contain nil");
    } else {
      out += print_value(d);
    }
    return {};
  }
};

// Go's JSON decoder makes every number a float64.
datum with_floats(const value& v) {
  if (auto* n = v.as_int()) return static_cast<double>(*n);
  if (auto* l = v.as_list()) {
    datum::list out;
    for (auto& item : *l) out.push_back(with_floats(item));
    return out;
  }
  if (auto* o = v.as_object()) {
    datum::map out;
    for (auto& [key, member] : *o) out.insert_or_assign(key, with_floats(member));
    return out;
  }
  return from_value(v);
}
}  // namespace

result<std::string> encode_json(const datum& d, const json_layout& layout) {
  json_writer w(layout);
  TRY(w.write(d, 0));
  return std::move(w.out);
}

result<datum> decode_json(std::string_view text) {
  TRY_ASSIGN(auto v, codec::value_from_json(text));
  return with_floats(v);
}

result<std::string> encode_yaml(const datum& d) {
  yaml_writer w;
  TRY(w.write(d, 0, 0));
  return std::move(w.out);
}

result<datum> decode_yaml(std::string_view text) {
  TRY_ASSIGN(auto v, hcl::decode_yaml(text));
  return from_value(v);
}

result<std::string> encode_toml(const datum& d) {
  auto members = members_of(opened(d));
  if (!members) return fail(errc::invalid, "toml: the top must be a map, not {}", d.type_name());
  toml_writer w;
  TRY(w.table(*members, "", 0));
  return std::move(w.out);
}

}  // namespace drover::templating
