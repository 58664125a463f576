// What is wrong with a configuration, where, and what would be right. Values: self-contained, safe to copy and to move
// between threads.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "hcl/source.h"

namespace drover::hcl {

enum class severity { error, warning };

struct diagnostic {
  hcl::severity severity = severity::error;
  std::string summary;     // "Unsupported argument"
  std::string detail;      // a sentence or two
  std::string suggestion;  // a sentence, or empty: `Did you mean "driver"?`
  std::string file;        // empty when no file is to blame
  position start, end;
  std::string source_line;  // the first line of the range, possibly shortened

  // "job.hcl:5,7-12: Unsupported argument; An argument named "drivr" is not expected here. Did you mean "driver"?"
  std::string text() const;
  // Several lines: the heading, the source line with the place underlined, the detail.
  std::string page() const;
};

diagnostic make_error(const range& where, std::string summary, std::string detail, std::string suggestion = {});

class diagnostics {
 public:
  // Keeps at most errors_max errors; later ones are counted and dropped.
  void add(diagnostic d);
  void error(const range& where, std::string summary, std::string detail, std::string suggestion = {}) {
    add(make_error(where, std::move(summary), std::move(detail), std::move(suggestion)));
  }
  void append(const diagnostics& other);

  bool has_errors() const { return errors_ > 0; }
  // As many errors as are worth reporting were found.
  bool full() const;
  size_t error_count() const { return errors_; }
  bool empty() const { return items_.empty(); }
  size_t size() const { return items_.size(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  const diagnostic& operator[](size_t i) const { return items_[i]; }

  // The first error, "and 2 other diagnostic(s)" where there are more. Empty without errors.
  std::string text() const;
  // Every text(), one a line.
  std::string lines() const;
  // Every page(), an empty line between.
  std::string pages() const;
  // errc::invalid with lines(). Requires: has_errors().
  drover::error to_error() const;

 private:
  std::vector<diagnostic> items_;
  size_t errors_ = 0;
};

// `Did you mean "driver"?` or nothing.
std::string suggest(std::string_view word, const std::vector<std::string>& candidates);
// A string between double quotes, control characters and quotes escaped, cut when long.
std::string quoted(std::string_view text);

}  // namespace drover::hcl
