#include "hcl/diagnostic.h"

#include <algorithm>

#include "base/ensure.h"
#include "base/text.h"
#include "hcl/limits.h"

namespace drover::hcl {

namespace {
// Cuts at a character's edge.
std::string_view shorten(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<uint8_t>(text[bytes_max]) & 0xc0) == 0x80) --bytes_max;
  return text.substr(0, bytes_max);
}

std::string sentence(const diagnostic& d) {
  if (d.suggestion.empty()) return d.detail;
  return d.detail.empty() ? d.suggestion : d.detail + " " + d.suggestion;
}
}  // namespace

std::string diagnostic::text() const {
  std::string out;
  if (!file.empty()) {
    out = start.line == end.line ? fmt::format("{}:{},{}-{}: ", file, start.line, start.column, end.column)
                                 : fmt::format("{}:{},{}-{},{}: ", file, start.line, start.column, end.line, end.column);
  }
  out += summary;
  if (std::string rest = sentence(*this); !rest.empty()) out += "; " + rest;
  return out;
}

std::string diagnostic::page() const {
  std::string out = fmt::format("{}: {}\n\n", severity == severity::error ? "Error" : "Warning", summary);
  if (!file.empty()) {
    out += fmt::format("  on {} line {}:\n", file, start.line);
    std::string prefix = fmt::format("  {:>2}: ", start.line);
    out += prefix + source_line + "\n";
    size_t width = start.line == end.line && end.column > start.column ? end.column - start.column : 1;
    if (start.column <= source_line.size() + 1) {
      // Tabs are kept so that the marker stands below what it marks.
      std::string indent;
      for (size_t i = 0, column = 1; column < start.column && i < source_line.size(); ++i) {
        if ((static_cast<uint8_t>(source_line[i]) & 0xc0) == 0x80) continue;
        indent += source_line[i] == '\t' ? '\t' : ' ';
        ++column;
      }
      width = std::min(width, source_line.size() + 1 - std::min(indent.size(), source_line.size()));
      out += std::string(prefix.size(), ' ') + indent + std::string(std::max<size_t>(width, 1), '^') + "\n";
    }
    out += "\n";
  }
  if (std::string rest = sentence(*this); !rest.empty()) out += rest + "\n";
  return out;
}

diagnostic make_error(const range& place, std::string summary, std::string detail, std::string suggestion) {
  range where = place;
  while (where.file != nullptr && where.file->origin() != nullptr) where = *where.file->origin();
  diagnostic d;
  d.summary = std::move(summary);
  d.detail = std::move(detail);
  d.suggestion = std::move(suggestion);
  if (where.file != nullptr) {
    d.file = where.file->name();
    d.start = where.file->position_at(where.begin);
    d.end = where.file->position_at(where.end);
    d.source_line = shorten(where.file->line(d.start.line), quoted_line_bytes_max);
  }
  return d;
}

void diagnostics::add(diagnostic d) {
  bool is_error = d.severity == severity::error;
  if (is_error) ++errors_;
  if (!is_error || errors_ <= errors_max) items_.push_back(std::move(d));
}

void diagnostics::append(const diagnostics& other) {
  for (const auto& d : other) add(d);
}

bool diagnostics::full() const { return errors_ >= errors_max; }

std::string diagnostics::text() const {
  auto first = std::ranges::find(items_, severity::error, &diagnostic::severity);
  if (first == items_.end()) return {};
  if (errors_ == 1) return first->text();
  return fmt::format("{}, and {} other diagnostic(s)", first->text(), errors_ - 1);
}

std::string diagnostics::lines() const {
  std::string out;
  for (const auto& d : items_) out += (out.empty() ? "" : "\n") + d.text();
  if (errors_ > errors_max) out += fmt::format("\n{} more errors are not shown", errors_ - errors_max);
  return out;
}

std::string diagnostics::pages() const {
  std::string out;
  for (const auto& d : items_) out += (out.empty() ? "" : "\n") + d.page();
  if (errors_ > errors_max) out += fmt::format("\n{} more errors are not shown.\n", errors_ - errors_max);
  return out;
}

drover::error diagnostics::to_error() const {
  ENSURE(has_errors(), "an error is made of diagnostics without one");
  return drover::error(errc::invalid, lines());
}

std::string suggest(std::string_view word, const std::vector<std::string>& candidates) {
  auto best = nearest(word, candidates);
  return best ? fmt::format("Did you mean \"{}\"?", *best) : std::string();
}

std::string quoted(std::string_view text) {
  constexpr size_t shown_max = 100;
  std::string out = "\"";
  for (char c : shorten(text, shown_max)) {
    if (c == '"' || c == '\\') (out += '\\') += c;
    else if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (static_cast<uint8_t>(c) < 0x20) out += fmt::format("\\u{:04x}", static_cast<int>(c));
    else out += c;
  }
  return out + (text.size() > shown_max ? "...\"" : "\"");
}

}  // namespace drover::hcl
