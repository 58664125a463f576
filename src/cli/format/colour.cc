#include "cli/format/colour.h"

namespace drover::cli::format {
namespace {

std::string_view escape_of(char letter) {
  switch (letter) {
    case 'z': return "\x1b[0m";
    case 'o': return "\x1b[1m";
    case 'r': return "\x1b[31m";
    case 'g': return "\x1b[32m";
    case 'y': return "\x1b[33m";
    case 'l': return "\x1b[94m";
    case 'c': return "\x1b[36m";
    case 'd': return "\x1b[2m";
    default: return {};
  }
}

}  // namespace

std::string coloured(std::string_view text, bool on) {
  auto mark = text.find('\x01');
  if (mark == std::string_view::npos) return std::string(text);
  std::string out;
  out.reserve(text.size() + 32);
  while (mark != std::string_view::npos) {
    out += text.substr(0, mark);
    if (on && mark + 1 < text.size()) out += escape_of(text[mark + 1]);
    text.remove_prefix(std::min(mark + 2, text.size()));
    mark = text.find('\x01');
  }
  out += text;
  return out;
}

std::string paint(std::string_view with, std::string_view text) {
  std::string out(with);
  out += text;
  out += colour::reset;
  return out;
}

std::string bold(std::string_view text) { return paint(colour::bold, text); }

size_t width(std::string_view text) {
  size_t out = 0;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] == '\x01') {
      i++;
    } else if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
      out++;
    }
  }
  return out;
}

std::string without_marks(std::string_view text) { return coloured(text, false); }

}  // namespace drover::cli::format
