#include "client/stats_tracker.h"

namespace drover::client {

namespace {
double percent(uint64_t now, uint64_t before, int64_t elapsed_ns) {
  if (elapsed_ns <= 0 || now < before) return 0;
  return static_cast<double>(now - before) / static_cast<double>(elapsed_ns) * 100;
}

schema::cpu_stats cpu_rates(uint64_t user, uint64_t user_before, uint64_t system, uint64_t system_before, int64_t elapsed, double mhz) {
  schema::cpu_stats out;
  out.user_mode = percent(user, user_before, elapsed);
  out.system_mode = percent(system, system_before, elapsed);
  out.percent = out.user_mode + out.system_mode;
  out.total_ticks = out.percent / 100 * mhz;
  out.measured = {"System Mode", "User Mode", "Percent"};
  return out;
}
}  // namespace

schema::task_resource_usage stats_tracker::add(const exec::task_usage& now, double mhz) {
  exec::task_usage none;
  none.read_at_ns = now.read_at_ns;
  const auto& before = last_ ? *last_ : none;
  auto elapsed = now.read_at_ns - before.read_at_ns;

  schema::task_resource_usage out;
  out.timestamp = now.read_at_ns;
  schema::memory_stats memory;
  memory.rss = now.rss_bytes;
  memory.cache = now.cache_bytes;
  memory.swap = now.swap_bytes;
  memory.usage = now.usage_bytes;
  memory.max_usage = now.max_usage_bytes;
  memory.kernel_usage = now.kernel_usage_bytes;
  memory.kernel_max_usage = now.kernel_max_usage_bytes;
  memory.measured = now.measured_memory;
  auto cpu = cpu_rates(now.cpu_user_ns, before.cpu_user_ns, now.cpu_system_ns, before.cpu_system_ns, elapsed, mhz);
  if (now.cpu_total_ns > 0) {
    cpu.percent = percent(now.cpu_total_ns, before.cpu_total_ns, elapsed);
    cpu.total_ticks = cpu.percent / 100 * mhz;
  }
  cpu.throttled_periods = now.throttled_periods;
  cpu.throttled_time = now.throttled_ns;
  if (!now.measured_cpu.empty()) cpu.measured = now.measured_cpu;
  out.resource_usage.emplace();
  out.resource_usage->memory_stats = std::move(memory);
  out.resource_usage->cpu_stats = std::move(cpu);

  for (auto& [pid, p] : now.processes) {
    auto earlier = before.processes.find(pid);
    auto from = earlier == before.processes.end() ? exec::process_usage{} : earlier->second;
    if (earlier == before.processes.end()) from = p;
    schema::resource_usage usage;
    usage.memory_stats.emplace();
    usage.memory_stats->rss = p.rss_bytes;
    usage.memory_stats->swap = p.swap_bytes;
    usage.memory_stats->measured = {"RSS", "Swap"};
    usage.cpu_stats = cpu_rates(p.cpu_user_ns, from.cpu_user_ns, p.cpu_system_ns, from.cpu_system_ns, elapsed, mhz);
    out.pids[std::to_string(pid)] = std::move(usage);
  }
  last_ = now;
  return out;
}

void add_usage(schema::resource_usage& sum, const schema::resource_usage& more) {
  if (!sum.memory_stats) sum.memory_stats.emplace();
  if (!sum.cpu_stats) sum.cpu_stats.emplace();
  if (more.memory_stats) {
    auto& to = *sum.memory_stats;
    auto& from = *more.memory_stats;
    to.rss += from.rss;
    to.cache += from.cache;
    to.swap += from.swap;
    to.usage += from.usage;
    to.max_usage += from.max_usage;
    to.kernel_usage += from.kernel_usage;
    to.kernel_max_usage += from.kernel_max_usage;
    if (to.measured.empty()) to.measured = from.measured;
  }
  if (more.cpu_stats) {
    auto& to = *sum.cpu_stats;
    auto& from = *more.cpu_stats;
    to.system_mode += from.system_mode;
    to.user_mode += from.user_mode;
    to.total_ticks += from.total_ticks;
    to.percent += from.percent;
    to.throttled_periods += from.throttled_periods;
    to.throttled_time += from.throttled_time;
    if (to.measured.empty()) to.measured = from.measured;
  }
}

}  // namespace drover::client
