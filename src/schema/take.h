// Takes a record out of a ref that nobody else holds, instead of copying it.
#pragma once

#include <utility>

#include "schema/fwd.h"

namespace drover::schema {

// Requires: where this is the only owner, the record was made as a plain T (std::make_shared<T>, as decoders do), not as a const one.
template <class T>
T take(ref<T> record) {
  if (record.use_count() == 1) return std::move(const_cast<T&>(*record));
  return *record;
}

}  // namespace drover::schema
