// One run of one check: http, tcp, grpc and script. Loop thread. Never fails: what went wrong is the outcome.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "client/service/workload.h"
#include "net/loop.h"

namespace drover::client {

struct check_outcome {
  bool passed = false;
  // Of an http check that got an answer; otherwise 0.
  int64_t status_code = 0;
  std::string output;
  // Not well, but not broken either: exit code 1 of a script.
  bool warning = false;
};

// What a script check needs: runs the command inside the task and gives its exit code and what it printed.
struct script_result {
  int code = 0;
  std::string output;
};
using script_runner = std::function<net::awaitable<result<script_result>>(std::vector<std::string> command)>;

// Ends within the check's timeout, or limits::check_timeout_max.
net::awaitable<check_outcome> run_check(net::loop& l, planned_check planned, schema::ref<schema::allocation> alloc, script_runner script);

// The standard health protocol: asks grpc.health.v1.Health/Check. Passed: the answer is SERVING.
struct grpc_question {
  std::string host;
  uint16_t port = 0;
  std::string service;
  bool use_tls = false;
  bool skip_verify = false;
  std::string server_name;
};
net::awaitable<result<>> ask_grpc_health(net::loop& l, grpc_question question);

}  // namespace drover::client
