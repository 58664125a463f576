#include "cli/variable_text.h"

#include <algorithm>

#include "base/text.h"
#include "cli/format/colour.h"
#include "cli/format/table.h"
#include "cli/format/units.h"
#include "cli/template.h"
#include "codec/json.h"
#include "hcl/decode.h"
#include "hcl/parser.h"

namespace drover::cli {
namespace {

result<schema::variable> parse_hcl(const std::string& name, std::string text) {
  auto parsed = hcl::parse(name, std::move(text), hcl::argument_lines::many_a_line);
  auto problems = std::move(parsed.problems);
  if (problems.has_errors()) return std::unexpected(problems.to_error());
  hcl::decoder d(parsed.root, std::make_shared<const hcl::eval_context>(), problems);
  schema::variable out;
  out.path = d.text("path").value_or("");
  out.namespace_ = d.text("namespace").value_or("");
  out.modify_index = static_cast<uint64_t>(std::max<int64_t>(0, d.integer("modify_index").value_or(0)));
  for (const char* set_by_server : {"create_index", "create_time", "modify_time"}) d.ignore(set_by_server);
  if (auto items = d.text_map("items")) out.items = {items->begin(), items->end()};
  if (auto lock = d.block("lock")) {
    hcl::decoder l(*lock, problems);
    out.lock = schema::variable_lock{
        .id = l.text("id").value_or(""), .ttl = l.duration("ttl").value_or(duration()), .lock_delay = l.duration("lock_delay").value_or(duration())};
    l.finish();
  }
  d.finish();
  if (problems.has_errors()) return std::unexpected(problems.to_error());
  return out;
}

// As HCL and JSON both write it.
std::string as_literal(std::string_view text) {
  std::string out;
  codec::append_json_string(out, text);
  // "${" would begin a template.
  return replace_all(replace_all(out, "${", "$${"), "%{", "%%{");
}

}  // namespace

result<schema::variable> parse_variable(std::string_view format, const std::string& name, std::string text) {
  if (format == "hcl") return parse_hcl(name, std::move(text));
  auto out = codec::from_json<schema::variable>(text);
  if (!out) return wrap(std::move(out).error(), fmt::format("{} is no variable as JSON", name));
  return out;
}

std::string_view format_of_file(std::string_view name, std::string_view otherwise) {
  return name.ends_with(".json") ? "json" : name.ends_with(".hcl") ? "hcl" : otherwise;
}

std::string variable_as_json(const schema::variable& v) {
  auto out = codec::to_json(v, {.pretty = true});
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

std::string variable_as_hcl(const schema::variable& v) {
  size_t widest = 0;
  for (const auto& [key, text] : v.items) widest = std::max(widest, key.size());
  std::string out = fmt::format(
      "namespace    = {}\npath         = {}\ncreate_index = {}  # Set by server\n"
      "modify_index = {}  # Set by server; consulted for check-and-set\ncreate_time  = {}   # Set by server\n"
      "modify_time  = {}   # Set by server\n\nitems = {{\n",
      as_literal(v.namespace_), as_literal(v.path), v.create_index, v.modify_index, v.create_time, v.modify_time);
  for (const auto& [key, text] : v.items) out += fmt::format("  {:>{}} = {}\n", key, widest, as_literal(text));
  return out + "}";
}

std::string variable_as_table(const schema::variable& v) {
  format::pairs p;
  p.add("Namespace", v.namespace_);
  p.add("Path", v.path);
  p.add("Create Time", format::clock_time(v.create_time));
  if (v.create_time != v.modify_time) p.add("Modify Time", format::clock_time(v.modify_time));
  p.add("Check Index", std::to_string(v.modify_index));
  if (v.lock) {
    p.add("Lock ID", v.lock->id);
    p.add("Lock TTL", to_string(v.lock->ttl));
    p.add("Lock Delay", to_string(v.lock->lock_delay));
  }
  format::pairs items;
  for (const auto& [key, text] : v.items) items.add(key, format::without_marks(text));
  return p.text() + "\n\n" + format::bold("Items") + "\n" + items.text();
}

result<std::string> variable_by_template(const schema::variable& v, std::string_view source) { return run_template(source, codec::to_value(schema::view(v))); }

std::string example_variable(std::string_view format) {
  if (format == "json")
    return "{\n  \"Namespace\": \"default\",\n  \"Path\": \"path/to/variable\",\n  \"Items\": {\n    \"key1\": \"value 1\",\n    \"key2\": \"value 2\"\n  "
           "}\n}\n";
  return R"(# Where the variable is kept. It may stand here, or be the first argument of "var put".
# path = "path/to/variable"

# Its namespace. The flag -namespace of "var put" wins over it.
# namespace = "default"

# The items are the variable's secret part, and all that a specification
# must have. They are sealed and opened together.
#
# Keys without dots are easier to use in templates.
items {
  key1 = "value 1"
  key2 = "value 2"
}
)";
}

result<std::vector<item_change>> parse_items(const std::vector<std::string>& words, read_function read) {
  std::vector<item_change> out;
  bool stdin_taken = false;
  for (const auto& word : words) {
    auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0) return fail(errc::invalid, "invalid key/value pair \"{}\": format must be key=value", word);
    auto key = word.substr(0, equals), text = word.substr(equals + 1);
    if (text == "-") {
      if (stdin_taken) return fail(errc::invalid, "invalid key/value pair \"{}\": stdin already consumed", word);
      stdin_taken = true;
      TRY_ASSIGN(text, read("-"));
    } else if (text.starts_with('@')) {
      TRY_ASSIGN(text, read(text.substr(1)));
    } else if (text.starts_with("\\@")) {
      text.erase(0, 1);
    }
    out.push_back({std::move(key), std::move(text)});
  }
  return out;
}

}  // namespace drover::cli
