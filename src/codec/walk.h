// What the walkers of this room share. Not for other rooms.
#pragma once

#include <cstdint>
#include <limits>

#include "schema/describe.h"

namespace drover::codec::detail {

using schema::kind;
using schema::type_info;

template <class T>
const T& as(const void* p) {
  return *static_cast<const T*>(p);
}
template <class T>
T& as(void* p) {
  return *static_cast<T*>(p);
}

// Of a kind::string: a std::string, or a schema::shared_text, which leads to one.
inline const std::string& text_in(const type_info& type, const void* p) { return as<std::string>(type.pointer ? type.pointer->get(p) : p); }
inline void set_text(const type_info& type, void* p, std::string_view text) {
  if (type.pointer && text.empty()) return type.pointer->reset(p);
  as<std::string>(type.pointer ? type.pointer->emplace(p) : p) = text;
}

// Reads any signed integer kind. Requires: the kind is one of int8 int32 int64.
inline int64_t read_signed(kind k, const void* p) {
  switch (k) {
    case kind::int8: return as<int8_t>(p);
    case kind::int32: return as<int32_t>(p);
    default: return as<int64_t>(p);
  }
}
// Requires: the kind is one of uint8 uint16 uint32 uint64.
inline uint64_t read_unsigned(kind k, const void* p) {
  switch (k) {
    case kind::uint8: return as<uint8_t>(p);
    case kind::uint16: return as<uint16_t>(p);
    case kind::uint32: return as<uint32_t>(p);
    default: return as<uint64_t>(p);
  }
}

template <class T>
bool store_checked(void* p, __int128 n) {
  if (n < std::numeric_limits<T>::min() || n > std::numeric_limits<T>::max()) return false;
  as<T>(p) = static_cast<T>(n);
  return true;
}

// False when the number does not fit the kind, or the kind holds no integer.
inline bool store_integer(kind k, void* p, __int128 n) {
  switch (k) {
    case kind::int8: return store_checked<int8_t>(p, n);
    case kind::int32: return store_checked<int32_t>(p, n);
    case kind::int64: return store_checked<int64_t>(p, n);
    case kind::uint8: return store_checked<uint8_t>(p, n);
    case kind::uint16: return store_checked<uint16_t>(p, n);
    case kind::uint32: return store_checked<uint32_t>(p, n);
    case kind::uint64: return store_checked<uint64_t>(p, n);
    case kind::duration: return store_checked<int64_t>(&as<duration>(p).ns, n);
    case kind::float64: return as<double>(p) = static_cast<double>(n), true;
    default: return false;
  }
}

inline bool is_signed(kind k) { return k == kind::int8 || k == kind::int32 || k == kind::int64; }
inline bool is_unsigned(kind k) { return k == kind::uint8 || k == kind::uint16 || k == kind::uint32 || k == kind::uint64; }

bool empty(const type_info& type, const void* p);
// Fields with any of `ignore`'s flags are left out.
bool same(const type_info& type, const void* a, const void* b, uint32_t ignore);

}  // namespace drover::codec::detail
