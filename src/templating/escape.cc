#include "templating/escape.h"

#include <fmt/format.h>

#include "templating/utf8.h"

namespace drover::templating {

std::string escape_html(std::string_view text) {
  std::string out;
  for (char c : text) switch (c) {
      case '\0': out += "\xEF\xBF\xBD"; break;
      case '"': out += "&#34;"; break;
      case '\'': out += "&#39;"; break;
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      default: out += c;
    }
  return out;
}

std::string escape_js(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto r = decode_rune(text);
    char c = text[0];
    text.remove_prefix(r.length);
    if (r.code == '\\' || r.code == '\'' || r.code == '"') (out += '\\') += c;
    else if (std::string_view("<>&=").find(c) != std::string_view::npos && r.length == 1) out += fmt::format("\\u{:04X}", r.code);
    else if (is_printable(r.code)) append_rune(out, r.code);
    else out += fmt::format("\\u{:04X}", r.code);
  }
  return out;
}

std::string escape_query(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || std::string_view("-_.~").find(c) != std::string_view::npos;
    if (plain) out += c;
    else if (c == ' ') out += '+';
    else out += fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return out;
}

}  // namespace drover::templating
