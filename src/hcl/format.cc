#include "hcl/format.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace drover::hcl {
namespace {

enum class part : uint8_t { word, text, open, close, comma, dot, assign, op, comment };

struct token {
  part kind = part::word;
  std::string_view text;
};

// A line of the result: what stands before "=", "=" with its value, the comment behind. Verbatim lines (inside heredocs, comments and texts
// that go over several lines) stay as they are.
struct line {
  std::vector<token> lead, assign, comment;
  bool verbatim = false;
  bool in_heredoc = false;  // still the line that began it
  std::string_view as_it_is;
  size_t indent = 0;
  std::string lead_text, assign_text;
};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || static_cast<unsigned char>(c) >= 0x80; }

// The end of a quoted text that begins at `at`; a "${" inside may hold quotes of its own. Within one line.
size_t end_of_text(std::string_view s, size_t at) {
  int depth = 0;
  for (size_t i = at + 1; i < s.size(); ++i) {
    if (s[i] == '\\') {
      ++i;
    } else if (depth == 0 && (s[i] == '$' || s[i] == '%') && i + 1 < s.size() && s[i + 1] == '{') {
      depth = 1;
      ++i;
    } else if (depth > 0) {
      if (s[i] == '"') i = std::min(end_of_text(s, i), s.size()) - 1;
      else if (s[i] == '{') ++depth;
      else if (s[i] == '}') --depth;
    } else if (s[i] == '"') {
      return i + 1;
    }
  }
  return s.size();
}

size_t operator_length(std::string_view s) {
  for (std::string_view each : {"...", "==", "!=", "<=", ">=", "&&", "||", "=>"})
    if (s.starts_with(each)) return each.size();
  return 1;
}

token next_token(std::string_view s) {
  if (s[0] == '#' || s.starts_with("//") || s.starts_with("/*")) {
    auto end = s.starts_with("/*") ? s.find("*/") : s.npos;
    // A comment between two tokens is a word among them.
    bool last = end == s.npos || trim(s.substr(end + 2)).empty();
    return {last ? part::comment : part::word, last ? trim(s) : s.substr(0, end + 2)};
  }
  if (s[0] == '"') return {part::text, s.substr(0, end_of_text(s, 0))};
  if (s.starts_with("<<")) return {part::text, trim(s)};
  if (s[0] == '{' || s[0] == '[' || s[0] == '(') return {part::open, s.substr(0, 1)};
  if (s[0] == '}' || s[0] == ']' || s[0] == ')') return {part::close, s.substr(0, 1)};
  if (s[0] == ',') return {part::comma, s.substr(0, 1)};
  if (s[0] == '.' && !s.starts_with("...")) return {part::dot, s.substr(0, 1)};
  if (is_word(s[0]) && s[0] != '-') {
    size_t end = 1;
    while (end < s.size() && is_word(s[end])) ++end;
    // 1.5 is one number.
    if (std::isdigit(static_cast<unsigned char>(s[0])) && end + 1 < s.size() && s[end] == '.' && std::isdigit(static_cast<unsigned char>(s[end + 1])))
      for (++end; end < s.size() && is_word(s[end]);) ++end;
    return {part::word, s.substr(0, end)};
  }
  auto length = operator_length(s);
  return {length == 1 && s[0] == '=' ? part::assign : part::op, s.substr(0, length)};
}

std::vector<token> tokens_of(std::string_view s) {
  std::vector<token> out;
  while (!(s = trim(s)).empty()) {
    out.push_back(next_token(s));
    s.remove_prefix(std::min(s.size(), static_cast<size_t>(out.back().text.data() - s.data()) + out.back().text.size()));
  }
  return out;
}

int brackets(const std::vector<token>& tokens) {
  int net = 0;
  for (const auto& each : tokens) net += each.kind == part::open ? 1 : each.kind == part::close ? -1 : 0;
  return net;
}

bool ends_operand(const token& t) { return t.kind == part::word || t.kind == part::text || t.kind == part::close; }

// May `b` stand directly behind `a`, and must it? `before` is what stands before `a`, or null.
bool needs_blank(const token* before, const token& a, const token& b) {
  if (b.kind == part::comma || b.kind == part::dot || a.kind == part::dot || b.text == "...") return false;
  if (a.text == "{") return b.text != "}";
  if (b.text == "}") return true;
  if (a.kind == part::open || b.kind == part::close) return false;
  if (b.text == "(") return a.kind != part::word;
  if (b.text == "[") return !ends_operand(a);
  if (a.text == "!") return false;
  // A sign, not a subtraction.
  if (a.text == "-" && (before == nullptr || !ends_operand(*before))) return false;
  return true;
}

std::string spaced(const std::vector<token>& tokens) {
  std::string out;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && needs_blank(i > 1 ? &tokens[i - 2] : nullptr, tokens[i - 1], tokens[i])) out += ' ';
    out += tokens[i].text;
  }
  return out;
}

// Remembers across lines what a line may be inside of.
class splitter {
 public:
  line take(std::string_view text) {
    line out;
    out.as_it_is = text;
    if (!heredoc_end_.empty()) {
      out.verbatim = out.in_heredoc = true;
      if (trim(text) == heredoc_end_) heredoc_end_ = {};
      return out;
    }
    if (in_comment_) {
      out.verbatim = true;
      in_comment_ = text.find("*/") == text.npos;
      return out;
    }
    out.lead = tokens_of(text);
    if (!out.lead.empty()) note_opening(out.lead.back());
    pick_cells(out);
    return out;
  }

 private:
  void note_opening(const token& last) {
    if (last.text.starts_with("/*") && last.text.find("*/") == last.text.npos) in_comment_ = true;
    if (!last.text.starts_with("<<")) return;
    auto mark = last.text.substr(2);
    if (mark.starts_with('-')) mark.remove_prefix(1);
    heredoc_end_ = trim(mark);
  }
  static void pick_cells(line& l) {
    if (l.lead.size() > 1 && l.lead.back().kind == part::comment) {
      l.comment = {l.lead.back()};
      l.lead.pop_back();
    }
    auto at = std::ranges::find(l.lead, part::assign, &token::kind);
    if (at == l.lead.begin() || at == l.lead.end()) return;
    std::vector<token> value(at, l.lead.end());
    // What opens an expression of several lines is aligned with nothing.
    if (brackets(value) != 0) return;
    l.lead.erase(at, l.lead.end());
    l.assign = std::move(value);
  }
  std::string_view heredoc_end_;
  bool in_comment_ = false;
};

void indent(std::vector<line>& lines) {
  std::vector<int> levels;
  for (auto& l : lines) {
    if (l.verbatim) continue;
    int net = brackets(l.lead) + brackets(l.assign);
    for (int closed = -net; closed > 0 && !levels.empty();) {
      int here = std::min(closed, levels.back());
      levels.back() -= here;
      closed -= here;
      if (levels.back() == 0) levels.pop_back();
    }
    // "} else {" closes before it opens.
    bool closes_first = net == 0 && !l.lead.empty() && l.lead.front().kind == part::close && !levels.empty();
    l.indent = 2 * (levels.size() - (closes_first ? 1 : 0));
    if (net > 0) levels.push_back(net);
  }
}

size_t columns(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Makes the cells of neighbouring lines begin in one column: those lines for which `has` says so, by the width that `width` gives.
template <class Has, class Width, class Pad>
void align(std::vector<line>& lines, Has has, Width width, Pad pad) {
  for (size_t i = 0; i < lines.size();) {
    size_t end = i, widest = 0;
    auto takes_part = [&](const line& l) { return !l.verbatim && has(l); };
    for (; end < lines.size() && (takes_part(lines[end]) || (end > i && lines[end].in_heredoc)); ++end)
      if (!lines[end].verbatim) widest = std::max(widest, width(lines[end]));
    for (size_t k = i; k < end; ++k)
      if (!lines[k].verbatim) pad(lines[k], widest - width(lines[k]));
    i = std::max(end, i + 1);
  }
}

}  // namespace

std::string format(std::string_view text) {
  std::vector<line> lines;
  splitter from;
  const bool ends_with_newline = text.ends_with('\n');
  if (ends_with_newline) text.remove_suffix(1);
  for (auto each : split(text, '\n')) {
    if (each.ends_with('\r')) each.remove_suffix(1);
    lines.push_back(from.take(each));
  }
  indent(lines);
  for (auto& l : lines) {
    l.lead_text = spaced(l.lead);
    l.assign_text = spaced(l.assign);
  }
  align(
      lines, [](const line& l) { return !l.assign.empty(); }, [](const line& l) { return columns(l.lead_text); },
      [](line& l, size_t blanks) { l.lead_text.append(blanks + 1, ' '); });
  align(
      lines, [](const line& l) { return !l.comment.empty(); }, [](const line& l) { return l.indent + columns(l.lead_text) + columns(l.assign_text); },
      [](line& l, size_t blanks) { (l.assign.empty() ? l.lead_text : l.assign_text).append(blanks + 1, ' '); });
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto& l = lines[i];
    if (i > 0) out += '\n';
    if (l.verbatim) {
      out += l.as_it_is;
      continue;
    }
    if (l.lead.empty()) continue;
    out.append(l.indent, ' ');
    out += l.lead_text + l.assign_text;
    if (!l.comment.empty()) out += l.comment.front().text;
  }
  if (ends_with_newline) out += '\n';
  return out;
}

}  // namespace drover::hcl
