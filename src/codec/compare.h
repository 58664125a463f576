// Equality, hashing and copying of any described value by walking it. Pure and thread-safe.
#pragma once

#include <cstdint>

#include "schema/describe.h"

namespace drover::codec {

// Fields with any of `ignore`'s flags are left out (diff_ignore: "did a person change it?").
bool equal(schema::record_view a, schema::record_view b, uint32_t ignore = schema::no_flags);
template <class T>
bool equal(const T& a, const T& b, uint32_t ignore = schema::no_flags) {
  return equal(schema::view(a), schema::view(b), ignore);
}

// Stable between runs and machines (used for computed classes and idempotency).
uint64_t hash(schema::record_view record, uint32_t ignore = schema::no_flags);

// Zero, null, empty; for records: every field is.
bool is_empty(schema::record_view record);

}  // namespace drover::codec
