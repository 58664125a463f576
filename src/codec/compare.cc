#include "codec/compare.h"

#include <bit>

#include "codec/walk.h"

namespace drover::codec {
namespace detail {

bool empty(const type_info& type, const void* p) {
  switch (type.kind) {
    case kind::boolean: return !as<bool>(p);
    case kind::float64: return as<double>(p) == 0;
    case kind::string: return text_in(type, p).empty();
    case kind::bytes: return as<bytes>(p).empty();
    case kind::duration: return as<duration>(p).ns == 0;
    case kind::timestamp: return as<timestamp>(p).is_zero();
    case kind::value: return as<value>(p).is_null();
    case kind::optional:
    case kind::shared: return type.pointer->get(p) == nullptr;
    case kind::list: return type.list->size(p) == 0;
    case kind::map: return type.map->size(p) == 0;
    case kind::record:
      for (const auto& field : type.record->fields())
        if (!empty(field.type(), field.in(p))) return false;
      return true;
    default: return is_signed(type.kind) ? read_signed(type.kind, p) == 0 : read_unsigned(type.kind, p) == 0;
  }
}

namespace {

bool same_map(const type_info& type, const void* a, const void* b, uint32_t ignore) {
  if (type.map->size(a) != type.map->size(b)) return false;
  bool equal_so_far = true;
  schema::visit_map(type, a, [&](const std::string& key, const void* element) {
    if (!equal_so_far) return;
    const void* other = type.map->find(b, key);
    equal_so_far = other != nullptr && same(type.element(), element, other, ignore);
  });
  return equal_so_far;
}

}  // namespace

bool same(const type_info& type, const void* a, const void* b, uint32_t ignore) {
  switch (type.kind) {
    case kind::boolean: return as<bool>(a) == as<bool>(b);
    case kind::float64: return as<double>(a) == as<double>(b);
    case kind::string: return text_in(type, a) == text_in(type, b);
    case kind::bytes: return as<bytes>(a) == as<bytes>(b);
    case kind::duration: return as<duration>(a) == as<duration>(b);
    case kind::timestamp: return as<timestamp>(a) == as<timestamp>(b);
    case kind::value: return as<value>(a) == as<value>(b);
    case kind::optional:
    case kind::shared: {
      const void* x = type.pointer->get(a);
      const void* y = type.pointer->get(b);
      if (x == y) return true;
      return x != nullptr && y != nullptr && same(type.element(), x, y, ignore);
    }
    case kind::list: {
      size_t size = type.list->size(a);
      if (size != type.list->size(b)) return false;
      for (size_t i = 0; i < size; ++i)
        if (!same(type.element(), type.list->at(a, i), type.list->at(b, i), ignore)) return false;
      return true;
    }
    case kind::map: return same_map(type, a, b, ignore);
    case kind::record:
      for (const auto& field : type.record->fields())
        if ((field.flags & ignore) == 0 && !same(field.type(), field.in(a), field.in(b), ignore)) return false;
      return true;
    default: return is_signed(type.kind) ? read_signed(type.kind, a) == read_signed(type.kind, b) : read_unsigned(type.kind, a) == read_unsigned(type.kind, b);
  }
}

namespace {

// FNV-1a, 64 bits: stable everywhere, good enough for classes and change detection, no secret.
struct hasher {
  uint64_t state = 14695981039346656037ull;
  void add(std::string_view text) {
    for (unsigned char c : text) state = (state ^ c) * 1099511628211ull;
    state = (state ^ 0xff) * 1099511628211ull;
  }
  void add(uint64_t n) {
    for (int i = 0; i < 8; ++i) state = (state ^ (n >> (8 * i) & 0xff)) * 1099511628211ull;
  }
};

void mix(hasher& h, const value& v) {
  h.add(v.kind());
  double number;
  if (auto* b = v.as_bool()) h.add(static_cast<uint64_t>(*b));
  else if (v.number(number)) h.add(std::bit_cast<uint64_t>(number));
  else if (auto* s = v.as_string()) h.add(*s);
  else if (auto* raw = v.as_bytes()) h.add(raw->data);
  else if (auto* l = v.as_list())
    for (const auto& each : *l) mix(h, each);
  else if (auto* o = v.as_object())
    for (const auto& [key, each] : *o) h.add(key), mix(h, each);
}

void mix(hasher& h, const type_info& type, const void* p, uint32_t ignore) {
  switch (type.kind) {
    case kind::boolean: return h.add(static_cast<uint64_t>(as<bool>(p)));
    case kind::float64: return h.add(std::bit_cast<uint64_t>(as<double>(p)));
    case kind::string: return h.add(text_in(type, p));
    case kind::bytes: return h.add(as<bytes>(p).data);
    case kind::duration: return h.add(static_cast<uint64_t>(as<duration>(p).ns));
    case kind::timestamp: return h.add(static_cast<uint64_t>(as<timestamp>(p).ns));
    case kind::value: return mix(h, as<value>(p));
    case kind::optional:
    case kind::shared: {
      const void* element = type.pointer->get(p);
      h.add(static_cast<uint64_t>(element != nullptr));
      if (element != nullptr) mix(h, type.element(), element, ignore);
      return;
    }
    case kind::list:
      h.add(static_cast<uint64_t>(type.list->size(p)));
      for (size_t i = 0; i < type.list->size(p); ++i) mix(h, type.element(), type.list->at(p, i), ignore);
      return;
    case kind::map:
      h.add(static_cast<uint64_t>(type.map->size(p)));
      schema::visit_map(type, p, [&](const std::string& key, const void* element) {
        h.add(key);
        mix(h, type.element(), element, ignore);
      });
      return;
    case kind::record:
      for (const auto& field : type.record->fields())
        if ((field.flags & ignore) == 0) mix(h, field.type(), field.in(p), ignore);
      return;
    default: return h.add(is_signed(type.kind) ? static_cast<uint64_t>(read_signed(type.kind, p)) : read_unsigned(type.kind, p));
  }
}

}  // namespace
}  // namespace detail

bool equal(schema::record_view a, schema::record_view b, uint32_t ignore) { return a.type == b.type && detail::same(*a.type, a.data, b.data, ignore); }

uint64_t hash(schema::record_view record, uint32_t ignore) {
  detail::hasher h;
  detail::mix(h, *record.type, record.data, ignore);
  return h.state;
}

bool is_empty(schema::record_view record) { return detail::empty(*record.type, record.data); }

}  // namespace drover::codec
