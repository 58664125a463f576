// The HTTP API as a command uses it: one request after another (or a few at once), blocking, on a loop of its own. Connects at the first
// request. One thread. Nothing of the network shows here, so that commands compile quickly; api_stream.h is for those that stream.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/value.h"
#include "codec/json.h"

namespace drover::cli {

struct api_options {
  std::string address = "http://127.0.0.1:4646";
  std::string region{}, namespace_{}, token{}, basic_auth{};
  std::string ca_file{}, ca_directory{}, certificate_file{}, key_file{}, tls_server_name{};
  bool tls_verify = true;
};

struct api_request {
  std::string method = "GET";
  std::string path{};  // encoded; see path_word()
  std::vector<std::pair<std::string, std::string>> query{};
  std::string body{};
  // Instead of the one from flags and environment.
  std::string namespace_{};
  // Above zero: a blocking query, answered when there is something newer.
  uint64_t index = 0;
  std::vector<std::pair<std::string, std::string>> headers{};
  // No status makes an error: the answer has it, its headers and whatever body came.
  bool any_status = false;
};

struct api_answer {
  int status = 0;
  std::string body;
  uint64_t index = 0;
  std::string next_token;
  std::vector<std::pair<std::string, std::string>> headers;  // where any_status was asked for
};

template <class T>
struct indexed {
  T value{};
  uint64_t index = 0;
};

class api_client {
 public:
  explicit api_client(api_options options);
  ~api_client();
  api_client(const api_client&) = delete;
  api_client& operator=(const api_client&) = delete;

  const api_options& options() const { return options_; }
  void set_namespace(std::string name) { options_.namespace_ = std::move(name); }
  void set_region(std::string name) { options_.region = std::move(name); }

  // Any status of 400 and more is an error: "Unexpected response code: 404 (job not found)".
  result<api_answer> send(api_request request);
  // All of them at once, in order; each has its own result.
  std::vector<result<api_answer>> send_all(std::vector<api_request> requests);
  // The answer's bytes as they come, until it ends or `take` says false.
  result<> stream(api_request request, const std::function<bool(std::string_view)>& take);
  // The loop and what is open on it: see api_stream.h.
  struct connection;
  connection& connected();

  template <class T>
  result<T> get(api_request request) {
    TRY_ASSIGN(auto answer, send(std::move(request)));
    return decode<T>(answer.body);
  }
  template <class T>
  result<T> get(std::string path) {
    return get<T>(api_request{.path = std::move(path)});
  }
  template <class T>
  result<indexed<T>> get_indexed(api_request request) {
    TRY_ASSIGN(auto answer, send(std::move(request)));
    TRY_ASSIGN(auto value, decode<T>(answer.body));
    return indexed<T>{std::move(value), answer.index};
  }
  template <class T>
  static result<T> decode(std::string_view body) {
    auto out = codec::from_json<T>(body);
    if (!out) return wrap(out.error(), "the agent's answer is not what it should be");
    return out;
  }

 private:
  api_options options_;
  std::unique_ptr<connection> connection_;
};

// A part of a path, encoded: "a/b" is "a%2Fb".
std::string path_word(std::string_view text);

}  // namespace drover::cli
