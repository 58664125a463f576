// Sends what this agent counts to statsd (UDP) and statsite (TCP) at every interval, as lines "name:value|kind".
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
  // Empty: not used. For statsd a literal address with a port.
  std::string statsd_address{}, statsite_address{};
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
  result<> send_datagrams(const std::string& lines);
  net::awaitable<result<>> send_stream(std::string lines);
  void note(const char* where, const result<>& done);

  services with_;
  duration interval_;
  net::endpoint statsd_, statsite_;
  std::unique_ptr<net::datagram_socket> socket_;
  std::unique_ptr<net::byte_stream> stream_;
  bool failing_ = false;
  net::task_scope scope_;
};

// One line each: labels become parts of the name, as Nomad's sinks have it.
std::string statsd_lines(const schema::metrics_summary& all);

}  // namespace drover::api
