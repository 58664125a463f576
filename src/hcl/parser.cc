#include "hcl/parser.h"

#include "hcl/json_parser.h"
#include "hcl/limits.h"
#include "hcl/native_parser.h"

namespace drover::hcl {

namespace {
// The file, or an empty one and an error where the text is no possible source.
source_ptr admit(std::string name, std::string text, diagnostics& problems) {
  std::string summary, detail;
  if (text.size() > source_bytes_max) {
    summary = "File too large";
    detail = fmt::format("The file has {} bytes; at most {} are read.", text.size(), source_bytes_max);
  } else if (size_t at = text.find('\0'); at != std::string::npos) {
    summary = "Invalid character";
    detail = fmt::format("Byte {} of the file is zero: this is no text.", at);
  }
  if (summary.empty()) return std::make_shared<const source_file>(std::move(name), std::move(text));
  auto empty = std::make_shared<const source_file>(std::move(name), "");
  problems.error({empty.get(), 0, 0}, summary, detail);
  return empty;
}
}  // namespace

parse_result parse(std::string name, std::string text, argument_lines style) {
  parse_result out;
  auto file = admit(std::move(name), std::move(text), out.problems);
  out.root = native_parser(file, out.problems, style == argument_lines::many_a_line).parse_file();
  return out;
}

parse_result parse_json(std::string name, std::string text) {
  parse_result out;
  auto file = admit(std::move(name), std::move(text), out.problems);
  auto root = std::make_shared<body>();
  auto size = static_cast<uint32_t>(file->text().size());
  root->file = file;
  root->json = true;
  root->where = {file.get(), 0, size};
  root->end_range = {file.get(), size, size};
  if (!out.problems.has_errors()) {
    auto e = json_parser(file, out.problems).parse();
    if (e != nullptr) collect_json_objects(*root, e, out.problems);
  }
  out.root = std::move(root);
  return out;
}

parse_result parse_any(std::string name, std::string text, argument_lines style) {
  size_t first = text.find_first_not_of(" \t\r\n");
  bool json = name.ends_with(".json") || (first != std::string::npos && text[first] == '{');
  return json ? parse_json(std::move(name), std::move(text)) : parse(std::move(name), std::move(text), style);
}

namespace {
template <class Parse>
expression_result parse_one(std::string name, std::string text, Parse parse) {
  expression_result out;
  out.file = admit(std::move(name), std::move(text), out.problems);
  if (out.problems.has_errors()) return out;
  native_parser parser(out.file, out.problems);
  out.expr = parse(parser);
  if (out.problems.has_errors()) out.expr = nullptr;
  return out;
}
}  // namespace

expression_result parse_expression(std::string name, std::string text) {
  return parse_one(std::move(name), std::move(text), [](native_parser& p) { return p.parse_only_expression(); });
}

expression_result parse_template(std::string name, std::string text) {
  return parse_one(std::move(name), std::move(text), [](native_parser& p) { return p.parse_only_template(); });
}

}  // namespace drover::hcl
