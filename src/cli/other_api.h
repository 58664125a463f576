// The HTTP API of another program (Consul, Vault), as a command uses it: one request after another, blocking, on a loop of its own.
// One thread. Nothing of the network shows here, so that commands compile quickly.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace drover::cli {

struct other_api_options {
  std::string address{};  // "https://127.0.0.1:8501"; without a scheme: http
  // Sent with every request.
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string ca_file{}, ca_directory{}, certificate_file{}, key_file{};
};

struct other_api_request {
  std::string method = "GET", path{}, body{};
  std::vector<std::pair<std::string, std::string>> headers{};
};

struct other_api_answer {
  int status = 0;
  std::string body;
};

class other_api {
 public:
  static result<std::unique_ptr<other_api>> create(other_api_options options);
  ~other_api();
  // Any status is a success here; errors: nobody answers, or not in time.
  result<other_api_answer> send(other_api_request request);

 private:
  struct connection;
  explicit other_api(std::unique_ptr<connection> made);
  std::unique_ptr<connection> connection_;
};

// What a flag says, else a variable of the environment; "" if neither.
std::string flag_or_environment(const class parsed_flags& flags, std::string_view flag, const char* variable);

}  // namespace drover::cli
