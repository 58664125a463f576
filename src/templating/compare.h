// Inside templating/: how Go's templates compare. Pure.
#pragma once

#include "base/result.h"
#include "templating/datum.h"

namespace drover::templating {

result<bool> equal(const datum& a, const datum& b);
result<bool> less(const datum& a, const datum& b);

}  // namespace drover::templating
