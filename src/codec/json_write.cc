#include <charconv>
#include <cmath>

#include "codec/json.h"
#include "codec/walk.h"

namespace drover::codec {
namespace {

using namespace detail;

// Shorter texts of shared records are written about as fast as they are found.
constexpr size_t fragment_bytes_min = 512;

template <class T>
void append_integer(std::string& out, T n) {
  char buffer[24];
  auto [end, code] = std::to_chars(buffer, buffer + sizeof buffer, n);
  out.append(buffer, end);
}

// As Go prints floats in JSON: plain between 1e-6 and 1e21, otherwise with an exponent; NaN and infinities have no JSON and become null.
void append_double(std::string& out, double d) {
  if (!std::isfinite(d)) {
    out += "null";
    return;
  }
  double magnitude = std::fabs(d);
  auto format = magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21) ? std::chars_format::scientific : std::chars_format::fixed;
  char buffer[64];
  auto [end, code] = std::to_chars(buffer, buffer + sizeof buffer, d, format);
  out.append(buffer, end);
}

class writer {
 public:
  writer(std::string& out, json_style style) : out_(out), style_(style) {}

  void write(const type_info& type, const void* p, uint32_t flags) {
    switch (type.kind) {
      case kind::boolean: out_ += as<bool>(p) ? "true" : "false"; return;
      case kind::float64: return append_double(out_, as<double>(p));
      case kind::string: return append_json_string(out_, text_in(type, p));
      case kind::bytes: return write_bytes(as<bytes>(p));
      case kind::duration:
        if (flags & schema::duration_text) return append_json_string(out_, to_string(as<duration>(p)));
        return append_integer(out_, as<duration>(p).ns);
      case kind::timestamp:
        out_ += '"';
        out_ += to_rfc3339(as<timestamp>(p));
        out_ += '"';
        return;
      case kind::value: return write(as<value>(p));
      case kind::shared:
        if (style_.fragments != nullptr && !style_.pretty && !style_.hide_redacted && type.pointer->get(p) != nullptr) return write_shared(type, p, flags);
        [[fallthrough]];
      case kind::optional:
        if (const void* element = type.pointer->get(p)) return write(type.element(), element, flags);
        out_ += "null";
        return;
      case kind::list: return write_list(type, p, flags);
      case kind::map: return write_map(type, p, flags);
      case kind::record: return write_record(type, p);
      default:
        if (is_signed(type.kind)) return append_integer(out_, read_signed(type.kind, p));
        return append_integer(out_, read_unsigned(type.kind, p));
    }
  }

  void write(const value& v) {
    if (auto* b = v.as_bool()) out_ += *b ? "true" : "false";
    else if (auto* n = v.as_int()) append_integer(out_, *n);
    else if (auto* d = v.as_double()) append_double(out_, *d);
    else if (auto* s = v.as_string()) append_json_string(out_, *s);
    else if (auto* raw = v.as_bytes()) write_bytes(*raw);
    else if (auto* l = v.as_list()) write_values(*l);
    else if (auto* o = v.as_object()) write_object(*o);
    else out_ += "null";
  }

 private:
  void write_shared(const type_info& type, const void* p, uint32_t flags) {
    const void* element = type.pointer->get(p);
    if (const auto* known = style_.fragments->find(element)) {
      out_ += *known;
      return;
    }
    size_t start = out_.size();
    write(type.element(), element, flags);
    if (out_.size() - start >= fragment_bytes_min) style_.fragments->put(type.pointer->share(p), out_.substr(start));
  }

  void write_bytes(const bytes& b) {
    if (b.empty()) {
      out_ += "null";
      return;
    }
    out_ += '"';
    out_ += base64_encode(b.data);
    out_ += '"';
  }

  void write_list(const type_info& type, const void* p, uint32_t flags) {
    size_t size = type.list->size(p);
    if (size == 0) {
      out_ += flags & schema::empty_list ? "[]" : "null";
      return;
    }
    const auto& element = type.element();
    open('[');
    for (size_t i = 0; i < size; ++i) {
      next(i == 0);
      write(element, type.list->at(p, i), flags);
    }
    close(']');
  }

  void write_map(const type_info& type, const void* p, uint32_t flags) {
    if (type.map->size(p) == 0) {
      out_ += flags & schema::empty_list ? "{}" : "null";
      return;
    }
    const auto& element = type.element();
    bool first = true;
    open('{');
    schema::visit_map(type, p, [&](const std::string& key, const void* each) {
      next(std::exchange(first, false));
      write_key(key);
      write(element, each, flags);
    });
    close('}');
  }

  void write_record(const type_info& type, const void* p) {
    bool first = true;
    open('{');
    for (const auto& field : type.record->fields()) {
      const auto& field_type = field.type();
      const void* data = field.in(p);
      if (field.is_any(schema::json_omit_empty | schema::ours) && empty(field_type, data)) continue;
      next(std::exchange(first, false));
      out_ += '"';
      out_ += field.wire;
      out_ += style_.pretty ? "\": " : "\":";
      if (style_.hide_redacted && field.is(schema::redacted)) out_ += field_type.kind == kind::string ? "\"\"" : "null";
      else write(field_type, data, field.flags);
    }
    close('}');
  }

  void write_values(const value::list& l) {
    if (l.empty()) {
      out_ += "[]";
      return;
    }
    open('[');
    for (const auto& each : l) {
      next(&each == &l.front());
      write(each);
    }
    close(']');
  }

  void write_object(const value::object& o) {
    if (o.empty()) {
      out_ += "{}";
      return;
    }
    bool first = true;
    open('{');
    for (const auto& [key, each] : o) {
      next(std::exchange(first, false));
      write_key(key);
      write(each);
    }
    close('}');
  }

  void write_key(std::string_view key) {
    append_json_string(out_, key);
    out_ += style_.pretty ? ": " : ":";
  }
  void open(char bracket) {
    out_ += bracket;
    ++depth_;
  }
  void next(bool first) {
    if (!first) out_ += ',';
    newline();
  }
  void close(char bracket) {
    --depth_;
    if (out_.back() != '{') newline();
    out_ += bracket;
  }
  void newline() {
    if (!style_.pretty) return;
    out_ += '\n';
    out_.append(static_cast<size_t>(depth_) * 4, ' ');
  }

  std::string& out_;
  json_style style_;
  int depth_ = 0;
};

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  size_t start = 0;
  auto flush = [&](size_t end) { out.append(text.data() + start, end - start); };
  for (size_t i = 0; i < text.size();) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      ++i;
      continue;
    }
    if (c >= 0x80) {
      size_t length = c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 1;
      bool good = length > 1 && i + length <= text.size();
      for (size_t k = 1; good && k < length; ++k) good = (static_cast<unsigned char>(text[i + k]) & 0xc0) == 0x80;
      if (good) {
        i += length;
        continue;
      }
      flush(i);
      out += "\xef\xbf\xbd";
    } else {
      flush(i);
      switch (c) {
        case '"': out += "\\\""; break;
        case '\\': out += "\\\\"; break;
        case '\n': out += "\\n"; break;
        case '\r': out += "\\r"; break;
        case '\t': out += "\\t"; break;
        default: out += fmt::format("\\u{:04x}", c);
      }
    }
    start = ++i;
  }
  flush(text.size());
  out += '"';
}

const std::string* fragment_cache::find(const void* record) {
  if (auto it = young_.find(record); it != young_.end()) return &it->second.text;
  auto kept = old_.extract(record);
  if (kept.empty()) return nullptr;
  young_bytes_ += kept.mapped().text.size();
  return &young_.insert(std::move(kept)).position->second.text;
}

void fragment_cache::put(std::shared_ptr<const void> record, std::string text) {
  if (young_bytes_ + text.size() > bytes_max_ / 2) {
    old_ = std::exchange(young_, {});
    young_bytes_ = 0;
  }
  young_bytes_ += text.size();
  const void* key = record.get();
  young_[key] = {std::move(record), std::move(text)};
}

void append_json(std::string& out, schema::record_view record, json_style style) {
  writer(out, style).write(*record.type, record.data, schema::no_flags);
  if (style.pretty) out += '\n';
}

std::string to_json(schema::record_view record, json_style style) {
  std::string out;
  append_json(out, record, style);
  return out;
}

std::string value_to_json(const value& v, json_style style) {
  std::string out;
  writer(out, style).write(v);
  if (style.pretty) out += '\n';
  return out;
}

}  // namespace drover::codec
