// Variables as files and as text: specifications in HCL and JSON, and what -out shows. Pure, but for the time zone of the process.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/acl.h"

namespace drover::cli {

// `format` is "hcl" or "json"; `name` is for messages.
result<schema::variable> parse_variable(std::string_view format, const std::string& name, std::string text);
// "hcl" or "json" by the end of the name; `otherwise` if it has neither.
std::string_view format_of_file(std::string_view name, std::string_view otherwise);

std::string variable_as_json(const schema::variable& v);
std::string variable_as_hcl(const schema::variable& v);
std::string variable_as_table(const schema::variable& v);
// As `source`, a Go template, shows it.
result<std::string> variable_by_template(const schema::variable& v, std::string_view source);

// What `var init` writes.
std::string example_variable(std::string_view format);

// Items that were given as K=V. "@file" and "-" (stdin) as values stand for contents; an empty value removes the item.
struct item_change {
  std::string key, text;
};
// Requires: stdin is read at most once by the caller's `read`.
using read_function = result<std::string> (*)(const std::string& path);
result<std::vector<item_change>> parse_items(const std::vector<std::string>& words, read_function read);

}  // namespace drover::cli
