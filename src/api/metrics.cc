#include "api/metrics.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "api/http_api.h"
#include "base/text.h"
#include "env/clock.h"

namespace drover::api {
namespace {

// A number behind `key` in a file of /proc, such as "Threads:" in status.
double proc_number(const char* path, std::string_view key) {
  double found = 0;
  FILE* file = std::fopen(path, "re");
  if (file == nullptr) return 0;
  char line[256];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    std::string_view text(line);
    if (!text.starts_with(key)) continue;
    auto number = trim(text.substr(key.size()));
    found = static_cast<double>(parse_int(number.substr(0, number.find(' '))).value_or(0));
    break;
  }
  std::fclose(file);
  return found;
}

void add_process_metrics(const services& with, metrics_list& out) {
  const auto heap = mallinfo2();
  out.gauge("nomad.runtime.alloc_bytes", static_cast<double>(heap.uordblks + heap.hblkhd));
  out.gauge("nomad.runtime.sys_bytes", proc_number("/proc/self/status", "VmRSS:") * 1024);
  out.gauge("nomad.runtime.num_goroutines", proc_number("/proc/self/status", "Threads:"));
  if (!with.http_stats) return;
  const auto http = with.http_stats();
  out.gauge("nomad.nomad.agent.http.connections", static_cast<double>(http.connections));
  out.counter("nomad.nomad.agent.http.exceeded", static_cast<double>(http.refused_connections));
  out.counter("nomad.nomad.agent.http.requests", static_cast<double>(http.requests));
}

// The rule with the longest prefix decides.
bool is_shown(const telemetry_options& rules, const std::string& name) {
  auto longest = [&](const std::vector<std::string>& prefixes) {
    int best = -1;
    for (const auto& each : prefixes)
      if (name.starts_with(each)) best = std::max(best, static_cast<int>(each.size()));
    return best;
  };
  const int shown = longest(rules.shown_prefixes), hidden = longest(rules.hidden_prefixes);
  if (shown < 0 && hidden < 0) return rules.shown_by_default;
  return shown > hidden;
}

// "nomad.client.x-y" -> "nomad_client_x_y".
std::string prometheus_name(std::string name) {
  for (char& each : name)
    if (!std::isalnum(static_cast<unsigned char>(each))) each = '_';
  return name;
}

void append_labels(std::string& out, const std::map<std::string, std::string>& labels) {
  if (labels.empty()) return;
  out += '{';
  bool first = true;
  for (const auto& [key, text] : labels) {
    if (!std::exchange(first, false)) out += ',';
    out += prometheus_name(key) + "=\"";
    for (char each : text) {
      if (each == '\\' || each == '"') (out += '\\') += each;
      else if (each == '\n') out += "\\n";
      else out += each;
    }
    out += '"';
  }
  out += '}';
}

// All of one name stand together, under one line that says what they are.
struct family {
  std::string_view kind;
  std::string lines;
};

void add_line(std::map<std::string, family>& families, const std::string& name, std::string_view kind, const std::map<std::string, std::string>& labels,
              double v) {
  auto shown = prometheus_name(name);
  auto& f = families[shown];
  f.kind = kind;
  f.lines += shown;
  append_labels(f.lines, labels);
  f.lines += fmt::format(" {}\n", v);
}

}  // namespace

metrics_list::metrics_list(schema::metrics_summary& out, const std::string& host) : out_(out), host_(host) {}

void metrics_list::gauge(std::string name, double v, labels with) {
  if (!host_.empty()) with.try_emplace("host", host_);
  out_.gauges.push_back({.name = std::move(name), .value = v, .labels = std::move(with)});
}

void metrics_list::counter(std::string name, double total, labels with) {
  if (!host_.empty()) with.try_emplace("host", host_);
  schema::sampled_value v;
  v.name = std::move(name);
  v.labels = std::move(with);
  v.count = static_cast<int64_t>(total);
  v.sum = total;
  v.min = v.max = v.mean = total > 0 ? 1 : 0;
  out_.counters.push_back(std::move(v));
}

net::awaitable<schema::metrics_summary> gather_metrics(const services& with) {
  schema::metrics_summary out;
  auto time = to_civil(env::real_clock().now());
  out.timestamp = fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} +0000 UTC", time.year, time.month, time.day, time.hour, time.minute, time.second);
  metrics_list list(out, with.telemetry.host);
  add_process_metrics(with, list);
  if (with.server != nullptr) co_await add_server_metrics(with, list);
  if (with.client != nullptr) co_await add_client_metrics(with, list);
  std::erase_if(out.gauges, [&](const auto& each) { return !is_shown(with.telemetry, each.name); });
  std::erase_if(out.counters, [&](const auto& each) { return !is_shown(with.telemetry, each.name); });
  co_return out;
}

std::string prometheus_text(const schema::metrics_summary& all) {
  std::map<std::string, family> families;
  for (const auto& each : all.gauges) add_line(families, each.name, "gauge", each.labels, each.value);
  for (const auto& each : all.counters) add_line(families, each.name, "counter", each.labels, each.sum);
  std::string out;
  for (const auto& [name, each] : families) out += fmt::format("# HELP {} {}\n# TYPE {} {}\n{}", name, name, name, each.kind, each.lines);
  return out;
}

net::awaitable<result<reply>> metrics(call& c) {
  auto format = c.query("format");
  if (!format.empty() && format != "prometheus") co_return fail(errc::invalid, "unknown metrics format \"{}\": use prometheus, or none for JSON", format);
  if (format == "prometheus" && !c.with.prometheus_metrics)
    co_return text_reply(415, "Prometheus is not enabled: set prometheus_metrics = true in the telemetry block");
  auto all = co_await gather_metrics(c.with);
  if (format.empty()) co_return json_reply(c, schema::view(all));
  auto out = text_reply(200, prometheus_text(all));
  out.content_type = "text/plain; version=0.0.4; charset=utf-8";
  co_return out;
}

}  // namespace drover::api
