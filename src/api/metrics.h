// What this agent counts, by Nomad's names: GET /v1/metrics as its JSON summary or as Prometheus text. Read when it is asked for; nothing is
// sampled in between. Loop thread.
#pragma once

#include "api/call.h"
#include "schema/stats.h"

namespace drover::api {

net::awaitable<result<reply>> metrics(call& c);

// Everything that the telemetry block lets through. `with` outlives the call.
net::awaitable<schema::metrics_summary> gather_metrics(const services& with);
std::string prometheus_text(const schema::metrics_summary& all);

// Collects metrics with their labels.
class metrics_list {
 public:
  metrics_list(schema::metrics_summary& out, const std::string& host);
  using labels = std::map<std::string, std::string>;
  void gauge(std::string name, double v, labels with = {});
  // Counted since the agent began.
  void counter(std::string name, double total, labels with = {});

 private:
  schema::metrics_summary& out_;
  const std::string& host_;
};

// The parts: metrics_server.cc and metrics_client.cc.
net::awaitable<void> add_server_metrics(const services& with, metrics_list& out);
net::awaitable<void> add_client_metrics(const services& with, metrics_list& out);

}  // namespace drover::api
