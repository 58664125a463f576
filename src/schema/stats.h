// Resource usage, host statistics, file listings and stream frames.
// Plain values; wire names and kinds are in the .cc beside this file. Fields and types follow the public wire (docs/parity.md).
#pragma once

#include "schema/describe.h"
#include "schema/fwd.h"

namespace drover::schema {

struct alloc_file_info {
  std::string name;
  bool is_dir = false;
  int64_t size = 0;
  std::string file_mode;
  timestamp mod_time;
  std::string content_type;
  DROVER_RECORD(alloc_file_info);
};

struct aggregate_sample {
  int64_t count = 0;
  double rate = 0;
  double sum = 0;
  double min = 0;
  double max = 0;
  DROVER_RECORD(aggregate_sample);
};

struct alloc_check_status {
  std::string id;
  std::string check;
  std::string group;
  std::string mode;
  std::string output;
  std::string service;
  std::string task;
  std::string status;
  int64_t status_code = 0;
  int64_t timestamp = 0;
  DROVER_RECORD(alloc_check_status);
};

struct cpu_stats {
  double system_mode = 0;
  double user_mode = 0;
  double total_ticks = 0;
  uint64_t throttled_periods = 0;
  uint64_t throttled_time = 0;
  double percent = 0;
  std::vector<std::string> measured;
  DROVER_RECORD(cpu_stats);
};

struct stat_value {
  std::optional<double> float_numerator_val;
  std::optional<double> float_denominator_val;
  std::optional<int64_t> int_numerator_val;
  std::optional<int64_t> int_denominator_val;
  std::optional<std::string> string_val;
  std::optional<bool> bool_val;
  std::string unit;
  std::string desc;
  DROVER_RECORD(stat_value);
};

struct stat_object {
  std::map<std::string, schema::stat_object> nested;
  std::map<std::string, schema::stat_value> attributes;
  DROVER_RECORD(stat_object);
};

struct device_stats {
  std::optional<schema::stat_value> summary;
  std::optional<schema::stat_object> stats;
  timestamp timestamp;
  DROVER_RECORD(device_stats);
};

struct device_group_stats {
  std::string vendor;
  std::string type;
  std::string name;
  std::map<std::string, schema::device_stats> instance_stats;
  DROVER_RECORD(device_group_stats);
};

struct memory_stats {
  uint64_t rss = 0;
  uint64_t cache = 0;
  uint64_t swap = 0;
  uint64_t usage = 0;
  uint64_t max_usage = 0;
  uint64_t kernel_usage = 0;
  uint64_t kernel_max_usage = 0;
  std::vector<std::string> measured;
  DROVER_RECORD(memory_stats);
};

struct resource_usage {
  std::optional<schema::memory_stats> memory_stats;
  std::optional<schema::cpu_stats> cpu_stats;
  std::vector<schema::device_group_stats> device_stats;
  DROVER_RECORD(resource_usage);
};

struct task_resource_usage {
  std::optional<schema::resource_usage> resource_usage;
  int64_t timestamp = 0;
  std::map<std::string, schema::resource_usage> pids;
  DROVER_RECORD(task_resource_usage);
};

struct alloc_resource_usage {
  std::optional<schema::resource_usage> resource_usage;
  std::map<std::string, schema::task_resource_usage> tasks;
  int64_t timestamp = 0;
  DROVER_RECORD(alloc_resource_usage);
};

struct disk_usage {
  int64_t disk_mb = 0;
  int64_t used_mb = 0;
  DROVER_RECORD(disk_usage);
};

struct exec_streaming_exit_result {
  int64_t exit_code = 0;
  DROVER_RECORD(exec_streaming_exit_result);
};

struct exec_streaming_io_operation {
  bytes data;
  bool close = false;
  DROVER_RECORD(exec_streaming_io_operation);
};

struct terminal_size {
  int64_t height = 0;
  int64_t width = 0;
  DROVER_RECORD(terminal_size);
};

struct exec_streaming_input {
  std::optional<schema::exec_streaming_io_operation> stdin;
  std::optional<schema::terminal_size> tty_size;
  DROVER_RECORD(exec_streaming_input);
};

struct exec_streaming_output {
  std::optional<schema::exec_streaming_io_operation> stdout;
  std::optional<schema::exec_streaming_io_operation> stderr;
  bool exited = false;
  std::optional<schema::exec_streaming_exit_result> result;
  DROVER_RECORD(exec_streaming_output);
};

struct gauge_value {
  std::string name;
  double value = 0;
  std::map<std::string, std::string> labels;
  DROVER_RECORD(gauge_value);
};

struct host_cpu_stats {
  std::string cpu;
  double user = 0;
  double system = 0;
  double idle = 0;
  double total_percent = 0;
  double total_ticks = 0;
  DROVER_RECORD(host_cpu_stats);
};

struct host_data {
  std::string os;
  std::vector<std::map<std::string, std::string>> network;
  std::string resolv_conf;
  std::string hosts;
  std::map<std::string, std::string> environment;
  std::map<std::string, schema::disk_usage> disk;
  DROVER_RECORD(host_data);
};

struct host_disk_stats {
  std::string device;
  std::string mountpoint;
  uint64_t size = 0;
  uint64_t used = 0;
  uint64_t available = 0;
  double used_percent = 0;
  double inodes_used_percent = 0;
  DROVER_RECORD(host_disk_stats);
};

struct host_memory_stats {
  uint64_t total = 0;
  uint64_t available = 0;
  uint64_t used = 0;
  uint64_t free = 0;
  DROVER_RECORD(host_memory_stats);
};

struct host_stats {
  std::optional<schema::host_memory_stats> memory;
  std::vector<schema::host_cpu_stats> cpu;
  std::vector<schema::host_disk_stats> disk_stats;
  std::optional<schema::host_disk_stats> alloc_dir_stats;
  std::vector<schema::device_group_stats> device_stats;
  uint64_t uptime = 0;
  int64_t timestamp = 0;  // nanoseconds
  double cpu_ticks_consumed = 0;
  DROVER_RECORD(host_stats);
};

struct point_value {
  std::string name;
  std::vector<double> points;
  DROVER_RECORD(point_value);
};

struct sampled_value : aggregate_sample {
  std::string name;
  double mean = 0;
  double stddev = 0;
  std::map<std::string, std::string> labels;
  DROVER_RECORD(sampled_value);
};

struct metrics_summary {
  std::string timestamp;
  std::vector<schema::gauge_value> gauges;
  std::vector<schema::point_value> points;
  std::vector<schema::sampled_value> counters;
  std::vector<schema::sampled_value> samples;
  DROVER_RECORD(metrics_summary);
};

struct stream_frame {
  int64_t offset = 0;
  bytes data;
  std::string file;
  std::string file_event;
  DROVER_RECORD(stream_frame);
};

}  // namespace drover::schema
