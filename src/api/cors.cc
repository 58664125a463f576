#include "api/cors.h"

#include "base/text.h"

namespace drover::api {

std::optional<std::string_view> cors_methods(const std::vector<std::string>& path) {
  if (path.size() < 2 || path[0] != "v1") return std::nullopt;
  if (path[1] == "var") return "HEAD, GET, PUT, DELETE";
  if (path[1] == "vars") return "HEAD, GET";
  if (path[1] != "client" || path.size() < 3) return std::nullopt;
  constexpr std::string_view open[] = {"fs", "stats", "allocation", "metadata", "identity"};
  for (auto each : open)
    if (path[2] == each) return "HEAD, GET";
  return std::nullopt;
}

void add_cors_headers(const net::http_request& request, net::http_headers& to) {
  if (!request.headers.has("Origin") || !cors_methods(request.path)) return;
  to.set("Access-Control-Allow-Origin", "*");
  to.set("Access-Control-Allow-Credentials", "true");
  to.add("Vary", "Origin");
}

std::optional<reply> cors_preflight(const net::http_request& request) {
  auto wanted = request.headers.get("Access-Control-Request-Method");
  auto allowed = cors_methods(request.path);
  if (request.method != "OPTIONS" || !wanted || !allowed) return std::nullopt;
  reply out{.status = 204, .content_type = {}};
  if (allowed->find(*wanted) == allowed->npos) return out;
  add_cors_headers(request, out.headers);
  out.headers.add("Access-Control-Allow-Methods", std::string(*wanted));
  if (auto headers = request.headers.get("Access-Control-Request-Headers")) out.headers.add("Access-Control-Allow-Headers", std::string(*headers));
  return out;
}

}  // namespace drover::api
