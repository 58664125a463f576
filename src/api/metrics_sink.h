// Sends what this agent counts to statsd (UDP), statsite (TCP) and datadog (UDP, with tags) at every interval, as lines "name:value|kind".
//
// Loop thread only. Life: create() (an address that is none is refused), start(), co_await stop(), destroy. What cannot be sent is dropped and logged once
// until it works again.
#pragma once

#include <memory>
#include <string>

#include "api/http_api.h"
#include "net/datagram.h"
#include "net/stream.h"
#include "net/task_scope.h"
#include "schema/stats.h"

namespace drover::api {

struct sink_options {
  // Empty: not used. For statsd and datadog a literal address with a port.
  std::string statsd_address{}, statsite_address{}, datadog_address{};
  // "key:value", on every metric that goes to datadog.
  std::vector<std::string> datadog_tags{};
  duration interval = seconds(1);
};

class metrics_sink {
 public:
  static result<std::unique_ptr<metrics_sink>> create(services with, const sink_options& options);
  void start();
  net::awaitable<void> stop();

 private:
  metrics_sink(services with, duration interval) : with_(std::move(with)), interval_(interval), scope_(with_.loop, with_.logger) {}
  net::awaitable<void> run();
  // Where lines go by UDP.
  struct datagrams {
    net::endpoint to;
    std::unique_ptr<net::datagram_socket> socket;
  };
  result<datagrams> open(const char* key, const std::string& address);
  static result<> send_datagrams(datagrams& way, const std::string& lines);
  net::awaitable<result<>> send_stream(std::string lines);
  void note(const char* where, const result<>& done);

  services with_;
  duration interval_;
  datagrams statsd_, datadog_;
  net::endpoint statsite_;
  std::vector<std::string> datadog_tags_;
  std::unique_ptr<net::byte_stream> stream_;
  bool failing_ = false;
  net::task_scope scope_;
};

// One line each: labels become parts of the name, as Nomad's sinks have it.
std::string statsd_lines(const schema::metrics_summary& all);
// The same for DogStatsD: labels and `tags` follow the value (docs.datadoghq.com, "DogStatsD datagram format").
std::string datadog_lines(const schema::metrics_summary& all, const std::vector<std::string>& tags);

}  // namespace drover::api
