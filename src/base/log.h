// The log front end: one logger per room, events as a constant message plus key=value fields, in the format that Nomad users know:
//   2026-11-21T01:10:15.932Z [INFO]  agent.server: node registered: node_id=... status=ready
// Thread-safe. error = a person must act. Secrets never reach a log: pass ids, not records.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace drover::log {

enum class level { trace, debug, info, warn, error, off };
// "TRACE" ... in any case, also "WARN"/"ERR".
result<level> parse_level(std::string_view text);

struct field {
  std::string_view key;
  std::string value;
  template <class T>
  field(std::string_view k, const T& v) : key(k), value(fmt::format("{}", v)) {}
  field(std::string_view k, duration v) : key(k), value(to_string(v)) {}
};

struct event {
  timestamp time;
  log::level level;
  std::string_view logger;
  std::string_view message;
  const field* fields;
  size_t field_count;
};
// One line without its newline; values with blanks or quotes are quoted.
std::string format_line(const event& e);
// The same as a JSON object ("@level", "@message", "@module", "@timestamp", then the fields).
std::string format_json(const event& e);

// Cheap to copy. The name is dotted: "client.alloc_runner".
class logger {
 public:
  explicit logger(std::string name) : name_(std::make_shared<const std::string>(std::move(name))) {}
  logger named(std::string_view part) const { return logger(*name_ + "." + std::string(part)); }
  void trace(std::string_view message, std::initializer_list<field> fields = {}) const { write(level::trace, message, fields); }
  void debug(std::string_view message, std::initializer_list<field> fields = {}) const { write(level::debug, message, fields); }
  void info(std::string_view message, std::initializer_list<field> fields = {}) const { write(level::info, message, fields); }
  void warn(std::string_view message, std::initializer_list<field> fields = {}) const { write(level::warn, message, fields); }
  void error(std::string_view message, std::initializer_list<field> fields = {}) const { write(level::error, message, fields); }

 private:
  void write(level l, std::string_view message, std::initializer_list<field> fields) const;
  std::shared_ptr<const std::string> name_;
};

struct options {
  log::level level = log::level::info;
  bool json = false;
  // Empty: standard output. Otherwise a file, rotated at rotate_bytes with rotate_max_files kept (0: all).
  std::string file;
  int64_t rotate_bytes = 0;
  duration rotate_duration{};
  int rotate_max_files = 0;
};
// Process-wide; may be called again (SIGHUP changes the level).
result<> configure(options o);
void set_level(level l);
void flush();

// `agent/monitor` and tests: called for every event at or above `l`, on the thread that logged, after formatting limits; must not block
// and must not log. Ends when the handle is destroyed.
class subscription {
 public:
  virtual ~subscription() = default;
};
std::unique_ptr<subscription> subscribe(level l, std::function<void(const event&)> sink);

}  // namespace drover::log
