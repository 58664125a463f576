// Version numbers and lists of version constraints ("~> 1.2, != 1.2.5"), for the operators `version` and `semver`. Pure values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drover::sched {

struct version {
  std::vector<int64_t> segments;  // at least three: "1.2" is 1.2.0
  size_t written = 0;             // how many of them were written
  std::string prerelease;         // "beta.1"; empty for a release
};

// An optional "v", numbers with dots, then a pre-release ("-rc1", "beta2") and build metadata ("+sha"). Nothing if it is no version.
std::optional<version> parse_version(std::string_view text);
// By semantic versioning: a pre-release comes before its release. Negative, zero or positive.
int compare(const version& a, const version& b);

enum class version_rule {
  lenient,  // `version`: ~> is known; a pre-release matches only where the constraint names one of the same numbers
  strict,   // `semver`: plain precedence, no ~>
};

class version_constraints {
 public:
  // Comma-separated. Nothing if a part cannot be read.
  static std::optional<version_constraints> parse(std::string_view text, version_rule rule);
  bool match(const version& candidate) const;

 private:
  enum class op { equal, not_equal, less, less_equal, greater, greater_equal, pessimistic };
  struct part {
    op operation;
    version bound;
  };
  static std::optional<op> parse_op(std::string_view text, version_rule rule);
  bool match(const part& p, const version& candidate) const;

  std::vector<part> parts_;
  version_rule rule_ = version_rule::lenient;
};

}  // namespace drover::sched
