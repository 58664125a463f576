#include "api/metrics_sink.h"

#include <utility>

#include "api/limits.h"
#include "api/metrics.h"

namespace drover::api {
namespace {

// What would end a part of the line is replaced.
void append_clean(std::string& out, std::string_view text, std::string_view separators) {
  for (char c : text) out += separators.find(c) == std::string_view::npos ? c : '_';
}

void append_name(std::string& out, const std::string& name, const std::map<std::string, std::string>& labels) {
  append_clean(out, name, ":| \n");
  for (const auto& [key, text] : labels) append_clean(out += '.', text, ":| \n");
}

result<net::endpoint> address_of(const char* key, const std::string& text) {
  auto parsed = net::parse_endpoint(text);
  if (!parsed || parsed->is_unix() || parsed->port == 0)
    return fail(errc::invalid, "telemetry.{} is \"{}\": give an address and a port, such as 127.0.0.1:8125", key, text);
  return *parsed;
}

}  // namespace

std::string statsd_lines(const schema::metrics_summary& all) {
  std::string out;
  for (const auto& each : all.gauges) {
    append_name(out, each.name, each.labels);
    out += fmt::format(":{}|g\n", each.value);
  }
  return out;
}

std::string datadog_lines(const schema::metrics_summary& all, const std::vector<std::string>& tags) {
  std::string out;
  for (const auto& each : all.gauges) {
    append_name(out, each.name, {});
    out += fmt::format(":{}|g", each.value);
    std::string_view mark = "|#";
    for (const auto& tag : tags) append_clean(out += std::exchange(mark, ","), tag, ",|\n");
    for (const auto& [key, text] : each.labels) {
      append_clean(out += std::exchange(mark, ","), key, ":,|\n");
      append_clean(out += ':', text, ",|\n");
    }
    out += '\n';
  }
  return out;
}

result<metrics_sink::datagrams> metrics_sink::open(const char* key, const std::string& address) {
  TRY_ASSIGN(auto to, address_of(key, address));
  const bool is_v6 = to.host.find(':') != std::string::npos;
  auto bound = net::datagram_socket::bind(with_.loop, {.host = is_v6 ? "::" : "0.0.0.0"});
  if (!bound) return wrap(bound.error(), fmt::format("the socket for telemetry.{} cannot be opened", key));
  return datagrams{.to = std::move(to), .socket = *std::move(bound)};
}

result<std::unique_ptr<metrics_sink>> metrics_sink::create(services with, const sink_options& options) {
  std::unique_ptr<metrics_sink> out(new metrics_sink(std::move(with), options.interval));
  if (!options.statsd_address.empty()) {
    TRY_ASSIGN(out->statsd_, out->open("statsd_address", options.statsd_address));
  }
  if (!options.datadog_address.empty()) {
    TRY_ASSIGN(out->datadog_, out->open("datadog_address", options.datadog_address));
    out->datadog_tags_ = options.datadog_tags;
  }
  if (!options.statsite_address.empty()) {
    TRY_ASSIGN(out->statsite_, address_of("statsite_address", options.statsite_address));
  }
  return out;
}

void metrics_sink::start() { scope_.spawn(run()); }

net::awaitable<void> metrics_sink::stop() { co_await scope_.stop(); }

// Whole lines, as many as a datagram takes on any network.
result<> metrics_sink::send_datagrams(datagrams& way, const std::string& lines) {
  std::string_view rest(lines);
  while (!rest.empty()) {
    auto end = rest.size() <= statsd_datagram_bytes_max ? rest.size() : rest.rfind('\n', statsd_datagram_bytes_max - 1) + 1;
    // A single line that is longer has no place.
    if (end == 0) end = rest.find('\n') + 1;
    else TRY(way.socket->send(way.to, rest.substr(0, end)));
    rest.remove_prefix(end);
  }
  return {};
}

net::awaitable<result<>> metrics_sink::send_stream(std::string lines) {
  if (!stream_) {
    CO_TRY_ASSIGN(stream_, co_await net::dial(statsite_, {.deadline = net::after(interval_)}));
  }
  auto done = co_await stream_->write_all(lines);
  if (!done) stream_.reset();
  co_return done;
}

void metrics_sink::note(const char* where, const result<>& done) {
  if (!done && !std::exchange(failing_, true)) with_.logger.warn("metrics cannot be sent", {{"to", where}, {"error", done.error().text()}});
  if (done) failing_ = false;
}

net::awaitable<void> metrics_sink::run() {
  for (;;) {
    co_await net::sleep_for(interval_);
    auto all = co_await gather_metrics(with_);
    auto lines = statsd_lines(all);
    if (statsd_.socket) note("statsd", send_datagrams(statsd_, lines));
    if (datadog_.socket) note("datadog", send_datagrams(datadog_, datadog_lines(all, datadog_tags_)));
    if (!statsite_.host.empty()) note("statsite", co_await send_stream(std::move(lines)));
  }
}

}  // namespace drover::api
