// The Docker Engine API over its unix socket: JSON calls, answers that arrive bit by bit, and connections taken over for a terminal.
// Loop thread. Speaks the newest version that both know (1.24 at least).
//
// Errors: unavailable (dockerd does not answer, or has an error of its own), not_found, conflict, invalid (dockerd refuses what was asked),
// timeout. The sentence is dockerd's.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/value.h"
#include "net/blocking.h"
#include "net/http_client.h"
#include "net/stream.h"

namespace drover::client::docker {

using net::awaitable;

struct api_call {
  std::string method = "GET";
  // Below the version: "/containers/json?all=1".
  std::string target;
  // Null: no body.
  value body{};
  net::http_headers headers{};
  // Zero: none.
  duration timeout = seconds(60);
};

class api {
 public:
  // unix:///var/run/docker.sock
  static result<std::unique_ptr<api>> create(net::loop& l, net::blocking_pool& pool, const std::string& endpoint);

  // The decoded answer; null for an empty one. 304 (nothing to do) counts as success.
  awaitable<result<value>> call(api_call what);
  // For answers without an end, such as a pull or the events; any status but success is an error here too.
  awaitable<result<std::unique_ptr<net::http_body_reader>>> open(api_call what);
  // The connection itself after an "Upgrade: tcp"; `already` is what came with the head.
  struct taken_over {
    std::unique_ptr<net::byte_stream> stream;
    std::string already;
  };
  awaitable<result<taken_over>> take_over(std::string target, value body);
  // Sends a file or a text as the body ("application/x-tar") and gives the answer as text.
  awaitable<result<std::string>> upload_file(std::string target, std::string path);
  awaitable<result<std::string>> upload(std::string target, std::string body);
  // By name or id, running or not; success if there is none. A removal that is under way already (our own, interrupted) is waited for.
  awaitable<result<>> remove_container(std::string container);

  const std::string& socket_path() const { return socket_path_; }
  // "/v1.41"; asks dockerd the first time.
  awaitable<result<std::string>> version_prefix();
  // dockerd may come back as another version.
  void forget_version() { prefix_.clear(); }

 private:
  api(net::loop& l, net::blocking_pool& pool, std::string socket_path, std::unique_ptr<net::http_client> client);
  awaitable<result<net::http_client_request>> make_request(api_call what);

  net::loop& loop_;
  net::blocking_pool& pool_;
  std::string socket_path_;
  std::unique_ptr<net::http_client> client_;
  std::string prefix_;
};

// Pure. What dockerd's answer with this status means; nothing for success.
result<> check_status(int status, std::string_view body, std::string_view what);
// Members of JSON that somebody else wrote: "" or 0 where there is none of that kind. `path` goes down: "State.Pid".
std::string text_at(const value& v, std::string_view path);
int64_t integer_at(const value& v, std::string_view path);
bool boolean_at(const value& v, std::string_view path);
const value* find_at(const value& v, std::string_view path);

}  // namespace drover::client::docker
