// The process of a plugin (HashiCorp's go-plugin protocol): started so that it outlives the agent, and found again by the next one.
//
// Loop thread. Lifecycle: start() or attach(); destroying the object leaves the process running. Its output goes into two files of its
// directory, so that nothing it says ever meets a pipe that nobody reads. Source: docs/internals/plugins.md.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/driver/shim_task.h"
#include "net/stream.h"

namespace drover::client::external {

// How to find it again. Stored as text.
struct process_identity {
  int pid = 0;
  uint64_t start_ticks = 0;
  // Where it listens: "unix:///tmp/plugin123" or "127.0.0.1:14000". Empty: it has not said so yet.
  std::string address;
  // What was started: path, file and arguments. Another text: the program was replaced since.
  std::string program;
};

struct start_request {
  std::string path;
  std::vector<std::string> args;
  // Its own, private to the agent: "stdout", "stderr", a socket.
  std::string directory;
  int64_t min_port = 0, max_port = 0;
};
std::string program_text(const start_request& request);

// The first line that a plugin says: "1|2|unix|/tmp/plugin123|grpc". The error says what is wrong with it.
result<net::endpoint> parse_handshake(std::string_view line);

class plugin_process {
 public:
  // Started, and in `into` as soon as that is so; it has not said yet where it listens.
  static awaitable<result<std::unique_ptr<plugin_process>>> start(shim_services& services, start_request request);
  // not_found: it does not run any more.
  static result<std::unique_ptr<plugin_process>> attach(net::loop& l, process_identity identity);
  ~plugin_process();

  const process_identity& identity() const { return identity_; }
  // Waits for the line. The error has the last words of a plugin that ended instead.
  awaitable<result<>> handshake(net::loop& l, start_request request);
  result<net::endpoint> address() const { return net::parse_endpoint(identity_.address); }
  // Until it has ended.
  awaitable<result<>> wait_end();
  bool ended();
  void kill();
  // With everything in its process group.
  void kill_group();

 private:
  plugin_process(process_identity identity, std::unique_ptr<net::byte_stream> end);
  process_identity identity_;
  // A pidfd.
  std::unique_ptr<net::byte_stream> end_;
};

}  // namespace drover::client::external
