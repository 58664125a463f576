// Columns and key-value blocks, aligned as Nomad's tools expect them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::cli::format {

// Rows of cells; the first row is the heading. Two blanks between columns, the last column is not padded.
class table {
 public:
  using row = std::vector<std::string>;
  explicit table(row heading) { rows_.push_back(std::move(heading)); }
  void add(row cells) { rows_.push_back(std::move(cells)); }
  // Rows below the heading.
  size_t size() const { return rows_.size() - 1; }
  bool empty() const { return size() == 0; }
  // What an empty cell shows.
  table& when_empty(std::string_view text) {
    when_empty_ = text;
    return *this;
  }
  // Lines without a newline at the end.
  std::string text() const;

 private:
  std::vector<row> rows_;
  std::string when_empty_ = "<none>";
};

// "ID            = cache", one line each, no newline at the end.
class pairs {
 public:
  void add(std::string key, std::string value) { items_.emplace_back(std::move(key), std::move(value)); }
  bool empty() const { return items_.empty(); }
  std::string text() const;

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

}  // namespace drover::cli::format
