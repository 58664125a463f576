// One output stream of a task on its way from a pipe into rotated files PREFIX.KIND.N. A file that cannot be written
// never stops the task: what does not fit is dropped, counted and noted in the file once it can be written again.
#pragma once

#include <stdint.h>

namespace drover::shim {

struct log_stream {
  const char* prefix = nullptr;  // LOG_DIR/TASK
  const char* kind = nullptr;    // "stdout" or "stderr"
  uint64_t files_max = 0;
  uint64_t file_bytes_max = 0;

  int pipe_fd = -1;
  int file_fd = -1;
  uint64_t index = 0;
  uint64_t file_bytes = 0;
  // Bytes dropped since the start, and since the last note in the file.
  uint64_t lost_total = 0;
  uint64_t lost_unnoted = 0;
  int lost_errno = 0;
};

// Continues the highest file that is there. False and errno when the files cannot be had for a reason that will not
// pass by itself (no such directory); a full disk is no such reason.
bool log_open(log_stream* s);
// Moves what is in the pipe, at most `bytes_max`. Closes the pipe at its end. Returns the number of bytes moved.
uint64_t log_pump(log_stream* s, uint64_t bytes_max);
// Appends to the files; what cannot be written is dropped and counted.
void log_store(log_stream* s, const char* data, uint64_t size);
// Moves what is in the pipe right now, no more: a process that writes forever does not hold it up.
void log_drain(log_stream* s);

}  // namespace drover::shim
