// Which names say that their values are nobody's business but their owner's: of environment variables, keys of configurations and headers.
// Pure; any thread.
#pragma once

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace drover {

inline constexpr std::string_view redacted_text = "<redacted>";

// By the words in it, whatever their case: DB_PASSWORD, apiKey, X-Auth-Token.
inline bool names_secret(std::string_view name) {
  constexpr std::string_view words[] = {"TOKEN", "SECRET", "PASS", "KEY", "CREDENTIAL", "AUTH", "LICENSE", "COOKIE", "PRIVATE"};
  const auto upper = to_upper(name);
  return std::ranges::any_of(words, [&](std::string_view word) { return upper.contains(word); });
}

}  // namespace drover
