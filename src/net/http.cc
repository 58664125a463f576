#include "net/http.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/text.h"
#include "net/stream.h"

namespace drover::net {

std::optional<std::string_view> http_headers::get(std::string_view name) const {
  for (const auto& [key, value] : entries_)
    if (equals_ignoring_case(key, name)) return value;
  return std::nullopt;
}

std::vector<std::string_view> http_headers::get_all(std::string_view name) const {
  std::vector<std::string_view> found;
  for (const auto& [key, value] : entries_)
    if (equals_ignoring_case(key, name)) found.push_back(value);
  return found;
}

void http_headers::remove(std::string_view name) {
  std::erase_if(entries_, [&](const auto& entry) { return equals_ignoring_case(entry.first, name); });
}

void http_headers::set(std::string_view name, std::string value) {
  remove(name);
  add(std::string(name), std::move(value));
}

bool http_headers::has_token(std::string_view name, std::string_view token) const {
  for (const auto& [key, value] : entries_) {
    if (!equals_ignoring_case(key, name)) continue;
    for (auto part : split(value, ','))
      if (equals_ignoring_case(trim(part), token)) return true;
  }
  return false;
}

namespace {
bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
}  // namespace

std::string percent_encode(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      out += '%';
      out += digits[static_cast<uint8_t>(c) >> 4];
      out += digits[static_cast<uint8_t>(c) & 15];
    }
  }
  return out;
}

result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return fail(errc::invalid, "invalid URL escape {:?}: % must be followed by two hexadecimal digits", text.substr(i, 3));
      out += static_cast<char>(high << 4 | low);
      i += 2;
    }
  }
  return out;
}

result<http_query> http_query::parse(std::string_view text) {
  http_query query;
  if (text.empty()) return query;
  for (auto part : split(text, '&')) {
    if (part.empty()) continue;
    auto equals = part.find('=');
    TRY_ASSIGN(auto name, percent_decode(part.substr(0, equals), true));
    if (equals == part.npos) {
      query.add(std::move(name));
    } else {
      TRY_ASSIGN(auto value, percent_decode(part.substr(equals + 1), true));
      query.add(std::move(name), std::move(value));
    }
  }
  return query;
}

bool http_query::has(std::string_view name) const {
  return std::ranges::any_of(params_, [&](const param& p) { return p.name == name; });
}

std::optional<std::string_view> http_query::get(std::string_view name) const {
  for (const auto& p : params_)
    if (p.name == name) return p.value ? std::string_view(*p.value) : std::string_view();
  return std::nullopt;
}

std::vector<std::string_view> http_query::get_all(std::string_view name) const {
  std::vector<std::string_view> found;
  for (const auto& p : params_)
    if (p.name == name) found.push_back(p.value ? std::string_view(*p.value) : std::string_view());
  return found;
}

std::string http_query::text() const {
  std::string out;
  for (const auto& p : params_) {
    if (!out.empty()) out += '&';
    out += percent_encode(p.name);
    if (p.value) out += '=' + percent_encode(*p.value);
  }
  return out;
}

std::string_view http_request::raw_path() const { return std::string_view(target).substr(0, target.find('?')); }

result<> decode_target(http_request& request) {
  // The absolute form (RFC 9112 section 3.2.2) names the host again; the path is what counts.
  if (!request.target.starts_with('/')) {
    auto scheme = request.target.find("://");
    auto path = scheme == request.target.npos ? scheme : request.target.find('/', scheme + 3);
    if (scheme != request.target.npos) request.target = path == request.target.npos ? "/" : request.target.substr(path);
  }
  auto path = request.raw_path();
  request.path.clear();
  if (path.starts_with('/')) path.remove_prefix(1);
  for (auto part : split(path, '/')) {
    TRY_ASSIGN(auto segment, percent_decode(part));
    request.path.push_back(std::move(segment));
  }
  if (request.path.empty()) request.path.emplace_back();
  auto mark = request.target.find('?');
  TRY_ASSIGN(request.query, http_query::parse(mark == request.target.npos ? std::string_view() : std::string_view(request.target).substr(mark + 1)));
  return {};
}

std::string_view http_reason(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Request Entity Too Large";
    case 415: return "Unsupported Media Type";
    case 416: return "Requested Range Not Satisfiable";
    case 422: return "Unprocessable Entity";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
  }
}

result<http_url> parse_url(std::string_view text) {
  http_url url;
  auto rest = text;
  auto mark = text.find("://");
  if (mark == text.npos) {
    url.scheme = "http";
  } else {
    url.scheme = to_lower(text.substr(0, mark));
    rest = text.substr(mark + 3);
  }
  if (url.scheme == "unix") {
    if (!rest.starts_with('/')) return fail(errc::invalid, "address {:?}: a Unix socket is written unix:///path", text);
    url.host = rest;
    return url;
  }
  bool secure = url.scheme == "https" || url.scheme == "wss";
  if (!secure && url.scheme != "http" && url.scheme != "ws")
    return fail(errc::invalid, "address {:?}: scheme {:?} is not one of http, https, ws, wss, unix", text, url.scheme);
  auto slash = rest.find_first_of("/?");
  auto authority = rest.substr(0, slash);
  if (slash != rest.npos) url.target = rest.substr(slash);
  if (url.target.starts_with('?')) url.target.insert(0, "/");
  if (authority.empty()) return fail(errc::invalid, "address {:?} has no host", text);
  bool has_port = authority.starts_with('[') ? authority.find("]:") != authority.npos : authority.find(':') != authority.npos;
  auto with_port = has_port ? std::string(authority) : fmt::format("{}:{}", authority, secure ? 443 : 80);
  auto where = parse_endpoint(with_port);
  if (!where) return fail(errc::invalid, "address {:?} is not valid: write scheme://host:port", text);
  url.host = std::move(where->host);
  url.port = where->port;
  return url;
}

}  // namespace drover::net
