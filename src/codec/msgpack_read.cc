#include "codec/msgpack.h"

#include <algorithm>
#include <bit>
#include <string_view>

#include "codec/json.h"
#include "codec/msgpack_time.h"
#include "codec/msgpack_value.h"
#include "codec/walk.h"

namespace drover::codec {
namespace {

using namespace detail;

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
  std::unexpected<error> short_of_bytes() { return fail(errc::invalid, "msgpack: the data ends inside an object"); }
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
  if (raw.size() == 12) return make_time(static_cast<int64_t>(big_endian_of(raw.substr(4))), static_cast<int64_t>(big_endian_of(raw.substr(0, 4))));
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
      if (auto done = read(field->type(), field->in(p), depth + 1); !done) return wrap(std::move(done).error(), fmt::format("{}.{}", type.name, field->wire));
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

result<> from_msgpack(std::string_view data, schema::record_slot record) {
  decoder d(data);
  TRY(d.read(*record.type, record.data, 0));
  if (!d.in().at_end()) return fail(errc::invalid, "msgpack: {} bytes follow the object", d.in().left());
  return {};
}

}  // namespace drover::codec
