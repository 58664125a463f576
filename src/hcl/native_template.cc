#include <algorithm>
#include <limits>

#include "base/text.h"
#include "hcl/limits.h"
#include "hcl/native_parser.h"
#include "hcl/utf8.h"

namespace drover::hcl {

namespace {
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }
bool is_space(char c) { return is_blank(c) || c == '\n'; }
}  // namespace

expression_ptr native_parser::parse_only_template() { return parse_template_region(0, static_cast<uint32_t>(file_->text().size())); }

expression_ptr native_parser::parse_template_region(uint32_t begin, uint32_t end) {
  std::vector<template_piece> pieces;
  move_to(begin);
  limit_ = end;
  if (!scan_pieces(string_end::region, pieces)) return nullptr;
  return build_template(pieces, {file_.get(), begin, end}, true);
}

expression_ptr native_parser::parse_quoted() {
  token open = take();
  nesting level(*this);
  if (!level.ok()) return nullptr;
  std::vector<template_piece> pieces;
  if (!scan_pieces(string_end::quote, pieces)) return nullptr;
  return build_template(pieces, from(open.begin), false);
}

// A string that may hold no template: a label or a quoted name. Its opening quote was taken.
bool native_parser::parse_plain_string(std::string& out) {
  uint32_t begin = last_end_ - 1;
  std::vector<template_piece> pieces;
  if (!scan_pieces(string_end::quote, pieces)) return false;
  for (auto& piece : pieces) {
    if (piece.kind != template_piece::kind_type::text) {
      fail(from(begin), "Invalid label", "A label or a quoted name cannot hold an interpolation.",
           "Write \"$${\" for the characters \"${\", or use a dynamic block for labels that are computed.");
      return false;
    }
    out += piece.text;
  }
  return true;
}

uint32_t native_parser::skip_heredoc(const token& t) const {
  std::string_view text = file_->text();
  if (t.kind != token_kind::heredoc) return t.begin + 2;
  std::string_view marker = lexer_.text(t);
  marker.remove_prefix(marker.starts_with("<<-") ? 3 : 2);
  marker = trim(marker);
  for (uint32_t line = t.end; line < text.size();) {
    size_t end = std::min(text.find('\n', line), text.size());
    if (trim(text.substr(line, end - line)) == marker) return static_cast<uint32_t>(end);
    line = static_cast<uint32_t>(end + 1);
  }
  return static_cast<uint32_t>(text.size());
}

namespace {
// Leading blanks of the shortest-indented line go from every line; lines of blanks alone do not count.
template <class Pieces>
void remove_indentation(Pieces& pieces) {
  using piece_type = typename Pieces::value_type;
  constexpr size_t none = std::numeric_limits<size_t>::max();
  // Calls use(piece, line_begin) for each line of a text, if it begins at the start of a line.
  auto each_line = [&](auto use) {
    bool at_line_start = true;
    for (auto& piece : pieces) {
      if (piece.kind != piece_type::kind_type::text) {
        if (at_line_start) use(static_cast<piece_type*>(nullptr), size_t{0});
        at_line_start = false;
        continue;
      }
      for (size_t i = 0; i < piece.text.size();) {
        if (at_line_start) use(&piece, i);
        size_t newline = piece.text.find('\n', i);
        at_line_start = newline != std::string::npos;
        if (!at_line_start) break;
        i = newline + 1;
      }
    }
  };
  auto indent_at = [](const std::string& text, size_t i) -> size_t {
    size_t end = i;
    while (end < text.size() && is_blank(text[end])) ++end;
    return end < text.size() && text[end] == '\n' ? none : end - i;
  };

  size_t least = none;
  each_line([&](piece_type* piece, size_t i) { least = std::min(least, piece == nullptr ? 0 : indent_at(piece->text, i)); });
  if (least == none || least == 0) return;
  std::vector<std::pair<void*, size_t>> cuts;
  each_line([&](piece_type* piece, size_t i) {
    if (piece != nullptr && indent_at(piece->text, i) != none) cuts.emplace_back(piece, i);
  });
  size_t next = 0;
  for (auto& piece : pieces) {
    if (next == cuts.size() || cuts[next].first != &piece) continue;
    std::string kept;
    kept.reserve(piece.text.size());
    size_t from = 0;
    for (; next < cuts.size() && cuts[next].first == &piece; ++next) {
      kept.append(piece.text, from, cuts[next].second - from);
      from = cuts[next].second + least;
    }
    kept.append(piece.text, from);
    piece.text = std::move(kept);
  }
}
}  // namespace

expression_ptr native_parser::parse_heredoc() {
  token open = take();
  nesting level(*this);
  if (!level.ok()) return nullptr;
  uint32_t end_of_marker = skip_heredoc(open);
  std::string_view text = file_->text();
  bool dedent = lexer_.text(open).starts_with("<<-");
  std::string_view marker = trim(lexer_.text(open).substr(dedent ? 3 : 2));
  size_t last_line = end_of_marker > open.end ? text.rfind('\n', end_of_marker - 1) + 1 : open.end;
  last_line = std::max<size_t>(last_line, open.end);
  if (last_line >= limit_ || trim(text.substr(last_line, end_of_marker - last_line)) != marker) {
    return fail(range_of(open), "Unterminated heredoc", fmt::format("No line holds just {}, which would end this heredoc.", quoted(marker)));
  }
  uint32_t limit_before = limit_;
  limit_ = static_cast<uint32_t>(last_line);
  std::vector<template_piece> pieces;
  bool ok = scan_pieces(string_end::region, pieces);
  limit_ = limit_before;
  if (!ok) return nullptr;
  move_to(end_of_marker);
  if (dedent) remove_indentation(pieces);
  return build_template(pieces, from(open.begin), true);
}

// Reads text and sequences from at_ to the closing quote, which is taken, or to limit_.
bool native_parser::scan_pieces(string_end end, std::vector<template_piece>& pieces) {
  std::string_view text = file_->text();
  const uint32_t stop = std::min(limit_, static_cast<uint32_t>(text.size()));
  const uint32_t begin = at_;
  const bool is_quoted = end == string_end::quote;
  auto literal = [&]() -> std::string& {
    if (pieces.empty() || pieces.back().kind != template_piece::kind_type::text) {
      pieces.emplace_back();
      pieces.back().where = {file_.get(), at_, at_};
    }
    return pieces.back().text;
  };
  const std::string_view special = is_quoted ? "\"\\\n$%" : "$%";
  for (;;) {
    uint32_t plain_end = static_cast<uint32_t>(std::min<size_t>(text.find_first_of(special, at_), stop));
    if (plain_end > at_) literal().append(text, at_, plain_end - at_);
    move_to(plain_end);
    if (plain_end >= stop) {
      if (!is_quoted) return true;
      fail({file_.get(), begin - 1, begin}, "Unterminated string", "This string has no closing quote.");
      return false;
    }
    char c = text[at_];
    if (c == '"' && is_quoted) {
      move_to(at_ + 1);
      return true;
    }
    if (c == '\n' && is_quoted) {
      fail({file_.get(), begin - 1, at_}, "Invalid multi-line string", "A quoted string ends on the line where it starts.",
           "Close the string with a quote, write \\n for a newline, or use a heredoc (<<EOT).");
      return false;
    }
    if (c == '\\') {
      if (!scan_escape(literal())) return false;
      continue;
    }
    std::string_view rest = text.substr(at_, 3);
    if (rest.size() == 3 && rest[1] == c && rest[2] == '{') {
      (literal() += c) += '{';
      move_to(at_ + 3);
    } else if (rest.size() >= 2 && rest[1] == '{') {
      if (!scan_sequence(pieces)) return false;
    } else {
      literal() += c;
      move_to(at_ + 1);
    }
  }
}

bool native_parser::scan_escape(std::string& out) {
  std::string_view text = file_->text();
  uint32_t begin = at_;
  char c = at_ + 1 < text.size() ? text[at_ + 1] : '\n';
  move_to(at_ + 2);
  switch (c) {
    case 'n': out += '\n'; return true;
    case 'r': out += '\r'; return true;
    case 't': out += '\t'; return true;
    case '"': out += '"'; return true;
    case '\\': out += '\\'; return true;
    case 'u': return scan_unicode(out, 4);
    case 'U': return scan_unicode(out, 8);
    default: break;
  }
  move_to(begin + 1);
  fail({file_.get(), begin, c == '\n' ? begin + 1 : begin + 2}, "Invalid escape sequence",
       "After a backslash comes n, r, t, \", \\, u with four or U with eight hexadecimal digits.", "Write \\\\ for one backslash.");
  return false;
}

bool native_parser::scan_unicode(std::string& out, int digits) {
  std::string_view text = file_->text();
  uint32_t code = 0;
  for (int i = 0; i < digits; ++i) {
    char c = at_ + i < text.size() ? text[at_ + i] : ' ';
    if (!std::isxdigit(static_cast<unsigned char>(c))) {
      fail({file_.get(), at_ - 2, at_}, "Invalid escape sequence", fmt::format("\\{} needs {} hexadecimal digits.", digits == 4 ? "u" : "U", digits));
      return false;
    }
    code = code << 4 | static_cast<uint32_t>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  }
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
    fail({file_.get(), at_ - 2, at_ + digits}, "Invalid escape sequence", "There is no such Unicode character.");
    return false;
  }
  append_utf8(out, code);
  move_to(at_ + digits);
  return true;
}

// ${ ... } or %{ ... }, from the opening on.
bool native_parser::scan_sequence(std::vector<template_piece>& pieces) {
  nesting level(*this);
  if (!level.ok()) return false;
  std::string_view text = file_->text();
  uint32_t begin = at_;
  bool directive = text[begin] == '%';
  template_piece piece;
  move_to(begin + 2);
  if (at_ < text.size() && text[at_] == '~') {
    piece.trims_before = true;
    move_to(at_ + 1);
  }
  newline_mode mode(*this, false);
  if (directive) {
    if (!scan_directive(piece)) return false;
  } else {
    piece.kind = template_piece::kind_type::interpolation;
    piece.expr = parse_expression();
    if (piece.expr == nullptr) return false;
  }
  if (!end_sequence(piece)) {
    fail(range_of(peek()), directive ? "Extra characters in directive" : "Extra characters after interpolation expression",
         fmt::format("The template sequence that starts {} needs a closing brace here, but {} was found.", place_of(begin), lexer_.describe(peek())),
         directive ? "" : "Write \"$${\" if the characters \"${\" are meant.");
    return false;
  }
  piece.where = from(begin);
  pieces.push_back(std::move(piece));
  return true;
}

bool native_parser::end_sequence(template_piece& piece) {
  if (accept(token_kind::template_end_trim)) return piece.trims_after = true;
  return accept(token_kind::brace_close);
}

bool native_parser::scan_directive(template_piece& piece) {
  using kind = template_piece::kind_type;
  const token t = peek();
  std::string_view word = t.kind == token_kind::identifier ? lexer_.text(t) : std::string_view();
  if (word == "if" || word == "for") {
    take();
    piece.kind = word == "if" ? kind::if_begin : kind::for_begin;
    if (word == "for" && !parse_for_names(piece.key_name, piece.value_name)) return false;
    piece.expr = parse_expression();
    return piece.expr != nullptr;
  }
  if (word == "else") piece.kind = kind::otherwise;
  else if (word == "endif") piece.kind = kind::if_end;
  else if (word == "endfor") piece.kind = kind::for_end;
  else
    return fail(range_of(t), "Invalid template directive",
                fmt::format("A directive is one of if, else, endif, for and endfor, but {} was found.", lexer_.describe(t)),
                "Write \"%%{\" if the characters \"%{\" are meant."),
           false;
  take();
  return true;
}

// Makes the tree of the flat list of pieces.
class template_builder {
 public:
  using piece_type = native_parser::template_piece;
  using kind = piece_type::kind_type;

  template_builder(native_parser& parser, std::vector<piece_type>& pieces) : parser_(parser), pieces_(pieces) {}

  // The parts up to a directive that ends an enclosing one, or up to the end.
  bool build(std::vector<expression_ptr>& parts) {
    native_parser::nesting level(parser_);
    if (!level.ok()) return false;
    while (next_ < pieces_.size()) {
      piece_type& piece = pieces_[next_];
      switch (piece.kind) {
        case kind::text:
          if (!piece.text.empty()) parts.push_back(std::make_shared<literal_expression>(piece.where, value(std::move(piece.text))));
          ++next_;
          break;
        case kind::interpolation:
          parts.push_back(std::move(piece.expr));
          ++next_;
          break;
        case kind::if_begin:
          if (!build_if(parts)) return false;
          break;
        case kind::for_begin:
          if (!build_for(parts)) return false;
          break;
        case kind::otherwise:
        case kind::if_end:
        case kind::for_end: return true;
      }
    }
    return true;
  }

  bool at_end() const { return next_ == pieces_.size(); }
  const range& where() const { return pieces_[next_].where; }

  static expression_ptr join(std::vector<expression_ptr> parts, const range& where) {
    auto out = std::make_shared<template_expression>(where);
    for (const auto& part : parts) adopt(*out, part);
    out->parts = std::move(parts);
    return out;
  }

 private:
  bool build_branch(expression_ptr& out, const range& where) {
    std::vector<expression_ptr> parts;
    if (!build(parts)) return false;
    out = join(std::move(parts), where);
    return true;
  }

  bool expect(kind wanted, const range& opening, std::string_view directive, std::string_view closing) {
    if (!at_end() && pieces_[next_].kind == wanted) return ++next_, true;
    parser_.fail(at_end() ? opening : where(), "Unbalanced template directive",
                 fmt::format("The \"{}\" directive that starts {} needs an \"{}\" directive.", directive, parser_.place_of(opening.begin), closing));
    return false;
  }

  bool build_if(std::vector<expression_ptr>& parts) {
    range opening = where();
    auto out = std::make_shared<conditional_expression>(opening);
    out->condition = std::move(pieces_[next_++].expr);
    if (!build_branch(out->when_true, opening)) return false;
    if (!at_end() && pieces_[next_].kind == kind::otherwise) {
      ++next_;
      if (!build_branch(out->when_false, opening)) return false;
    } else {
      out->when_false = std::make_shared<literal_expression>(opening, value(""));
    }
    if (!expect(kind::if_end, opening, "if", "endif")) return false;
    adopt(*out, out->condition), adopt(*out, out->when_true), adopt(*out, out->when_false);
    parts.push_back(std::move(out));
    return true;
  }

  bool build_for(std::vector<expression_ptr>& parts) {
    range opening = where();
    auto out = std::make_shared<template_for_expression>(opening);
    out->key_name = std::move(pieces_[next_].key_name);
    out->value_name = std::move(pieces_[next_].value_name);
    out->collection = std::move(pieces_[next_++].expr);
    if (!build_branch(out->body, opening)) return false;
    if (!expect(kind::for_end, opening, "for", "endfor")) return false;
    adopt(*out, out->collection), adopt(*out, out->body);
    parts.push_back(std::move(out));
    return true;
  }

  native_parser& parser_;
  std::vector<piece_type>& pieces_;
  size_t next_ = 0;
};

namespace {
// `by_line`: in a heredoc a marker trims to the end or start of its own line only (and takes the newline that ends it
// along).
void trim_start(std::string& text, bool by_line) {
  size_t i = 0;
  while (i < text.size() && is_blank(text[i])) ++i;
  if (by_line) {
    if (i < text.size() && text[i] == '\n') ++i;
  } else {
    while (i < text.size() && is_space(text[i])) ++i;
  }
  text.erase(0, i);
}
void trim_end(std::string& text, bool by_line) {
  size_t end = text.size();
  while (end > 0 && (by_line ? is_blank(text[end - 1]) : is_space(text[end - 1]))) --end;
  text.resize(end);
}
}  // namespace

expression_ptr native_parser::build_template(std::vector<template_piece>& pieces, const range& where, bool by_line) {
  using kind = template_piece::kind_type;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].trims_before && i > 0 && pieces[i - 1].kind == kind::text) trim_end(pieces[i - 1].text, by_line);
    if (pieces[i].trims_after && i + 1 < pieces.size() && pieces[i + 1].kind == kind::text) trim_start(pieces[i + 1].text, by_line);
  }
  std::erase_if(pieces, [](const auto& piece) { return piece.kind == kind::text && piece.text.empty(); });
  if (pieces.empty()) return std::make_shared<literal_expression>(where, value(""));
  if (pieces.size() == 1 && pieces[0].kind == kind::text) return std::make_shared<literal_expression>(where, value(std::move(pieces[0].text)));
  bool wraps = pieces.size() == 1 && pieces[0].kind == kind::interpolation;
  template_builder builder(*this, pieces);
  std::vector<expression_ptr> parts;
  if (!builder.build(parts)) return nullptr;
  if (!builder.at_end()) return fail(builder.where(), "Unexpected template directive", "No \"if\" or \"for\" directive is open here.");
  auto out = std::make_shared<template_expression>(where);
  for (const auto& part : parts) adopt(*out, part);
  out->parts = std::move(parts);
  out->wraps = wraps;
  return out;
}

}  // namespace drover::hcl
