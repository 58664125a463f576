// The messages of Nomad's plugin protocol that we send and understand, as plain values. Field numbers and meaning: docs/internals/plugins.md.
// Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/driver/driver.h"

namespace drover::client::external {

struct plugin_info {
  static constexpr int64_t driver = 2, device = 3;
  int64_t type = 0;
  std::vector<std::string> api_versions;
  std::string version, name;
};
result<plugin_info> parse_plugin_info(std::string_view message);
// Of answers that hold one message in field 1 (ConfigSchema, TaskConfigSchema, Capabilities): its bytes.
result<std::string> parse_inner(std::string_view message);

struct set_config {
  std::string msgpack, api_version;
  int64_t min_port = 0, max_port = 0;
  size_t cores = 0;
  int64_t core_mhz = 0;
};
std::string encode(const set_config& c);

struct capabilities {
  enum class isolation : uint8_t { none = 0, chroot = 1, image = 2, unveil = 3 };
  bool send_signals = false, exec = false, must_create_network = false, no_mounts = false, disable_log_collection = false;
  isolation root = isolation::none;
};
result<capabilities> parse_capabilities(std::string_view message);

struct fingerprint {
  enum class health : uint8_t { undetected = 0, unhealthy = 1, healthy = 2 };
  std::map<std::string, std::string> attributes;
  health state = health::undetected;
  std::string description, error;
};
result<fingerprint> parse_fingerprint(std::string_view message);

// What a driver is told of a task beyond its spec.
struct task_request {
  std::string id, msgpack, stdout_path, stderr_path, cgroup;
};
// A TaskConfig.
std::string encode_task(const task_spec& spec, const task_request& request);

struct start_answer {
  enum class outcome : uint8_t { success = 0, retry = 1, fatal = 2 };
  outcome result = outcome::success;
  std::string message;
  // The bytes of a TaskHandle, kept as they are.
  std::string handle;
};
result<start_answer> parse_start(std::string_view message);
// Of an error's details: may the same start succeed another time?
std::optional<bool> recoverable(std::string_view status_details);

// WaitTaskResponse.
result<task_exit> parse_wait(std::string_view message);
struct exec_output {
  std::string out, err;
  bool exited = false;
  task_exit exit;
  bool out_closed = false, err_closed = false;
};
// ExecTaskResponse, ExecTaskStreamingResponse.
result<exec_output> parse_exec(std::string_view message);
result<exec_output> parse_exec_part(std::string_view message);

// What a driver measures; CPU in percent of one core.
struct usage_sample {
  exec::task_usage memory;
  double system_percent = 0, user_percent = 0, percent = 0;
};
result<usage_sample> parse_stats(std::string_view message);

struct task_event {
  std::string task_id, message;
  std::map<std::string, std::string> annotations;
};
result<task_event> parse_event(std::string_view message);

// NetworkIsolationSpec, both ways.
struct isolation_spec {
  static constexpr int64_t group = 1;
  int64_t mode = 0;
  std::string path;
  std::map<std::string, std::string> labels;
  std::string hostname, address;
};
std::string encode(const isolation_spec& s);
struct create_network_answer {
  isolation_spec spec;
  bool created = false;
};
result<create_network_answer> parse_create_network(std::string_view message);

}  // namespace drover::client::external
