// A dynamic value as msgpack, by the same rules as records (codec/msgpack.h): for configuration that goes to programs of others. Pure.
#pragma once

#include <string>

#include "base/value.h"

namespace drover::codec {

// Bytes are written as raw, like text. Null is nil.
std::string value_to_msgpack(const value& v);

}  // namespace drover::codec
