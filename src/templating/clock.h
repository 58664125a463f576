// Inside templating/: instants with a zone, and Go's way to write layouts ("2006-01-02 15:04:05 MST"). Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "templating/datum.h"

namespace drover::templating {

struct moment {
  timestamp at{};
  int offset_seconds = 0;
  std::string zone = "UTC";
};

std::string format_time(const moment& m, std::string_view layout);
result<moment> parse_time(std::string_view layout, std::string_view text);
// time.Time: Format, Unix, Year, Add ...
datum time_datum(moment m);
// Null: the value is no time.
const moment* as_time(const datum& d);

}  // namespace drover::templating
