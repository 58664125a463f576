#include "codec/msgpack.h"

#include <bit>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "codec/json.h"
#include "codec/msgpack_value.h"
#include "codec/walk.h"

namespace drover::codec {
namespace {

using namespace detail;
using namespace std::string_view_literals;

// --- writing

template <class T>
void put_big_endian(std::string& out, T n) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) out += static_cast<char>(n >> shift & 0xff);
}

void put_unsigned(std::string& out, uint64_t n) {
  if (n < 0x80) {
    out += static_cast<char>(n);
  } else if (n <= UINT8_MAX) {
    out += '\xcc', put_big_endian(out, static_cast<uint8_t>(n));
  } else if (n <= UINT16_MAX) {
    out += '\xcd', put_big_endian(out, static_cast<uint16_t>(n));
  } else if (n <= UINT32_MAX) {
    out += '\xce', put_big_endian(out, static_cast<uint32_t>(n));
  } else {
    out += '\xcf', put_big_endian(out, n);
  }
}

// Signed kinds stay signed on the wire, in the smallest form, also when positive (as Go's codec writes an int).
void put_signed(std::string& out, int64_t n) {
  if (n >= -32 && n < 128) {
    out += static_cast<char>(n);
  } else if (n >= INT8_MIN && n <= INT8_MAX) {
    out += '\xd0', put_big_endian(out, static_cast<uint8_t>(n));
  } else if (n >= INT16_MIN && n <= INT16_MAX) {
    out += '\xd1', put_big_endian(out, static_cast<uint16_t>(n));
  } else if (n >= INT32_MIN && n <= INT32_MAX) {
    out += '\xd2', put_big_endian(out, static_cast<uint32_t>(n));
  } else {
    out += '\xd3', put_big_endian(out, static_cast<uint64_t>(n));
  }
}

void put_raw(std::string& out, std::string_view text) {
  if (text.size() < 32) {
    out += static_cast<char>(0xa0 | text.size());
  } else if (text.size() <= UINT16_MAX) {
    out += '\xda', put_big_endian(out, static_cast<uint16_t>(text.size()));
  } else {
    out += '\xdb', put_big_endian(out, static_cast<uint32_t>(text.size()));
  }
  out += text;
}

void put_count(std::string& out, size_t count, uint8_t fixed, char wide16, char wide32) {
  if (count < 16) {
    out += static_cast<char>(fixed | count);
  } else if (count <= UINT16_MAX) {
    out += wide16, put_big_endian(out, static_cast<uint16_t>(count));
  } else {
    out += wide32, put_big_endian(out, static_cast<uint32_t>(count));
  }
}
void put_array(std::string& out, size_t count) { put_count(out, count, 0x90, '\xdc', '\xdd'); }
void put_map(std::string& out, size_t count) { put_count(out, count, 0x80, '\xde', '\xdf'); }

// Go's time.Time.MarshalBinary: version 1, seconds since year 1, nanoseconds, offset in minutes (-1: UTC).
constexpr int64_t year_one_to_epoch = 62135596800;
constexpr size_t go_time_size = 15;

void put_time(std::string& out, timestamp t) {
  int64_t unix_second = t.unix_seconds();
  auto nanosecond = t.is_zero() ? 0u : static_cast<uint32_t>(t.ns - unix_second * 1'000'000'000);
  out += static_cast<char>(0xa0 | go_time_size);
  out += '\x01';
  put_big_endian(out, static_cast<uint64_t>(unix_second + year_one_to_epoch));
  put_big_endian(out, nanosecond);
  out += "\xff\xff";
}

void put_double(std::string& out, double d) { out += '\xcb', put_big_endian(out, std::bit_cast<uint64_t>(d)); }

void put(std::string& out, const value& v) {
  if (auto* b = v.as_bool()) {
    out += *b ? '\xc3' : '\xc2';
  } else if (auto* n = v.as_int()) {
    put_signed(out, *n);
  } else if (auto* d = v.as_double()) {
    put_double(out, *d);
  } else if (auto* s = v.as_string()) {
    put_raw(out, *s);
  } else if (auto* raw = v.as_bytes()) {
    put_raw(out, raw->data);
  } else if (auto* l = v.as_list()) {
    put_array(out, l->size());
    for (const auto& each : *l) put(out, each);
  } else if (auto* o = v.as_object()) {
    put_map(out, o->size());
    for (const auto& [key, each] : *o) put_raw(out, key), put(out, each);
  } else {
    out += '\xc0';
  }
}

struct style {
  bool lean = false;
};

void put(std::string& out, const type_info& type, const void* p, style s);

// The default record of a type, made once for the whole process and never destroyed; each thread remembers where it is.
const void* default_of(const type_info& type) {
  using table = std::unordered_map<const type_info*, const void*>;
  thread_local table known;
  auto [here, unknown] = known.try_emplace(&type);
  if (unknown) {
    static std::mutex mutex;
    static auto* all = new table;
    std::lock_guard lock(mutex);
    auto [it, fresh] = all->try_emplace(&type);
    if (fresh) it->second = type.create();
    here->second = it->second;
  }
  return here->second;
}

void put_lean_record(std::string& out, const type_info& type, const void* p) {
  const void* fresh = default_of(type);
  auto fields = type.record->fields();
  // Room for the widest count; the number of fields is known only at the end.
  size_t at = out.size();
  out += "\xde\0\0"sv;
  size_t count = 0;
  for (const auto& field : fields) {
    if (field.is(schema::json_only) || same(field.type(), field.in(p), field.in(fresh), schema::no_flags)) continue;
    ++count;
    put_raw(out, field.wire);
    put(out, field.type(), field.in(p), {.lean = true});
  }
  out[at + 1] = static_cast<char>(count >> 8);
  out[at + 2] = static_cast<char>(count & 0xff);
}

void put_record(std::string& out, const type_info& type, const void* p, style s) {
  if (s.lean) return put_lean_record(out, type, p);
  auto left_out = [p](const schema::field_info& field) {
    return field.is(schema::json_only) || (field.is(schema::ours) && empty(field.type(), field.in(p)));
  };
  size_t count = 0;
  for (const auto& field : type.record->fields()) count += !left_out(field);
  put_map(out, count);
  for (const auto& field : type.record->fields()) {
    if (left_out(field)) continue;
    put_raw(out, field.wire);
    put(out, field.type(), field.in(p), s);
  }
}

void put(std::string& out, const type_info& type, const void* p, style s) {
  switch (type.kind) {
    case kind::boolean: out += as<bool>(p) ? '\xc3' : '\xc2'; return;
    case kind::float64: return put_double(out, as<double>(p));
    case kind::string: return put_raw(out, text_in(type, p));
    case kind::bytes:
      if (as<bytes>(p).empty()) out += '\xc0';
      else put_raw(out, as<bytes>(p).data);
      return;
    case kind::duration: return put_signed(out, as<duration>(p).ns);
    case kind::timestamp: return put_time(out, as<timestamp>(p));
    case kind::value: return put(out, as<value>(p));
    case kind::optional:
    case kind::shared:
      if (const void* element = type.pointer->get(p)) return put(out, type.element(), element, s);
      out += '\xc0';
      return;
    case kind::list: {
      size_t size = type.list->size(p);
      if (size == 0) {
        out += '\xc0';
        return;
      }
      put_array(out, size);
      const auto& element = type.element();
      for (size_t i = 0; i < size; ++i) put(out, element, type.list->at(p, i), s);
      return;
    }
    case kind::map: {
      size_t size = type.map->size(p);
      if (size == 0) {
        out += '\xc0';
        return;
      }
      put_map(out, size);
      const auto& element = type.element();
      schema::visit_map(type, p, [&](const std::string& key, const void* each) {
        put_raw(out, key);
        put(out, element, each, s);
      });
      return;
    }
    case kind::record: return put_record(out, type, p, s);
    default:
      if (is_signed(type.kind)) return put_signed(out, read_signed(type.kind, p));
      return put_unsigned(out, read_unsigned(type.kind, p));
  }
}

// --- reading

// One object's head, whatever its form.
struct head {
  enum form { nil, boolean, integer, real, raw, array, map, extension } what = nil;
  bool truth = false;
  __int128 number = 0;
  double real_number = 0;
  size_t count = 0;  // raw and extension: bytes that follow; array: objects; map: pairs
  int8_t extension_type = 0;
};

class reader {
 public:
  explicit reader(std::string_view data) : data_(data) {}
  size_t left() const { return data_.size() - at_; }
  bool at_end() const { return at_ == data_.size(); }

  result<head> next() {
    if (at_end()) return short_of_bytes();
    auto tag = static_cast<uint8_t>(data_[at_++]);
    head h;
    if (tag < 0x80 || tag >= 0xe0) return h.what = head::integer, h.number = static_cast<int8_t>(tag), h;
    if (tag < 0x90) return h.what = head::map, h.count = tag & 15u, h;
    if (tag < 0xa0) return h.what = head::array, h.count = tag & 15u, h;
    if (tag < 0xc0) return h.what = head::raw, h.count = tag & 31u, h;
    switch (tag) {
      case 0xc0: return h;
      case 0xc2:
      case 0xc3: return h.what = head::boolean, h.truth = tag == 0xc3, h;
      case 0xc4: return counted<uint8_t>(head::raw);
      case 0xc5: return counted<uint16_t>(head::raw);
      case 0xc6: return counted<uint32_t>(head::raw);
      case 0xc7: return extension<uint8_t>();
      case 0xc8: return extension<uint16_t>();
      case 0xc9: return extension<uint32_t>();
      case 0xca: return real<uint32_t>();
      case 0xcb: return real<uint64_t>();
      case 0xcc: return integer<uint8_t, uint8_t>();
      case 0xcd: return integer<uint16_t, uint16_t>();
      case 0xce: return integer<uint32_t, uint32_t>();
      case 0xcf: return integer<uint64_t, uint64_t>();
      case 0xd0: return integer<uint8_t, int8_t>();
      case 0xd1: return integer<uint16_t, int16_t>();
      case 0xd2: return integer<uint32_t, int32_t>();
      case 0xd3: return integer<uint64_t, int64_t>();
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8: return fixed_extension(size_t{1} << (tag - 0xd4));
      case 0xd9: return counted<uint8_t>(head::raw);
      case 0xda: return counted<uint16_t>(head::raw);
      case 0xdb: return counted<uint32_t>(head::raw);
      case 0xdc: return counted<uint16_t>(head::array);
      case 0xdd: return counted<uint32_t>(head::array);
      case 0xde: return counted<uint16_t>(head::map);
      case 0xdf: return counted<uint32_t>(head::map);
      default: return fail(errc::invalid, "msgpack: byte 0x{:02x} begins no object", tag);
    }
  }

  result<std::string_view> take(size_t count) {
    if (count > left()) return short_of_bytes();
    auto out = data_.substr(at_, count);
    at_ += count;
    return out;
  }

 private:
  std::unexpected<error> short_of_bytes() {
    return fail(errc::invalid, "msgpack: the data ends inside an object");
  }
  template <class T>
  result<T> big_endian() {
    TRY_ASSIGN(auto raw, take(sizeof(T)));
    T n = 0;
    for (char c : raw) n = static_cast<T>(n << 8 | static_cast<uint8_t>(c));
    return n;
  }
  template <class T>
  result<head> counted(head::form form) {
    TRY_ASSIGN(T count, big_endian<T>());
    head h;
    h.what = form;
    h.count = count;
    return h;
  }
  template <class Raw, class T>
  result<head> integer() {
    TRY_ASSIGN(Raw n, big_endian<Raw>());
    head h;
    h.what = head::integer;
    h.number = static_cast<T>(n);
    return h;
  }
  template <class Raw>
  result<head> real() {
    TRY_ASSIGN(Raw n, big_endian<Raw>());
    head h;
    h.what = head::real;
    if constexpr (sizeof(Raw) == 4) h.real_number = std::bit_cast<float>(n);
    else h.real_number = std::bit_cast<double>(n);
    return h;
  }
  template <class T>
  result<head> extension() {
    TRY_ASSIGN(T count, big_endian<T>());
    return fixed_extension(count);
  }
  result<head> fixed_extension(size_t count) {
    TRY_ASSIGN(uint8_t type, big_endian<uint8_t>());
    head h;
    h.what = head::extension;
    h.count = count;
    h.extension_type = static_cast<int8_t>(type);
    return h;
  }

  std::string_view data_;
  size_t at_ = 0;
};

result<> too_deep() { return fail(errc::invalid, "msgpack: nesting is deeper than {}", depth_max); }

// Passes over one object without recursion.
result<> skip(reader& in) {
  // Objects still to pass on each open level.
  size_t open[depth_max + 1];
  int depth = 0;
  open[0] = 1;
  while (depth >= 0) {
    if (open[depth] == 0) {
      --depth;
      continue;
    }
    --open[depth];
    TRY_ASSIGN(head h, in.next());
    if (h.what == head::raw || h.what == head::extension) TRY(in.take(h.count));
    if ((h.what == head::array || h.what == head::map) && h.count > 0) {
      if (depth == depth_max) return too_deep();
      open[++depth] = h.what == head::map ? h.count * 2 : h.count;
    }
  }
  return {};
}

uint64_t big_endian_of(std::string_view raw) {
  uint64_t n = 0;
  for (char c : raw) n = n << 8 | static_cast<uint8_t>(c);
  return n;
}

result<timestamp> make_time(__int128 second, int64_t nanosecond) {
  if (second == -year_one_to_epoch && nanosecond == 0) return timestamp();
  __int128 ns = second * 1'000'000'000 + nanosecond;
  if (ns <= INT64_MIN || ns > INT64_MAX) return fail(errc::invalid, "msgpack: a time is outside the years 1678 to 2262");
  return timestamp(static_cast<int64_t>(ns));
}

result<timestamp> read_time(std::string_view raw) {
  // Version 2 of Go's form has a second of zone offset behind; both start alike.
  if (raw.size() < go_time_size || (raw[0] != 1 && raw[0] != 2)) return fail(errc::invalid, "msgpack: {} bytes are no time", raw.size());
  auto second = static_cast<int64_t>(big_endian_of(raw.substr(1, 8)));
  return make_time(static_cast<__int128>(second) - year_one_to_epoch, static_cast<int64_t>(big_endian_of(raw.substr(9, 4))));
}

// The msgpack specification's timestamp extension, type -1.
result<timestamp> read_extension_time(std::string_view raw) {
  if (raw.size() == 4) return make_time(static_cast<int64_t>(big_endian_of(raw)), 0);
  if (raw.size() == 8) {
    uint64_t n = big_endian_of(raw);
    return make_time(static_cast<int64_t>(n & 0x3ffffffffull), static_cast<int64_t>(n >> 34));
  }
  if (raw.size() == 12)
    return make_time(static_cast<int64_t>(big_endian_of(raw.substr(4))), static_cast<int64_t>(big_endian_of(raw.substr(0, 4))));
  return fail(errc::invalid, "msgpack: a timestamp has {} bytes", raw.size());
}

// How far ahead a record's next field is looked for before its name is hashed.
constexpr size_t fields_guessed_max = 8;

class decoder {
 public:
  explicit decoder(std::string_view data) : in_(data) {}
  reader& in() { return in_; }

  result<> read(const type_info& type, void* p, int depth) {
    if (depth > depth_max) return too_deep();
    if (type.kind == kind::value) return read_value(as<value>(p), depth);
    TRY_ASSIGN(head h, in_.next());
    if (h.what == head::nil) return set_nil(type, p);
    return read_headed(type, p, h, depth);
  }

 private:
  static result<> set_nil(const type_info& type, void* p) {
    switch (type.kind) {
      case kind::optional:
      case kind::shared: type.pointer->reset(p); break;
      case kind::list: type.list->clear(p); break;
      case kind::map: type.map->clear(p); break;
      default: break;
    }
    return {};
  }

  static std::unexpected<error> mismatch(std::string_view wanted) { return fail(errc::invalid, "msgpack: expected {}", wanted); }

  result<> read_headed(const type_info& type, void* p, const head& h, int depth) {
    switch (type.kind) {
      case kind::optional:
      case kind::shared: {
        void* element = type.pointer->emplace(p);
        const auto& element_type = type.element();
        if (element_type.kind == kind::value) return mismatch("a plain value");
        return read_headed(element_type, element, h, depth);
      }
      case kind::list: return read_list(type, p, h, depth);
      case kind::map: return read_map(type, p, h, depth);
      case kind::record: return read_record(type, p, h, depth);
      default: return read_scalar(type, p, h);
    }
  }

  result<> read_scalar(const type_info& type, void* p, const head& h) {
    if (h.what == head::raw) {
      TRY_ASSIGN(auto raw, in_.take(h.count));
      if (type.kind == kind::string) return set_text(type, p, raw), result<>{};
      if (type.kind == kind::bytes) return as<bytes>(p).data = raw, result<>{};
      if (type.kind != kind::timestamp) return mismatch("a number");
      TRY_ASSIGN(as<timestamp>(p), read_time(raw));
      return {};
    }
    if (h.what == head::extension && type.kind == kind::timestamp) {
      TRY_ASSIGN(auto raw, in_.take(h.count));
      TRY_ASSIGN(as<timestamp>(p), read_extension_time(raw));
      return {};
    }
    if (h.what == head::boolean) {
      if (type.kind != kind::boolean) return mismatch("no boolean");
      return as<bool>(p) = h.truth, result<>{};
    }
    if (h.what == head::real) {
      if (type.kind != kind::float64) return mismatch("no fraction");
      return as<double>(p) = h.real_number, result<>{};
    }
    if (h.what != head::integer || !store_integer(type.kind, p, h.number)) return mismatch("another type or a smaller number");
    return {};
  }

  result<> read_list(const type_info& type, void* p, const head& h, int depth) {
    if (h.what != head::array) return mismatch("a list");
    type.list->clear(p);
    // Every object has at least a byte: a count that lies cannot make us allocate more than it sent.
    type.list->reserve(p, std::min(h.count, in_.left()));
    const auto& element = type.element();
    for (size_t i = 0; i < h.count; ++i) {
      void* slot = type.list->append(p);
      TRY(read(element, slot, depth + 1));
      // Who walks a list of shared records looks for no null.
      if (element.kind == kind::shared && element.pointer->get(slot) == nullptr) element.pointer->emplace(slot);
    }
    return {};
  }

  result<std::string_view> read_key() {
    TRY_ASSIGN(head h, in_.next());
    if (h.what != head::raw) return mismatch("a text key");
    return in_.take(h.count);
  }

  result<> read_map(const type_info& type, void* p, const head& h, int depth) {
    if (h.what != head::map) return mismatch("a map");
    type.map->clear(p);
    const auto& element = type.element();
    for (size_t i = 0; i < h.count; ++i) {
      TRY_ASSIGN(auto key, read_key());
      TRY(read(element, type.map->insert(p, std::string(key)), depth + 1));
    }
    return {};
  }

  // What we wrote comes in the order of the fields, perhaps with gaps: one of the next is found without its hash.
  static const schema::field_info* next_field(const schema::record_info& record, std::string_view key, size_t& guess) {
    const auto fields = record.fields();
    const size_t end = std::min(fields.size(), guess + fields_guessed_max);
    for (size_t i = guess; i < end; ++i)
      if (fields[i].wire == key) {
        guess = i + 1;
        return &fields[i];
      }
    return record.find(key);
  }

  result<> read_record(const type_info& type, void* p, const head& h, int depth) {
    if (h.what != head::map) return fail(errc::invalid, "msgpack: expected a map for {}", type.name);
    size_t guess = 0;
    for (size_t i = 0; i < h.count; ++i) {
      TRY_ASSIGN(auto key, read_key());
      const auto* field = next_field(*type.record, key, guess);
      if (field == nullptr || field->is(schema::json_only)) {
        TRY(skip(in_));
        continue;
      }
      if (auto done = read(field->type(), field->in(p), depth + 1); !done)
        return wrap(std::move(done).error(), fmt::format("{}.{}", type.name, field->wire));
    }
    return {};
  }

  result<> read_value(value& out, int depth) {
    if (depth > depth_max) return too_deep();
    TRY_ASSIGN(head h, in_.next());
    switch (h.what) {
      case head::nil: out = value(); return {};
      case head::boolean: out = value(h.truth); return {};
      case head::integer: out = h.number > INT64_MAX ? value(static_cast<uint64_t>(h.number)) : value(static_cast<int64_t>(h.number)); return {};
      case head::real: out = value(h.real_number); return {};
      case head::raw: {
        TRY_ASSIGN(auto raw, in_.take(h.count));
        out = value(raw);
        return {};
      }
      case head::extension: {
        TRY_ASSIGN(auto raw, in_.take(h.count));
        out = value(bytes(std::string(raw)));
        return {};
      }
      case head::array: {
        value::list list;
        list.reserve(std::min(h.count, in_.left()));
        for (size_t i = 0; i < h.count; ++i) TRY(read_value(list.emplace_back(), depth + 1));
        out = value(std::move(list));
        return {};
      }
      case head::map: {
        value::object object;
        for (size_t i = 0; i < h.count; ++i) {
          TRY_ASSIGN(auto key, read_key());
          value each;
          TRY(read_value(each, depth + 1));
          object.append(std::string(key), std::move(each));
        }
        out = value(std::move(object));
        return {};
      }
    }
    return {};
  }

  reader in_;
};

}  // namespace

void append_msgpack(std::string& out, schema::record_view record) { put(out, *record.type, record.data, {}); }
void append_lean_msgpack(std::string& out, schema::record_view record) { put(out, *record.type, record.data, {.lean = true}); }

std::string value_to_msgpack(const value& v) {
  std::string out;
  put(out, v);
  return out;
}

std::string to_msgpack(schema::record_view record) {
  std::string out;
  append_msgpack(out, record);
  return out;
}

result<> from_msgpack(std::string_view data, schema::record_slot record) {
  decoder d(data);
  TRY(d.read(*record.type, record.data, 0));
  if (!d.in().at_end()) return fail(errc::invalid, "msgpack: {} bytes follow the object", d.in().left());
  return {};
}

}  // namespace drover::codec
