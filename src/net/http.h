// HTTP values shared by server and client: headers, query, request, response. Plain values, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace drover::net {

// In order of arrival; names compare without case.
class http_headers {
 public:
  http_headers() = default;
  http_headers(std::initializer_list<std::pair<std::string, std::string>> entries) : entries_(entries) {}
  // The first with that name.
  std::optional<std::string_view> get(std::string_view name) const;
  bool has(std::string_view name) const { return get(name).has_value(); }
  std::vector<std::string_view> get_all(std::string_view name) const;
  void add(std::string name, std::string value) { entries_.emplace_back(std::move(name), std::move(value)); }
  // Replaces all of that name.
  void set(std::string_view name, std::string value);
  void remove(std::string_view name);
  // Is `token` one of the comma-separated tokens of any header `name` ("Connection: keep-alive, Upgrade")?
  bool has_token(std::string_view name, std::string_view token) const;
  const std::vector<std::pair<std::string, std::string>>& entries() const { return entries_; }
  size_t size() const { return entries_.size(); }
  void reserve(size_t count) { entries_.reserve(count); }

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
};

// "a=1&a=2&stale&b=": decoded, in order. A flag has no value; `b=` has an empty one.
class http_query {
 public:
  struct param {
    std::string name;
    std::optional<std::string> value;
  };
  static result<http_query> parse(std::string_view text);
  // Present, with or without a value.
  bool has(std::string_view name) const;
  // The first value; "" for a flag, nothing if absent.
  std::optional<std::string_view> get(std::string_view name) const;
  std::vector<std::string_view> get_all(std::string_view name) const;
  const std::vector<param>& params() const { return params_; }
  void add(std::string name, std::optional<std::string> value = std::nullopt) { params_.push_back({std::move(name), std::move(value)}); }
  // "a=1&stale", encoded.
  std::string text() const;

 private:
  std::vector<param> params_;
};

// RFC 3986. percent_encode keeps unreserved characters only (so "/" becomes %2F). decode refuses "%" without two hex digits.
std::string percent_encode(std::string_view text);
result<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

struct http_request {
  std::string method;  // as sent: "GET"
  std::string target;  // as sent: "/v1/job/a%2Fb?stale"
  http_headers headers;
  std::string body;
  std::string remote_address;  // "127.0.0.1:53124", "" for a Unix socket
  // The certificate's name if the client gave a verified one.
  std::string peer_name;
  bool encrypted = false;

  // Both decoded by the server before the handler runs (a target that cannot be decoded is refused with 400).
  // "/v1/job/a%2Fb" is {"v1", "job", "a/b"}; "/v1/jobs/" is {"v1", "jobs", ""}; "/" is {""}.
  std::vector<std::string> path;
  http_query query;
  // The target without the query, as sent.
  std::string_view raw_path() const;
};
// Fills path and query from target.
result<> decode_target(http_request& request);

struct http_response {
  int status = 200;
  http_headers headers{};  // the server adds Date, Content-Length, Connection, Content-Encoding
  std::string body{};
};

// "Not Found"; "" for a number nobody knows.
std::string_view http_reason(int status);

struct http_url {
  std::string scheme;  // http, https, ws, wss, unix
  std::string host;    // without brackets; for unix the socket's path
  uint16_t port = 0;
  std::string target;  // "/v1/jobs?x", "" if none was given; always "" for unix
};
// "http://127.0.0.1:4646/base", "https://[::1]", "unix:///run/drover.sock", "127.0.0.1:4646" (http).
result<http_url> parse_url(std::string_view text);

}  // namespace drover::net
