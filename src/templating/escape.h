// Inside templating/: text made safe for HTML, JavaScript and URLs, as Go's text/template does. Pure.
#pragma once

#include <string>
#include <string_view>

namespace drover::templating {

std::string escape_html(std::string_view text);
std::string escape_js(std::string_view text);
std::string escape_query(std::string_view text);

}  // namespace drover::templating
