#include "api/metrics.h"

#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "api/http_api.h"
#include "base/text.h"
#include "env/clock.h"
#include "schema/stats.h"

namespace drover::api {
namespace {

// Pages of memory that this process has resident.
double resident_bytes() {
  long size = 0, resident = 0;
  if (FILE* file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%ld %ld", &size, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::vector<schema::gauge_value> gauges(const services& with) {
  std::vector<schema::gauge_value> out;
  auto add = [&](std::string name, double v) { out.push_back({.name = std::move(name), .value = v, .labels = {{"host", with.node_name}}}); };
  add("nomad.runtime.alloc_bytes", resident_bytes());
  if (with.client != nullptr) add("nomad.client.allocations.running", static_cast<double>(with.client->running_allocations()));
  if (with.server == nullptr) return out;
  auto stats = with.server->stats();
  add("nomad.nomad.broker.total_ready", static_cast<double>(stats.brokers_ready));
  add("nomad.nomad.broker.total_unacked", static_cast<double>(stats.brokers_leased));
  add("nomad.nomad.blocked_evals.total_blocked", static_cast<double>(stats.blocked_evals));
  add("nomad.nomad.plan.queue_depth", static_cast<double>(stats.plans_waiting));
  add("nomad.nomad.heartbeat.active", static_cast<double>(stats.tracked_nodes));
  add("nomad.raft.appliedIndex", static_cast<double>(stats.raft.applied_index));
  add("nomad.raft.commitIndex", static_cast<double>(stats.raft.commit_index));
  return out;
}

// "nomad.client.x" -> "nomad_client_x".
std::string prometheus_name(std::string name) {
  for (char& each : name)
    if (!std::isalnum(static_cast<unsigned char>(each))) each = '_';
  return name;
}

std::string prometheus_text(const std::vector<schema::gauge_value>& all) {
  std::string out;
  for (const auto& gauge : all) {
    auto name = prometheus_name(gauge.name);
    out += fmt::format("# TYPE {} gauge\n{}", name, name);
    std::string labels;
    for (const auto& [key, text] : gauge.labels) labels += fmt::format("{}{}=\"{}\"", labels.empty() ? "" : ",", key, text);
    out += fmt::format("{{{}}} {}\n", labels, gauge.value);
  }
  return out;
}

}  // namespace

net::awaitable<result<reply>> metrics(call& c) {
  auto format = c.query("format");
  auto all = gauges(c.with);
  if (format == "prometheus") {
    if (!c.with.prometheus_metrics) co_return text_reply(415, "Prometheus is not enabled: set prometheus_metrics = true in the telemetry block");
    auto out = text_reply(200, prometheus_text(all));
    out.content_type = "text/plain; version=0.0.4; charset=utf-8";
    co_return out;
  }
  if (!format.empty()) co_return fail(errc::invalid, "unknown metrics format \"{}\": use prometheus, or none for JSON", format);
  schema::metrics_summary out;
  auto time = to_civil(env::real_clock().now());
  out.timestamp = fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} +0000 UTC", time.year, time.month, time.day, time.hour, time.minute, time.second);
  out.gauges = std::move(all);
  co_return json_reply(c, schema::view(out));
}

}  // namespace drover::api
