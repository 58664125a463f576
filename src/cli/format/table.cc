#include "cli/format/table.h"

#include <algorithm>

#include "cli/format/colour.h"

namespace drover::cli::format {

std::string table::text() const {
  std::vector<size_t> widths(rows_.front().size());
  auto shown = [&](const std::string& cell) -> const std::string& { return cell.empty() ? when_empty_ : cell; };
  for (const auto& cells : rows_)
    for (size_t i = 0; i < cells.size() && i < widths.size(); i++) widths[i] = std::max(widths[i], width(shown(cells[i])));
  std::string out;
  for (size_t r = 0; r < rows_.size(); r++) {
    if (r > 0) out += '\n';
    const auto& cells = rows_[r];
    if (r == 0) out += colour::bold;
    for (size_t i = 0; i < cells.size(); i++) {
      const auto& cell = shown(cells[i]);
      out += cell;
      if (i + 1 < cells.size()) out.append(widths[i] - width(cell) + 2, ' ');
    }
    if (r == 0) out += colour::reset;
  }
  return out;
}

std::string pairs::text() const {
  size_t longest = 0;
  for (const auto& [key, value] : items_) longest = std::max(longest, width(key));
  std::string out;
  for (const auto& [key, value] : items_) {
    if (!out.empty()) out += '\n';
    out += key;
    out.append(longest - width(key), ' ');
    out += " = ";
    out += value.empty() ? "<none>" : value;
  }
  return out;
}

}  // namespace drover::cli::format
