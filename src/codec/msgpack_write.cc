#include <bit>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "codec/msgpack.h"
#include "codec/msgpack_time.h"
#include "codec/msgpack_value.h"
#include "codec/sink.h"
#include "codec/walk.h"

namespace drover::codec {
namespace {

using namespace detail;

constexpr uint8_t nil = 0xc0;
// Of our own: bytes in a place where anything may be. The wire has only one raw type, which is read as text.
constexpr uint8_t bytes_extension = 0;

void put_unsigned(sink& out, uint64_t n) {
  if (n < 0x80) {
    out.byte(static_cast<uint8_t>(n));
  } else if (n <= UINT8_MAX) {
    out.tagged(0xcc, static_cast<uint8_t>(n));
  } else if (n <= UINT16_MAX) {
    out.tagged(0xcd, static_cast<uint16_t>(n));
  } else if (n <= UINT32_MAX) {
    out.tagged(0xce, static_cast<uint32_t>(n));
  } else {
    out.tagged(0xcf, n);
  }
}

// Signed kinds stay signed on the wire, in the smallest form, also when positive (as Go's codec writes an int).
void put_signed(sink& out, int64_t n) {
  if (n >= -32 && n < 128) {
    out.byte(static_cast<uint8_t>(n));
  } else if (n >= INT8_MIN && n <= INT8_MAX) {
    out.tagged(0xd0, static_cast<uint8_t>(n));
  } else if (n >= INT16_MIN && n <= INT16_MAX) {
    out.tagged(0xd1, static_cast<uint16_t>(n));
  } else if (n >= INT32_MIN && n <= INT32_MAX) {
    out.tagged(0xd2, static_cast<uint32_t>(n));
  } else {
    out.tagged(0xd3, static_cast<uint64_t>(n));
  }
}

void put_raw(sink& out, std::string_view text) {
  if (text.size() < 32) {
    out.byte(static_cast<uint8_t>(0xa0 | text.size()));
  } else if (text.size() <= UINT16_MAX) {
    out.tagged(0xda, static_cast<uint16_t>(text.size()));
  } else {
    out.tagged(0xdb, static_cast<uint32_t>(text.size()));
  }
  out.bytes(text);
}

void put_count(sink& out, size_t count, uint8_t fixed, uint8_t wide16, uint8_t wide32) {
  if (count < 16) {
    out.byte(static_cast<uint8_t>(fixed | count));
  } else if (count <= UINT16_MAX) {
    out.tagged(wide16, static_cast<uint16_t>(count));
  } else {
    out.tagged(wide32, static_cast<uint32_t>(count));
  }
}
void put_array(sink& out, size_t count) { put_count(out, count, 0x90, 0xdc, 0xdd); }
void put_map(sink& out, size_t count) { put_count(out, count, 0x80, 0xde, 0xdf); }

void put_time(sink& out, timestamp t) {
  int64_t unix_second = t.unix_seconds();
  auto nanosecond = t.is_zero() ? 0u : static_cast<uint32_t>(t.ns - unix_second * 1'000'000'000);
  out.byte(static_cast<uint8_t>(0xa0 | go_time_size));
  out.tagged(0x01, static_cast<uint64_t>(unix_second + year_one_to_epoch));
  out.byte(static_cast<uint8_t>(nanosecond >> 24));
  out.byte(static_cast<uint8_t>(nanosecond >> 16));
  out.byte(static_cast<uint8_t>(nanosecond >> 8));
  out.byte(static_cast<uint8_t>(nanosecond));
  out.byte(0xff);
  out.byte(0xff);
}

void put_double(sink& out, double d) { out.tagged(0xcb, std::bit_cast<uint64_t>(d)); }

struct style {
  // Our own log and snapshots: without what a new record has anyway, and bytes stay bytes everywhere.
  bool lean = false;
};

void put(sink& out, const value& v, style s) {
  if (auto* b = v.as_bool()) {
    out.byte(*b ? 0xc3 : 0xc2);
  } else if (auto* n = v.as_int()) {
    put_signed(out, *n);
  } else if (auto* d = v.as_double()) {
    put_double(out, *d);
  } else if (auto* text = v.as_string()) {
    put_raw(out, *text);
  } else if (auto* raw = v.as_bytes()) {
    if (!s.lean) return put_raw(out, raw->data);
    out.tagged(0xc9, static_cast<uint32_t>(raw->data.size()));
    out.byte(bytes_extension);
    out.bytes(raw->data);
  } else if (auto* l = v.as_list()) {
    put_array(out, l->size());
    for (const auto& each : *l) put(out, each, s);
  } else if (auto* o = v.as_object()) {
    put_map(out, o->size());
    for (const auto& [key, each] : *o) put_raw(out, key), put(out, each, s);
  } else {
    out.byte(nil);
  }
}

// A field as it is written: its name is encoded already.
struct planned_field {
  std::string key;
  const type_info* type;
  uint32_t offset;
  bool ours;
  bool starts_empty;  // in a new record
  const void* in(const void* record) const { return static_cast<const char*>(record) + offset; }
};

struct record_plan {
  std::vector<planned_field> fields;
  const void* fresh;  // the default record; never destroyed
};

record_plan make_plan(const type_info& type) {
  record_plan out{{}, type.create()};
  for (const auto& field : type.record->fields()) {
    if (field.is(schema::json_only)) continue;
    planned_field made{{}, &field.type(), field.offset, field.is(schema::ours), empty(field.type(), field.in(out.fresh))};
    {
      sink key(made.key);
      put_raw(key, field.wire);
    }
    out.fields.push_back(std::move(made));
  }
  return out;
}

// Made once for the whole process; each thread remembers where it is.
const record_plan& plan_of(const type_info& type) {
  using table = std::unordered_map<const type_info*, const record_plan*>;
  thread_local table known;
  auto [here, unknown] = known.try_emplace(&type);
  if (unknown) {
    static std::mutex mutex;
    static auto* all = new table;
    std::lock_guard lock(mutex);
    auto [it, fresh] = all->try_emplace(&type);
    if (fresh) it->second = new record_plan(make_plan(type));
    here->second = it->second;
  }
  return *here->second;
}

// Most fields of most records: nothing in them, as in a new one.
bool is_as_new(const planned_field& field, const void* p, const void* fresh) {
  const auto& type = *field.type;
  if (field.starts_empty && type.kind != kind::record) return empty(type, p);
  return same(type, p, fresh, schema::no_flags);
}

void put(sink& out, const type_info& type, const void* p, style s);

void put_lean_record(sink& out, const type_info& type, const void* p) {
  const auto& plan = plan_of(type);
  // Room for the widest count; the number of fields is known only at the end.
  const size_t at = out.size();
  out.tagged(0xde, uint16_t{0});
  uint16_t count = 0;
  for (const auto& field : plan.fields) {
    if (is_as_new(field, field.in(p), field.in(plan.fresh))) continue;
    ++count;
    out.bytes(field.key);
    put(out, *field.type, field.in(p), {.lean = true});
  }
  out.put_back(at + 1, count);
}

void put_record(sink& out, const type_info& type, const void* p, style s) {
  if (s.lean) return put_lean_record(out, type, p);
  const auto& plan = plan_of(type);
  auto left_out = [p](const planned_field& field) { return field.ours && empty(*field.type, field.in(p)); };
  size_t count = 0;
  for (const auto& field : plan.fields) count += !left_out(field);
  put_map(out, count);
  for (const auto& field : plan.fields) {
    if (left_out(field)) continue;
    out.bytes(field.key);
    put(out, *field.type, field.in(p), s);
  }
}

void put_list(sink& out, const type_info& type, const void* p, style s) {
  const size_t size = type.list->size(p);
  if (size == 0) return out.byte(nil);
  put_array(out, size);
  const auto& element = type.element();
  for (size_t i = 0; i < size; ++i) put(out, element, type.list->at(p, i), s);
}

void put_map_of(sink& out, const type_info& type, const void* p, style s) {
  const size_t size = type.map->size(p);
  if (size == 0) return out.byte(nil);
  put_map(out, size);
  const auto& element = type.element();
  schema::visit_map(type, p, [&](const std::string& key, const void* each) {
    put_raw(out, key);
    put(out, element, each, s);
  });
}

void put(sink& out, const type_info& type, const void* p, style s) {
  switch (type.kind) {
    case kind::boolean: return out.byte(as<bool>(p) ? 0xc3 : 0xc2);
    case kind::float64: return put_double(out, as<double>(p));
    case kind::string: return put_raw(out, text_in(type, p));
    case kind::bytes: return as<bytes>(p).empty() ? out.byte(nil) : put_raw(out, as<bytes>(p).data);
    case kind::duration: return put_signed(out, as<duration>(p).ns);
    case kind::timestamp: return put_time(out, as<timestamp>(p));
    case kind::value: return put(out, as<value>(p), s);
    case kind::optional:
    case kind::shared:
      if (const void* element = type.pointer->get(p)) return put(out, type.element(), element, s);
      return out.byte(nil);
    case kind::list: return put_list(out, type, p, s);
    case kind::map: return put_map_of(out, type, p, s);
    case kind::record: return put_record(out, type, p, s);
    default:
      if (is_signed(type.kind)) return put_signed(out, read_signed(type.kind, p));
      return put_unsigned(out, read_unsigned(type.kind, p));
  }
}

}  // namespace

void append_msgpack(std::string& out, schema::record_view record) {
  sink to(out);
  put(to, *record.type, record.data, {});
}
void append_lean_msgpack(std::string& out, schema::record_view record) {
  sink to(out);
  put(to, *record.type, record.data, {.lean = true});
}

std::string value_to_msgpack(const value& v) {
  std::string out;
  {
    sink to(out);
    put(to, v, {});
  }
  return out;
}

std::string to_msgpack(schema::record_view record) {
  std::string out;
  append_msgpack(out, record);
  return out;
}

}  // namespace drover::codec
