// Inside templating/: values as JSON, YAML and TOML text, written as Go's common encoders write them. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "templating/datum.h"

namespace drover::templating {

struct json_layout {
  std::string indent{};     // empty: one line
  bool escape_html = true;  // <, > and & as \u003c ...
};
result<std::string> encode_json(const datum& d, const json_layout& layout = {});
// Numbers become floating point, as Go decodes them.
result<datum> decode_json(std::string_view text);
result<std::string> encode_yaml(const datum& d);
result<datum> decode_yaml(std::string_view text);
// Only a map or struct has a TOML form.
result<std::string> encode_toml(const datum& d);

}  // namespace drover::templating
