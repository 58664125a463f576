// The description of a type at run time: how codecs, equality, diff, HCL decoding and redaction walk a record without naming its fields.
//
// A record is described once, in its .cc, with DESCRIBE(); everything else is ordinary code over type_info, compiled once
// (docs/adr/0002-reflection.md). Descriptions are immutable, made on first use, and live for the whole process: any thread may use them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "base/value.h"

namespace drover::schema {

enum class kind : uint8_t {
  boolean,
  int8,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  float64,
  string,
  bytes,
  duration,
  timestamp,
  value,     // drover::value, any shape
  optional,  // std::optional<element>: absent is null on the wire
  shared,    // std::shared_ptr<const element>: absent is null on the wire
  list,      // std::vector<element>; empty is null on the wire unless the field says empty_list
  map,       // std::map<std::string, element>; empty is null on the wire
  record,
};

enum field_flag : uint32_t {
  no_flags = 0,
  redacted = 1 << 0,         // a secret: never in logs, events, debug archives or diffs
  diff_ignore = 1 << 1,      // bookkeeping: no part of what a person changed
  json_omit_empty = 1 << 2,  // left out of JSON when zero, null or empty
  json_only = 1 << 3,        // known to the HTTP API, not to the RPC wire or the log
  empty_list = 1 << 4,       // an empty list or map is [] or {} in JSON, not null
  duration_text = 1 << 5,    // a duration that JSON shows as "1h0m0s"
  ours = 1 << 6,             // Nomad has no such field: left out everywhere while zero, null or empty
};

struct type_info;
using type_getter = const type_info& (*)();

// As written in DESCRIBE.
struct field_description {
  std::string_view name;
  std::string_view wire;  // empty: by rule, see wire_name()
  type_getter type;
  uint32_t offset;
  uint32_t flags;
};
struct base_description {
  type_getter type;
  uint32_t offset;
};

// As walked: inherited fields inlined, wire names resolved, sorted by wire name.
struct field_info {
  std::string name;  // C++ member and HCL name
  std::string wire;  // JSON and msgpack key
  type_getter type_of;
  uint32_t offset;
  uint32_t flags;
  const type_info& type() const { return type_of(); }
  bool is(field_flag f) const { return (flags & f) != 0; }
  bool is_any(uint32_t of) const { return (flags & of) != 0; }
  const void* in(const void* record) const { return static_cast<const char*>(record) + offset; }
  void* in(void* record) const { return static_cast<char*>(record) + offset; }
};

class record_info {
 public:
  record_info(std::span<const field_description> fields, std::span<const base_description> bases);
  // Sorted by wire name.
  std::span<const field_info> fields() const { return fields_; }
  // Any case, as Nomad decodes JSON. Null if there is none.
  const field_info* find(std::string_view wire) const;
  const field_info* find_member(std::string_view name) const;

 private:
  std::vector<field_info> fields_;
  std::vector<uint16_t> slots_;  // open addressing; index + 1
};

struct list_operations {
  size_t (*size)(const void*);
  const void* (*at)(const void*, size_t);
  void* (*append)(void*);  // a new default element at the end
  void (*clear)(void*);
  void (*reserve)(void*, size_t);
};
struct map_operations {
  size_t (*size)(const void*);
  void (*visit)(const void*, void* context, void (*each)(void* context, const std::string& key, const void* element));
  const void* (*find)(const void*, const std::string& key);
  void* (*insert)(void*, std::string key);  // the element, made if there was none
  void (*clear)(void*);
};
// optional and shared
struct pointer_operations {
  const void* (*get)(const void*);  // null when absent
  void* (*emplace)(void*);          // a new default element
  void (*reset)(void*);
  // Shared only (null for optional): another owner of the element.
  std::shared_ptr<const void> (*share)(const void*) = nullptr;
};

struct type_info {
  schema::kind kind;
  std::string_view name;  // a record's wire name ("TaskGroup"); empty otherwise
  uint32_t size;
  type_getter element = nullptr;
  const record_info* record = nullptr;
  const list_operations* list = nullptr;
  const map_operations* map = nullptr;
  const pointer_operations* pointer = nullptr;
  void* (*create)() = nullptr;  // new T()
  void (*destroy)(void*) = nullptr;
  void (*assign)(void* to, const void* from) = nullptr;
};

// snake_case member -> wire name: "memory_max_mb" -> "MemoryMaxMB", "id" -> "ID", "namespace_" -> "Namespace".
std::string wire_name(std::string_view member);

template <class T>
const type_info& type_of();

// A record and its description together: how type-erased calls (rpc, codec) pass values. Does not own.
struct record_view {
  const type_info* type = nullptr;
  const void* data = nullptr;
};
struct record_slot {
  const type_info* type = nullptr;
  void* data = nullptr;
};
template <class T>
record_view view(const T& record) {
  return {&type_of<T>(), &record};
}
template <class T>
record_slot slot(T& record) {
  return {&type_of<T>(), &record};
}

namespace detail {

template <class T>
constexpr void fill_common(type_info& info) {
  info.size = sizeof(T);
  info.create = [] -> void* { return new T(); };
  info.destroy = [](void* p) { delete static_cast<T*>(p); };
  info.assign = [](void* to, const void* from) { *static_cast<T*>(to) = *static_cast<const T*>(from); };
}

template <class T>
struct described {
  static const type_info& get() { return T::describe(); }
};

template <class T, kind K>
struct described_scalar {
  static const type_info& get() {
    static const type_info info = [] {
      type_info i{.kind = K, .name = {}, .size = 0};
      fill_common<T>(i);
      return i;
    }();
    return info;
  }
};
template <>
struct described<bool> : described_scalar<bool, kind::boolean> {};
template <>
struct described<int8_t> : described_scalar<int8_t, kind::int8> {};
template <>
struct described<int32_t> : described_scalar<int32_t, kind::int32> {};
template <>
struct described<int64_t> : described_scalar<int64_t, kind::int64> {};
template <>
struct described<uint8_t> : described_scalar<uint8_t, kind::uint8> {};
template <>
struct described<uint16_t> : described_scalar<uint16_t, kind::uint16> {};
template <>
struct described<uint32_t> : described_scalar<uint32_t, kind::uint32> {};
template <>
struct described<uint64_t> : described_scalar<uint64_t, kind::uint64> {};
template <>
struct described<double> : described_scalar<double, kind::float64> {};
template <>
struct described<std::string> : described_scalar<std::string, kind::string> {};
template <>
struct described<drover::bytes> : described_scalar<drover::bytes, kind::bytes> {};
template <>
struct described<drover::duration> : described_scalar<drover::duration, kind::duration> {};
template <>
struct described<drover::timestamp> : described_scalar<drover::timestamp, kind::timestamp> {};
template <>
struct described<drover::value> : described_scalar<drover::value, kind::value> {};

template <class T>
struct described<std::optional<T>> {
  static const type_info& get() {
    using self = std::optional<T>;
    static constexpr pointer_operations operations = {
        [](const void* p) -> const void* {
          auto& o = *static_cast<const self*>(p);
          return o.has_value() ? &*o : nullptr;
        },
        [](void* p) -> void* { return &static_cast<self*>(p)->emplace(); },
        [](void* p) { static_cast<self*>(p)->reset(); },
    };
    static const type_info info = [] {
      type_info i{.kind = kind::optional, .name = {}, .size = 0, .element = &described<T>::get, .pointer = &operations};
      fill_common<self>(i);
      return i;
    }();
    return info;
  }
};

template <class T>
struct described<std::shared_ptr<const T>> {
  static const type_info& get() {
    using self = std::shared_ptr<const T>;
    static constexpr pointer_operations operations = {
        [](const void* p) -> const void* { return static_cast<const self*>(p)->get(); },
        [](void* p) -> void* {
          auto made = std::make_shared<T>();
          T* raw = made.get();
          *static_cast<self*>(p) = std::move(made);
          return raw;
        },
        [](void* p) { static_cast<self*>(p)->reset(); },
        [](const void* p) -> std::shared_ptr<const void> { return *static_cast<const self*>(p); },
    };
    static const type_info info = [] {
      type_info i{.kind = kind::shared, .name = {}, .size = 0, .element = &described<T>::get, .pointer = &operations};
      fill_common<self>(i);
      return i;
    }();
    return info;
  }
};

template <class T>
struct described<std::vector<T>> {
  static const type_info& get() {
    using self = std::vector<T>;
    static constexpr list_operations operations = {
        [](const void* p) { return static_cast<const self*>(p)->size(); },
        [](const void* p, size_t i) -> const void* { return &(*static_cast<const self*>(p))[i]; },
        [](void* p) -> void* { return &static_cast<self*>(p)->emplace_back(); },
        [](void* p) { static_cast<self*>(p)->clear(); },
        [](void* p, size_t n) { static_cast<self*>(p)->reserve(n); },
    };
    static const type_info info = [] {
      type_info i{.kind = kind::list, .name = {}, .size = 0, .element = &described<T>::get, .list = &operations};
      fill_common<self>(i);
      return i;
    }();
    return info;
  }
};

template <class T>
struct described<std::map<std::string, T>> {
  static const type_info& get() {
    using self = std::map<std::string, T>;
    static constexpr map_operations operations = {
        [](const void* p) { return static_cast<const self*>(p)->size(); },
        [](const void* p, void* context, void (*each)(void*, const std::string&, const void*)) {
          for (const auto& [key, element] : *static_cast<const self*>(p)) each(context, key, &element);
        },
        [](const void* p, const std::string& key) -> const void* {
          auto& m = *static_cast<const self*>(p);
          auto it = m.find(key);
          return it == m.end() ? nullptr : &it->second;
        },
        [](void* p, std::string key) -> void* { return &(*static_cast<self*>(p))[std::move(key)]; },
        [](void* p) { static_cast<self*>(p)->clear(); },
    };
    static const type_info info = [] {
      type_info i{.kind = kind::map, .name = {}, .size = 0, .element = &described<T>::get, .map = &operations};
      fill_common<self>(i);
      return i;
    }();
    return info;
  }
};

template <class Derived, class Base>
uint32_t base_offset() {
  auto* derived = reinterpret_cast<Derived*>(uintptr_t{4096});
  return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(static_cast<Base*>(derived)) - 4096);
}

template <class T>
type_info make_record(std::string_view name, const record_info& record) {
  type_info i{.kind = kind::record, .name = name, .size = 0, .record = &record};
  fill_common<T>(i);
  return i;
}

}  // namespace detail

template <class T>
const type_info& type_of() {
  return detail::described<T>::get();
}

// Calls each(key, element) in key order.
template <class F>
void visit_map(const type_info& type, const void* map, F&& each) {
  type.map->visit(map, &each,
                  [](void* context, const std::string& key, const void* element) { (*static_cast<std::remove_reference_t<F>*>(context))(key, element); });
}

// In the struct's body: declares its description.
#define DROVER_RECORD(type) static const ::drover::schema::type_info& describe()

}  // namespace drover::schema
