// Takes what a task writes on to a sink of its logs block: a file of JSON lines, or syslog over UDP or TCP.
//
// It reads the task's own log files, as `alloc logs` does. So a sink that is slow or dead stops neither the task nor its files: they are the
// buffer, and what is rotated away before the sink has taken it is counted and left out. Where it stands is kept on disk: a new agent goes on there
// (what was sent in the last second before a crash is sent again). Works for every driver.
//
// Loop thread; files are read on the blocking pool. Lifecycle: create, spawn run() in a scope of the owner's, co_await drain() after that scope ended.
#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "client/logs/log_files.h"
#include "client/logs/log_line.h"
#include "net/blocking.h"
#include "net/loop.h"
#include "schema/service.h"

namespace drover::client {

// Of all sinks of this node, since the agent began.
struct log_sink_counters {
  uint64_t lines = 0;
  uint64_t bytes_dropped = 0;
  uint64_t failures = 0;  // times that a sink did not take what it was given
};

struct log_sink_options {
  schema::log_sink sink;  // its address without variables
  log_labels labels;
  std::string log_dir;
  // Where it stands is written to this file.
  std::string position_file;
  int64_t max_files = 10, file_bytes_max = 10 << 20;
};

// What takes the lines of a batch in the end.
class log_target {
 public:
  virtual ~log_target() = default;
  struct entry {
    std::string_view stream;
    std::string line;
  };
  // All of them, or an error: then all are given again.
  virtual net::awaitable<result<>> take(std::vector<entry> lines) = 0;
};
result<std::unique_ptr<log_target>> make_log_target(const log_sink_options& options, net::loop& loop, net::blocking_pool& pool);

class log_shipper {
 public:
  log_shipper(log_sink_options options, std::unique_ptr<log_target> target, net::loop& loop, net::blocking_pool& pool, log_sink_counters& counters);
  net::awaitable<void> run();
  // What is there still, if the sink takes it within a moment.
  net::awaitable<void> drain();

 private:
  struct stream_state {
    std::string_view name;
    log_position at{};
    line_splitter lines{};
  };
  struct piece {
    std::string data;
    int64_t dropped = 0;
    log_position next{};
  };
  net::awaitable<bool> ship_once(bool last);
  net::awaitable<result<bool>> ship_stream(stream_state& s, bool last);
  piece read_piece(const stream_state& s) const;
  void load_position();
  net::awaitable<void> save_position();

  log_sink_options options_;
  std::unique_ptr<log_target> target_;
  net::loop& loop_;
  net::blocking_pool& pool_;
  log_sink_counters& counters_;
  stream_state streams_[2] = {{.name = "stdout"}, {.name = "stderr"}};
  log::logger logger_{"client.log_sink"};
  bool well_ = true, unsaved_ = false;
};

}  // namespace drover::client
