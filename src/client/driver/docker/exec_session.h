// One `alloc exec` session in a container: a connection that dockerd handed over. Loop thread.
#pragma once

#include <memory>
#include <string>

#include "client/driver/docker/api.h"
#include "client/driver/driver.h"
#include "net/task_scope.h"

namespace drover::client::docker {

// `scope` outlives the session: resizing is a call of its own.
awaitable<result<std::unique_ptr<exec_process>>> start_exec(std::shared_ptr<api> engine, net::task_scope& scope, std::string container, exec_options options);

// Takes apart the frames that dockerd sends for a container without a terminal: { stream, 0, 0, 0, length of 4 bytes }. Pure.
class frame_reader {
 public:
  void add(std::string_view bytes) { pending_.append(bytes); }
  // Nothing: more bytes are needed. A large frame comes in pieces.
  result<std::optional<exec_process::chunk>> next();

 private:
  std::string pending_;
  uint32_t left_ = 0;
  bool is_stderr_ = false;
};

}  // namespace drover::client::docker
