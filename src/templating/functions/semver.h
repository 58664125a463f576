// Semantic versions and their ranges, for sprig's semver and semverCompare. Pure.
#pragma once

#include <string>

#include "base/result.h"
#include "templating/datum.h"

namespace drover::templating {

// With Major, Minor, Patch, Prerelease, Metadata, Original.
result<datum> semver_datum(const std::string& text);
// ">= 1.2, < 2 || ~3.1", "^1.2", "1.x".
result<bool> semver_matches(const std::string& range, const std::string& version);

}  // namespace drover::templating
