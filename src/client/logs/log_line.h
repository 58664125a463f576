// The lines of a task's output as other systems take them: JSON objects and syslog messages (RFC 5424). Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace drover::client {

// Where a line comes from.
struct log_labels {
  std::string namespace_, job, group, task, alloc_id, node;
};

// Cuts a stream into lines without their end; one that is longer than line_bytes_max comes in pieces.
class line_splitter {
 public:
  static constexpr size_t line_bytes_max = 16 * 1024;
  std::vector<std::string> add(std::string_view data);
  // What came after the last line end.
  const std::string& rest() const { return rest_; }
  std::string take_rest();

 private:
  std::string rest_;
};

// {"time": ..., "stream": "stdout", "message": ..., "namespace": ..., ...} and a newline.
std::string json_line(const log_labels& from, std::string_view stream, timestamp time, const std::string& line);

// "local0" -> 16; "" is local0.
result<int> syslog_facility(std::string_view name);
// Without a frame. Severity: informational from stdout, error from stderr.
std::string syslog_message(const log_labels& from, std::string_view stream, timestamp time, int facility, std::string_view line);
// As TCP carries it (RFC 6587, octet counting): its length before it.
std::string octet_counted(const std::string& message);

}  // namespace drover::client
