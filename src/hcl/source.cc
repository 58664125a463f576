#include "hcl/source.h"

#include <algorithm>

namespace drover::hcl {

const std::vector<uint32_t>& source_file::line_index() const {
  std::call_once(indexed_, [this] {
    line_starts_.push_back(0);
    for (size_t at = text_.find('\n'); at != std::string::npos; at = text_.find('\n', at + 1)) line_starts_.push_back(static_cast<uint32_t>(at + 1));
  });
  return line_starts_;
}

position source_file::position_at(uint32_t byte) const {
  const auto& starts = line_index();
  byte = std::min(byte, static_cast<uint32_t>(text_.size()));
  auto after = std::upper_bound(starts.begin(), starts.end(), byte);
  uint32_t start = *(after - 1);
  uint32_t column = 1;
  for (uint32_t i = start; i < byte; ++i) column += (static_cast<uint8_t>(text_[i]) & 0xc0) != 0x80;
  return {static_cast<uint32_t>(after - starts.begin()), column, byte};
}

std::string_view source_file::line(uint32_t line) const {
  const auto& starts = line_index();
  if (line == 0 || line > starts.size()) return {};
  uint32_t begin = starts[line - 1];
  size_t end = line < starts.size() ? starts[line] - 1 : text_.size();
  std::string_view out = std::string_view(text_).substr(begin, end - begin);
  if (out.ends_with('\r')) out.remove_suffix(1);
  return out;
}

}  // namespace drover::hcl
