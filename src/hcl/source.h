// A source text with a name, and places in it. A range points into its source_file and is valid while that lives (a
// parsed body holds it); a diagnostic copies what it needs and outlives everything. Immutable after construction; safe
// to share between threads (the line index is built once, when a position is first asked for).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace drover::hcl {

struct position {
  uint32_t line = 1;    // from 1
  uint32_t column = 1;  // from 1, in characters (UTF-8 code points)
  uint32_t byte = 0;    // from 0
  friend bool operator==(const position&, const position&) = default;
};

class source_file;
using source_ptr = std::shared_ptr<const source_file>;

// Bytes [begin, end) of a file. `file` is null for what no one wrote (a default, a flag).
struct range {
  const source_file* file = nullptr;
  uint32_t begin = 0;
  uint32_t end = 0;
  std::string_view text() const;
};
// From the start of `a` to the end of `b`.
inline range span(const range& a, const range& b) { return {a.file, a.begin, b.end}; }

class source_file {
 public:
  source_file(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {}
  // A text that stands in `origin_file` in another spelling, as a JSON string with escapes does: messages point at all
  // of `origin`.
  source_file(std::string text, source_ptr origin_file, range origin)
      : name_(origin_file->name()), text_(std::move(text)), origin_file_(std::move(origin_file)), origin_(origin) {}
  // Null if this text is itself what was read.
  const range* origin() const { return origin_file_ == nullptr ? nullptr : &origin_; }
  const std::string& name() const { return name_; }
  std::string_view text() const { return text_; }
  position position_at(uint32_t byte) const;
  // The text of line `line` (from 1), without its newline.
  std::string_view line(uint32_t line) const;

 private:
  const std::vector<uint32_t>& line_index() const;

  std::string name_;
  std::string text_;
  source_ptr origin_file_;
  range origin_;
  mutable std::once_flag indexed_;
  mutable std::vector<uint32_t> line_starts_;
};
inline std::string_view range::text() const { return file == nullptr ? std::string_view() : file->text().substr(begin, end - begin); }

}  // namespace drover::hcl
