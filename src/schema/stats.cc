#include "schema/stats.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF alloc_file_info
DESCRIBE(alloc_file_info, "AllocFileInfo", BASES(), FIELD(name), FIELD(is_dir), FIELD(size), FIELD(file_mode), FIELD(mod_time), FIELD(content_type))
#undef SELF

#define SELF aggregate_sample
DESCRIBE(aggregate_sample, "AggregateSample", BASES(), FIELD(count), FIELD(rate), FIELD(sum), FIELD(min), FIELD(max))
#undef SELF

#define SELF alloc_check_status
DESCRIBE(alloc_check_status, "AllocCheckStatus", BASES(), FIELD(id), FIELD(check), FIELD(group), FIELD(mode), FIELD(output), FIELD(service),
         FIELD_FLAGS(task, json_omit_empty), FIELD(status), FIELD_FLAGS(status_code, json_omit_empty), FIELD(timestamp))
#undef SELF

#define SELF cpu_stats
DESCRIBE(cpu_stats, "CpuStats", BASES(), FIELD(system_mode), FIELD(user_mode), FIELD(total_ticks), FIELD(throttled_periods), FIELD(throttled_time),
         FIELD(percent), FIELD(measured))
#undef SELF

#define SELF stat_value
DESCRIBE(stat_value, "StatValue", BASES(), FIELD_FLAGS(float_numerator_val, json_omit_empty), FIELD_FLAGS(float_denominator_val, json_omit_empty),
         FIELD_FLAGS(int_numerator_val, json_omit_empty), FIELD_FLAGS(int_denominator_val, json_omit_empty), FIELD_FLAGS(string_val, json_omit_empty),
         FIELD_FLAGS(bool_val, json_omit_empty), FIELD_FLAGS(unit, json_omit_empty), FIELD_FLAGS(desc, json_omit_empty))
#undef SELF

#define SELF stat_object
DESCRIBE(stat_object, "StatObject", BASES(), FIELD(nested), FIELD(attributes))
#undef SELF

#define SELF device_stats
DESCRIBE(device_stats, "DeviceStats", BASES(), FIELD(summary), FIELD(stats), FIELD(timestamp))
#undef SELF

#define SELF device_group_stats
DESCRIBE(device_group_stats, "DeviceGroupStats", BASES(), FIELD(vendor), FIELD(type), FIELD(name), FIELD(instance_stats))
#undef SELF

#define SELF memory_stats
DESCRIBE(memory_stats, "MemoryStats", BASES(), FIELD(rss), FIELD(cache), FIELD(swap), FIELD(usage), FIELD(max_usage), FIELD(kernel_usage),
         FIELD(kernel_max_usage), FIELD(measured))
#undef SELF

#define SELF resource_usage
DESCRIBE(resource_usage, "ResourceUsage", BASES(), FIELD(memory_stats), FIELD_AS(cpu_stats, "CpuStats"), FIELD(device_stats))
#undef SELF

#define SELF task_resource_usage
DESCRIBE(task_resource_usage, "TaskResourceUsage", BASES(), FIELD(resource_usage), FIELD(timestamp), FIELD(pids))
#undef SELF

#define SELF alloc_resource_usage
DESCRIBE(alloc_resource_usage, "AllocResourceUsage", BASES(), FIELD(resource_usage), FIELD(tasks), FIELD(timestamp))
#undef SELF

#define SELF disk_usage
DESCRIBE(disk_usage, "DiskUsage", BASES(), FIELD(disk_mb), FIELD(used_mb))
#undef SELF

#define SELF exec_streaming_exit_result
DESCRIBE(exec_streaming_exit_result, "ExecStreamingExitResult", BASES(), FIELD_AS(exit_code, "exit_code"))
#undef SELF

#define SELF exec_streaming_io_operation
DESCRIBE(exec_streaming_io_operation, "ExecStreamingIOOperation", BASES(), FIELD_AS(data, "data", json_omit_empty), FIELD_AS(close, "close", json_omit_empty))
#undef SELF

#define SELF terminal_size
DESCRIBE(terminal_size, "TerminalSize", BASES(), FIELD_AS(height, "height", json_omit_empty), FIELD_AS(width, "width", json_omit_empty))
#undef SELF

#define SELF exec_streaming_input
DESCRIBE(exec_streaming_input, "ExecStreamingInput", BASES(), FIELD_AS(stdin, "stdin", json_omit_empty), FIELD_AS(tty_size, "tty_size", json_omit_empty))
#undef SELF

#define SELF exec_streaming_output
DESCRIBE(exec_streaming_output, "ExecStreamingOutput", BASES(), FIELD_AS(stdout, "stdout", json_omit_empty), FIELD_AS(stderr, "stderr", json_omit_empty),
         FIELD_AS(exited, "exited", json_omit_empty), FIELD_AS(result, "result", json_omit_empty))
#undef SELF

#define SELF gauge_value
DESCRIBE(gauge_value, "GaugeValue", BASES(), FIELD(name), FIELD(value), FIELD(labels))
#undef SELF

#define SELF host_cpu_stats
DESCRIBE(host_cpu_stats, "HostCPUStats", BASES(), FIELD(cpu), FIELD(user), FIELD(system), FIELD(idle), FIELD(total_percent), FIELD(total_ticks))
#undef SELF

#define SELF host_data
DESCRIBE(host_data, "HostData", BASES(), FIELD(os), FIELD(network), FIELD(resolv_conf), FIELD(hosts), FIELD(environment), FIELD(disk))
#undef SELF

#define SELF host_disk_stats
DESCRIBE(host_disk_stats, "HostDiskStats", BASES(), FIELD(device), FIELD(mountpoint), FIELD(size), FIELD(used), FIELD(available), FIELD(used_percent),
         FIELD(inodes_used_percent))
#undef SELF

#define SELF host_memory_stats
DESCRIBE(host_memory_stats, "HostMemoryStats", BASES(), FIELD(total), FIELD(available), FIELD(used), FIELD(free))
#undef SELF

#define SELF host_stats
DESCRIBE(host_stats, "HostStats", BASES(), FIELD(memory), FIELD(cpu), FIELD(disk_stats), FIELD(alloc_dir_stats), FIELD(device_stats), FIELD(uptime),
         FIELD(timestamp), FIELD(cpu_ticks_consumed))
#undef SELF

#define SELF point_value
DESCRIBE(point_value, "PointValue", BASES(), FIELD(name), FIELD(points))
#undef SELF

#define SELF sampled_value
DESCRIBE(sampled_value, "SampledValue", BASES(aggregate_sample), FIELD(name), FIELD(mean), FIELD(stddev), FIELD(labels))
#undef SELF

#define SELF metrics_summary
DESCRIBE(metrics_summary, "MetricsSummary", BASES(), FIELD(timestamp), FIELD(gauges), FIELD(points), FIELD(counters), FIELD(samples))
#undef SELF

#define SELF stream_frame
DESCRIBE(stream_frame, "StreamFrame", BASES(), FIELD_FLAGS(offset, json_omit_empty), FIELD_FLAGS(data, json_omit_empty), FIELD_FLAGS(file, json_omit_empty),
         FIELD_FLAGS(file_event, json_omit_empty))
#undef SELF

}  // namespace drover::schema
