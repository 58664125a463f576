// Errors on the wire: one string. `RPC Error:: CODE,TEXT` carries an HTTP status; a few plain texts have a meaning that callers depend on
// (shared/spec/wire.md, "Errors that clients match on").
#pragma once

#include <string>

#include "base/error.h"

namespace drover::rpc {

// What a callee answers for `e`: never empty.
std::string to_wire(const error& e);
// What a caller makes of it: to_wire() of the same error gives back its code and its text.
error from_wire(const std::string& text);

}  // namespace drover::rpc
