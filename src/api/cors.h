// Which answers a page of another origin may read: those of nodes (files, logs, statistics) and of variables, as with Nomad. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/call.h"

namespace drover::api {

// The methods that pages may use on that path; nothing: none.
std::optional<std::string_view> cors_methods(const std::vector<std::string>& path);
// Adds what says so, if the request comes from a page and the path is one of these.
void add_cors_headers(const net::http_request& request, net::http_headers& to);
// The answer to OPTIONS before such a request; nothing: it is no such question.
std::optional<reply> cors_preflight(const net::http_request& request);

}  // namespace drover::api
