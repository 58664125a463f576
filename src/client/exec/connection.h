// The agent's end of a connection to one shim: packets with descriptors and credentials. Internal to the room; one
// thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/exec/files.h"
#include "shim/protocol.h"

namespace drover::exec {

struct received_packet {
  shim::packet body{};
  // Of the sender, as this process sees it; 0 when the kernel could not say.
  int sender_pid = 0;
  std::string text() const;
};

class connection {
 public:
  connection() = default;
  // Makes a connected pair: ours, and the end that the shim inherits.
  static result<std::pair<connection, unique_fd>> pair();
  // To the socket inside a control directory. not_found: nobody listens there.
  static result<connection> open(const std::string& control_dir);

  int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }
  // The process that listens at the other end (only after open()).
  int peer_pid() const;
  result<> send(shim::packet p, const std::vector<int>& fds = {});
  // Nothing: no packet is there. Error closed: the other end is gone or sent something else.
  result<std::optional<received_packet>> receive();
  // Waits until `deadline` (steady clock, nanoseconds). Error timeout.
  result<received_packet> wait(int64_t deadline_ns);

 private:
  explicit connection(unique_fd fd) : fd_(std::move(fd)) {}
  unique_fd fd_;
};

// Nanoseconds on the steady clock.
int64_t steady_ns();

}  // namespace drover::exec
