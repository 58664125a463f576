// Records to and from drover::value, by the same rules as JSON.
#include "base/text.h"
#include "codec/json.h"
#include "codec/walk.h"

namespace drover::codec {
namespace {

using namespace detail;

value to_dynamic(const type_info& type, const void* p) {
  switch (type.kind) {
    case kind::boolean: return value(as<bool>(p));
    case kind::float64: return value(as<double>(p));
    case kind::string: return value(text_in(type, p));
    case kind::bytes: return as<bytes>(p).empty() ? value() : value(base64_encode(as<bytes>(p).data));
    case kind::duration: return value(as<duration>(p).ns);
    case kind::timestamp: return value(to_rfc3339(as<timestamp>(p)));
    case kind::value: return as<value>(p);
    case kind::optional:
    case kind::shared: {
      const void* element = type.pointer->get(p);
      return element != nullptr ? to_dynamic(type.element(), element) : value();
    }
    case kind::list: {
      if (type.list->size(p) == 0) return {};
      value::list out;
      for (size_t i = 0; i < type.list->size(p); ++i) out.push_back(to_dynamic(type.element(), type.list->at(p, i)));
      return value(std::move(out));
    }
    case kind::map: {
      if (type.map->size(p) == 0) return {};
      value::object out;
      schema::visit_map(type, p, [&](const std::string& key, const void* each) { out.append(key, to_dynamic(type.element(), each)); });
      return value(std::move(out));
    }
    case kind::record: {
      value::object out;
      for (const auto& field : type.record->fields()) {
        if (field.is_any(schema::json_omit_empty | schema::ours) && empty(field.type(), field.in(p))) continue;
        out.append(field.wire, to_dynamic(field.type(), field.in(p)));
      }
      return value(std::move(out));
    }
    default: return is_signed(type.kind) ? value(read_signed(type.kind, p)) : value(read_unsigned(type.kind, p));
  }
}

struct path {
  const path* parent;
  std::string key;
  std::string text() const {
    std::string before = parent != nullptr ? parent->text() : "";
    if (key.empty() || before.empty() || key[0] == '[') return before + key;
    return before + "." + key;
  }
};

std::unexpected<error> mismatch(const path& at, std::string_view wanted, const value& got) {
  return fail(errc::invalid, "{}: expected {}, not {}", at.text(), wanted, got.kind());
}

result<> read(const value& v, const type_info& type, void* p, const path& at, int depth);

result<> read_container(const value& v, const type_info& type, void* p, const path& at, int depth) {
  if (type.kind == kind::list) {
    auto* list = v.as_list();
    if (list == nullptr) return mismatch(at, "a list", v);
    type.list->clear(p);
    for (size_t i = 0; i < list->size(); ++i) {
      void* slot = type.list->append(p);
      TRY(read((*list)[i], type.element(), slot, path{&at, fmt::format("[{}]", i)}, depth + 1));
    }
    return {};
  }
  auto* object = v.as_object();
  if (object == nullptr) return mismatch(at, "an object", v);
  if (type.kind == kind::map) type.map->clear(p);
  for (const auto& [key, each] : *object) {
    if (type.kind == kind::map) {
      TRY(read(each, type.element(), type.map->insert(p, key), path{&at, key}, depth + 1));
    } else if (const auto* field = type.record->find(key); field != nullptr) {
      TRY(read(each, field->type(), field->in(p), path{&at, field->wire}, depth + 1));
    }
  }
  return {};
}

result<> read_text(const std::string& text, const type_info& type, void* p, const path& at) {
  auto store = [&](auto parsed, auto& to) -> result<> {
    if (!parsed) return wrap(std::move(parsed).error(), at.text());
    to = *std::move(parsed);
    return {};
  };
  switch (type.kind) {
    case kind::string: set_text(type, p, text); return {};
    case kind::bytes: return store(base64_decode(text), as<bytes>(p).data);
    case kind::duration: return store(parse_duration(text), as<duration>(p));
    case kind::timestamp: return store(parse_rfc3339(text), as<timestamp>(p));
    default: return fail(errc::invalid, "{}: expected {}, not string", at.text(), type.kind == kind::boolean ? "a boolean" : "a number");
  }
}

result<> read(const value& v, const type_info& type, void* p, const path& at, int depth) {
  if (depth > depth_max) return fail(errc::invalid, "{}: exceeded max depth of {}", at.text(), depth_max);
  if (type.kind == kind::value) return as<value>(p) = v, result<>{};
  if (v.is_null()) return {};
  switch (type.kind) {
    case kind::optional:
    case kind::shared: return read(v, type.element(), type.pointer->emplace(p), at, depth);
    case kind::list:
    case kind::map:
    case kind::record: return read_container(v, type, p, at, depth);
    default: break;
  }
  if (auto* text = v.as_string()) return read_text(*text, type, p, at);
  if (auto* raw = v.as_bytes(); raw != nullptr && type.kind == kind::bytes) return as<bytes>(p) = *raw, result<>{};
  if (type.kind == kind::boolean) {
    if (v.as_bool() == nullptr) return mismatch(at, "a boolean", v);
    return as<bool>(p) = *v.as_bool(), result<>{};
  }
  double number;
  if (type.kind == kind::string || type.kind == kind::bytes || type.kind == kind::timestamp) return mismatch(at, "a string", v);
  if (!v.number(number)) return mismatch(at, "a number", v);
  if (type.kind == kind::float64) return as<double>(p) = number, result<>{};
  if (v.as_int() == nullptr && (number != static_cast<double>(static_cast<int64_t>(number)) || number > 9e18 || number < -9e18))
    return fail(errc::invalid, "{}: {} is no whole number", at.text(), number);
  __int128 whole = v.as_int() != nullptr ? *v.as_int() : static_cast<int64_t>(number);
  if (!store_integer(type.kind, p, whole)) return fail(errc::invalid, "{}: the number is out of range", at.text());
  return {};
}

}  // namespace

value to_value(schema::record_view record) { return to_dynamic(*record.type, record.data); }

result<> from_value(const value& v, schema::record_slot record) { return read(v, *record.type, record.data, path{nullptr, {}}, 0); }

}  // namespace drover::codec
