// What a node counts: what it has given to allocations, and, where the telemetry block asks for it, how busy the machine and each task is.
#include <algorithm>

#include "api/http_api.h"
#include "api/metrics.h"
#include "base/text.h"
#include "client/alloc_runner.h"
#include "client/logs/log_sink.h"
#include "schema/alloc_rpc.h"

namespace drover::api {
namespace {

using labels = metrics_list::labels;

double number(auto n) { return static_cast<double>(n); }

labels node_labels(const schema::node& node) {
  return {{"node_id", node.id},          {"datacenter", node.datacenter}, {"node_class", node.node_class.empty() ? "none" : node.node_class},
          {"node_pool", node.node_pool}, {"node_status", node.status},    {"node_scheduling_eligibility", node.scheduling_eligibility}};
}

struct given {
  int64_t cpu = 0, memory = 0, max_memory = 0, disk = 0;
};

bool has_ended(const schema::allocation& a) { return a.client_status == "complete" || a.client_status == "failed" || a.client_status == "lost"; }

given sum_of(const std::vector<schema::ref<schema::allocation>>& allocs) {
  given out;
  for (const auto& alloc : allocs) {
    if (has_ended(*alloc) || !alloc->allocated_resources) continue;
    for (const auto& [name, task] : alloc->allocated_resources->tasks) {
      out.cpu += task.cpu.cpu_shares;
      out.memory += task.memory.memory_mb;
      out.max_memory += std::max(task.memory.memory_max_mb, task.memory.memory_mb);
    }
    out.disk += alloc->allocated_resources->shared.disk_mb;
  }
  return out;
}

void add_allocated(const schema::node& node, const given& sum, metrics_list& out) {
  const auto with = node_labels(node);
  out.gauge("nomad.client.allocated.cpu", number(sum.cpu), with);
  out.gauge("nomad.client.allocated.memory", number(sum.memory), with);
  out.gauge("nomad.client.allocated.max_memory", number(sum.max_memory), with);
  out.gauge("nomad.client.allocated.disk", number(sum.disk), with);
  if (!node.node_resources) return;
  const auto& all = *node.node_resources;
  const auto reserved = node.reserved_resources.value_or(schema::node_reserved_resources());
  out.gauge("nomad.client.unallocated.cpu", number(static_cast<int64_t>(all.cpu.cpu_shares) - static_cast<int64_t>(reserved.cpu.cpu_shares) - sum.cpu), with);
  out.gauge("nomad.client.unallocated.memory",
            number(static_cast<int64_t>(all.memory.memory_mb) - static_cast<int64_t>(reserved.memory.memory_mb) - sum.memory), with);
  out.gauge("nomad.client.unallocated.disk", number(static_cast<int64_t>(all.disk.disk_mb) - static_cast<int64_t>(reserved.disk.disk_mb) - sum.disk), with);
}

void add_counts(const schema::node& node, const std::vector<schema::ref<schema::allocation>>& allocs, metrics_list& out) {
  std::map<std::string, int> counts{{"blocked", 0}, {"migrating", 0}, {"pending", 0}, {"running", 0}, {"terminal", 0}};
  std::map<std::string, int> tasks{{"pending", 0}, {"running", 0}, {"dead", 0}};
  for (const auto& alloc : allocs) {
    ++counts[has_ended(*alloc) ? "terminal" : alloc->client_status == "running" ? "running" : "pending"];
    for (const auto& [name, task] : alloc->task_states) ++tasks[task.state];
  }
  for (const auto& [name, count] : counts) out.gauge("nomad.client.allocations." + name, count, node_labels(node));
  for (const auto& [name, count] : tasks) out.gauge("nomad.client.tasks." + name, count, node_labels(node));
}

labels with_label(labels to, const char* name, const std::string& text) {
  to[name] = text;
  return to;
}

void add_host(const schema::node& node, const schema::host_stats& host, metrics_list& out) {
  const auto with = node_labels(node);
  if (host.memory) {
    out.gauge("nomad.client.host.memory.total", number(host.memory->total), with);
    out.gauge("nomad.client.host.memory.available", number(host.memory->available), with);
    out.gauge("nomad.client.host.memory.used", number(host.memory->used), with);
    out.gauge("nomad.client.host.memory.free", number(host.memory->free), with);
  }
  for (const auto& cpu : host.cpu) {
    const auto labelled = with_label(with, "cpu", cpu.cpu);
    out.gauge("nomad.client.host.cpu.user", cpu.user, labelled);
    out.gauge("nomad.client.host.cpu.system", cpu.system, labelled);
    out.gauge("nomad.client.host.cpu.idle", cpu.idle, labelled);
    out.gauge("nomad.client.host.cpu.total", 100 - cpu.idle, labelled);
    out.gauge("nomad.client.host.cpu.total_percent", 100 - cpu.idle, labelled);
  }
  for (const auto& disk : host.disk_stats) {
    const auto labelled = with_label(with, "disk", disk.device);
    out.gauge("nomad.client.host.disk.size", number(disk.size), labelled);
    out.gauge("nomad.client.host.disk.used", number(disk.used), labelled);
    out.gauge("nomad.client.host.disk.available", number(disk.available), labelled);
    out.gauge("nomad.client.host.disk.used_percent", disk.used_percent, labelled);
    out.gauge("nomad.client.host.disk.inodes_percent", disk.inodes_used_percent, labelled);
  }
  out.gauge("nomad.client.host.cpu.total_ticks", host.cpu_ticks_consumed, with);
  out.gauge("nomad.client.uptime", number(host.uptime), with);
}

// What job, group and task say of themselves, the innermost first.
void add_meta(const schema::allocation& alloc, const std::string& task_name, const telemetry_options& rules, labels& out) {
  auto add = [&](const std::map<std::string, std::string>& meta) {
    for (const auto& [key, text] : meta) {
      if (!rules.allocation_meta_keys.empty() && std::ranges::find(rules.allocation_meta_keys, key) == rules.allocation_meta_keys.end()) continue;
      auto name = key;
      std::ranges::replace(name, '-', '_');
      out.try_emplace(std::move(name), text);
    }
  };
  for (const auto& group : alloc.job->task_groups) {
    if (group.name != alloc.task_group) continue;
    for (const auto& task : group.tasks)
      if (task.name == task_name) add(task.meta);
    add(group.meta);
  }
  add(alloc.job->meta);
}

labels task_labels(const schema::allocation& alloc, const std::string& task, const telemetry_options& rules) {
  labels out{{"job", alloc.job_id}, {"task_group", alloc.task_group}, {"alloc_id", alloc.id}, {"task", task}, {"namespace", alloc.namespace_}};
  if (alloc.job && !alloc.job->parent_id.empty()) out["parent_id"] = alloc.job->parent_id;
  if (alloc.job && rules.allocation_meta) add_meta(alloc, task, rules, out);
  return out;
}

void add_usage(const labels& with, const schema::resource_usage& usage, metrics_list& out) {
  if (const auto& m = usage.memory_stats) {
    const std::pair<const char*, uint64_t> rows[] = {{"RSS", m->rss},
                                                     {"Cache", m->cache},
                                                     {"Swap", m->swap},
                                                     {"Usage", m->usage},
                                                     {"Max Usage", m->max_usage},
                                                     {"Kernel Usage", m->kernel_usage},
                                                     {"Kernel Max Usage", m->kernel_max_usage}};
    for (const auto& [measured, bytes] : rows) {
      if (std::ranges::find(m->measured, measured) == m->measured.end()) continue;
      std::string name = to_lower(measured);
      std::ranges::replace(name, ' ', '_');
      out.gauge("nomad.client.allocs.memory." + name, number(bytes), with);
    }
  }
  if (const auto& cpu = usage.cpu_stats) {
    out.gauge("nomad.client.allocs.cpu.total_percent", cpu->percent, with);
    out.gauge("nomad.client.allocs.cpu.total_ticks", cpu->total_ticks, with);
    out.gauge("nomad.client.allocs.cpu.system", cpu->system_mode, with);
    out.gauge("nomad.client.allocs.cpu.user", cpu->user_mode, with);
    out.gauge("nomad.client.allocs.cpu.throttled_time", number(cpu->throttled_time), with);
    out.gauge("nomad.client.allocs.cpu.throttled_periods", number(cpu->throttled_periods), with);
  }
}

void add_alloc(const schema::allocation& alloc, const schema::alloc_resource_usage& usage, const telemetry_options& rules, metrics_list& out) {
  for (const auto& [task, used] : usage.tasks) {
    const auto with = task_labels(alloc, task, rules);
    if (used.resource_usage) add_usage(with, *used.resource_usage, out);
    if (!alloc.allocated_resources) continue;
    auto wanted = alloc.allocated_resources->tasks.find(task);
    if (wanted == alloc.allocated_resources->tasks.end()) continue;
    constexpr double mb = 1024 * 1024;
    out.gauge("nomad.client.allocs.cpu.allocated", number(wanted->second.cpu.cpu_shares), with);
    out.gauge("nomad.client.allocs.memory.allocated", number(wanted->second.memory.memory_mb) * mb, with);
    if (wanted->second.memory.memory_max_mb > 0) out.gauge("nomad.client.allocs.memory.max_allocated", number(wanted->second.memory.memory_max_mb) * mb, with);
  }
}

}  // namespace

net::awaitable<void> add_client_metrics(const services& with, metrics_list& out) {
  const auto node = with.client->node();
  std::vector<schema::ref<schema::allocation>> allocs;
  for (auto* runner : with.client->runners()) {
    // What runs says the runner, what it may use says the record.
    auto shown = std::make_shared<schema::allocation>(*runner->alloc());
    auto report = runner->report();
    shown->client_status = report->client_status;
    shown->task_states = report->task_states;
    allocs.push_back(std::move(shown));
  }
  add_allocated(*node, sum_of(allocs), out);
  add_counts(*node, allocs, out);
  auto sinks = with.client->log_sinks();
  out.counter("nomad.client.log_sinks.lines", number(sinks.lines), node_labels(*node));
  out.counter("nomad.client.log_sinks.bytes_dropped", number(sinks.bytes_dropped), node_labels(*node));
  out.counter("nomad.client.log_sinks.failures", number(sinks.failures), node_labels(*node));
  if (with.own == nullptr) co_return;
  if (with.telemetry.publish_node) {
    schema::node_specific_request request;
    request.node_id = node->id;
    auto host = co_await rpc::call<schema::client_stats_response>(*with.own, "ClientStats.Stats", std::move(request));
    if (host && host->host_stats) add_host(*node, *host->host_stats, out);
  }
  if (!with.telemetry.publish_allocations) co_return;
  for (const auto& alloc : allocs) {
    if (alloc->client_status != "running") continue;
    schema::alloc_stats_request request;
    request.alloc_id = alloc->id;
    auto usage = co_await rpc::call<schema::alloc_stats_response>(*with.own, "Allocations.Stats", std::move(request));
    if (usage && usage->stats) add_alloc(*alloc, *usage->stats, with.telemetry, out);
  }
}

}  // namespace drover::api
