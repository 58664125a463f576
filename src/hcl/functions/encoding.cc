#include <cmath>

#include "base/bytes.h"
#include "hcl/functions/common.h"
#include "hcl/functions/yaml.h"
#include "hcl/json_parser.h"

namespace drover::hcl {

namespace {
void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      // As Go's encoder does, so that the text may stand inside HTML.
      case '<':
      case '>':
      case '&': out += fmt::format("\\u{:04x}", static_cast<int>(c)); break;
      default:
        if (static_cast<uint8_t>(c) < 0x20) out += fmt::format("\\u{:04x}", static_cast<int>(c));
        else out += c;
    }
  }
  out += '"';
}

void append_json(std::string& out, const value& v) {
  if (auto* s = v.as_string()) {
    append_json_string(out, *s);
  } else if (auto* l = v.as_list()) {
    out += '[';
    for (const auto& element : *l) {
      if (&element != &l->front()) out += ',';
      append_json(out, element);
    }
    out += ']';
  } else if (auto* o = v.as_object()) {
    out += '{';
    bool first = true;
    for (const auto* entry : sorted_entries(*o)) {
      if (!std::exchange(first, false)) out += ',';
      append_json_string(out, entry->first);
      out += ':';
      append_json(out, entry->second);
    }
    out += '}';
  } else {
    out += to_text(v).value_or("null");
  }
}
}  // namespace

std::string encode_json(const value& v) {
  std::string out;
  append_json(out, v);
  return out;
}

namespace {

result<value> jsonencode(arguments a, const function_environment&) { return value(encode_json(a[0])); }

result<value> jsondecode(arguments a, const function_environment&) {
  diagnostics problems;
  auto file = std::make_shared<const source_file>("", text_at(a, 0));
  auto e = json_parser(file, problems, json_strings::are_text).parse();
  if (e != nullptr) return json_to_value(*e);
  const auto& first = problems[0];
  return fail(errc::invalid, "the text is no JSON (line {}, column {}): {}", first.start.line, first.start.column, first.detail);
}

result<value> base64decode(arguments a, const function_environment&) {
  TRY_ASSIGN(std::string out, drover::base64_decode(text_at(a, 0)));
  return text_value(std::move(out), "the decoded data");
}

result<value> base64encode(arguments a, const function_environment&) { return value(drover::base64_encode(text_at(a, 0))); }

result<value> urlencode(arguments a, const function_environment&) {
  std::string out;
  for (char c : text_at(a, 0)) {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' || c == '~') out += c;
    else if (c == ' ') out += '+';
    else out += fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return value(std::move(out));
}

// RFC 4180; the first record names the columns.
class csv_reader {
 public:
  explicit csv_reader(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ >= text_.size(); }
  int line() const { return line_; }

  result<std::vector<std::string>> record() {
    std::vector<std::string> out;
    for (;;) {
      TRY_ASSIGN(std::string field, next_field());
      out.push_back(std::move(field));
      if (at_end()) return out;
      char c = text_[at_++];
      if (c == ',') continue;
      if (c == '\r' && !at_end() && text_[at_] == '\n') ++at_;
      ++line_;
      return out;
    }
  }

 private:
  result<std::string> next_field() {
    std::string out;
    if (at_end() || text_[at_] != '"') {
      size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
      out = text_.substr(at_, end - at_);
      at_ = end;
      if (out.find('"') != std::string::npos) return fail(errc::invalid, "line {}: a quote stands within an unquoted field", line_);
      return out;
    }
    int first_line = line_;
    for (++at_; !at_end(); ++at_) {
      if (text_[at_] == '"') {
        if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') {
          ++at_;
          if (!at_end() && std::string_view(",\r\n").find(text_[at_]) == std::string_view::npos)
            return fail(errc::invalid, "line {}: a quoted field is followed by {}", line_, quoted(text_.substr(at_, 1)));
          return out;
        }
        ++at_;
      }
      line_ += text_[at_] == '\n';
      out += text_[at_];
    }
    return fail(errc::invalid, "line {}: a quoted field has no end", first_line);
  }

  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
};

result<value> csvdecode(arguments a, const function_environment&) {
  csv_reader reader(text_at(a, 0));
  if (reader.at_end()) return fail(errc::invalid, "the text has no header line");
  TRY_ASSIGN(auto names, reader.record());
  for (size_t i = 0; i < names.size(); ++i)
    if (std::find(names.begin(), names.begin() + static_cast<ptrdiff_t>(i), names[i]) != names.begin() + static_cast<ptrdiff_t>(i))
      return fail(errc::invalid, "two columns are named {}", quoted(names[i]));
  value::list out;
  while (!reader.at_end()) {
    int line = reader.line();
    TRY_ASSIGN(auto fields, reader.record());
    if (fields.size() == 1 && fields[0].empty()) continue;  // an empty line
    if (fields.size() != names.size()) return fail(errc::invalid, "line {}: there are {} fields, but {} columns", line, fields.size(), names.size());
    value::object row;
    for (size_t i = 0; i < names.size(); ++i) row.append(names[i], value(std::move(fields[i])));
    out.emplace_back(std::move(row));
    if (out.size() > elements_max) return fail(errc::invalid, "there are more than {} lines", elements_max);
  }
  return value(std::move(out));
}

result<value> yamldecode(arguments a, const function_environment&) { return decode_yaml(text_at(a, 0)); }
result<value> yamlencode(arguments a, const function_environment&) { return value(encode_yaml(a[0])); }

}  // namespace

std::span<const function> encoding_functions() {
  using enum parameter;
  static const function table[] = {
      {"base64decode", {string}, {}, base64decode}, {"base64encode", {string}, {}, base64encode}, {"csvdecode", {string}, {}, csvdecode},
      {"jsondecode", {string}, {}, jsondecode},     {"jsonencode", {any}, {}, jsonencode, true},  {"urlencode", {string}, {}, urlencode},
      {"yamldecode", {string}, {}, yamldecode},     {"yamlencode", {any}, {}, yamlencode, true},
  };
  return table;
}

}  // namespace drover::hcl
