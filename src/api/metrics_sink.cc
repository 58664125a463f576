#include "api/metrics_sink.h"

#include <utility>

#include "api/limits.h"
#include "api/metrics.h"

namespace drover::api {
namespace {

void append_name(std::string& out, const std::string& name, const std::map<std::string, std::string>& labels) {
  const auto begin = out.size();
  out += name;
  for (const auto& [key, text] : labels) out += "." + text;
  for (auto at = begin; at < out.size(); ++at)
    if (out[at] == ':' || out[at] == '|' || out[at] == ' ' || out[at] == '\n') out[at] = '_';
}

result<net::endpoint> address_of(const char* key, const std::string& text) {
  auto parsed = net::parse_endpoint(text);
  if (!parsed || parsed->is_unix() || parsed->port == 0) return fail(errc::invalid, "telemetry.{} is \"{}\": give an address and a port, such as 127.0.0.1:8125", key, text);
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

result<std::unique_ptr<metrics_sink>> metrics_sink::create(services with, const sink_options& options) {
  std::unique_ptr<metrics_sink> out(new metrics_sink(std::move(with), options.interval));
  if (!options.statsd_address.empty()) {
    TRY_ASSIGN(out->statsd_, address_of("statsd_address", options.statsd_address));
    const bool is_v6 = out->statsd_.host.find(':') != std::string::npos;
    auto bound = net::datagram_socket::bind(out->with_.loop, {.host = is_v6 ? "::" : "0.0.0.0"});
    if (!bound) return wrap(bound.error(), "the socket for statsd cannot be opened");
    out->socket_ = *std::move(bound);
  }
  if (!options.statsite_address.empty()) {
    TRY_ASSIGN(out->statsite_, address_of("statsite_address", options.statsite_address));
  }
  return out;
}

void metrics_sink::start() { scope_.spawn(run()); }

net::awaitable<void> metrics_sink::stop() { co_await scope_.stop(); }

// Whole lines, as many as a datagram takes on any network.
result<> metrics_sink::send_datagrams(const std::string& lines) {
  std::string_view rest(lines);
  while (!rest.empty()) {
    auto end = rest.size() <= statsd_datagram_bytes_max ? rest.size() : rest.rfind('\n', statsd_datagram_bytes_max - 1) + 1;
    // A single line that is longer has no place.
    if (end == 0) end = rest.find('\n') + 1;
    else TRY(socket_->send(statsd_, rest.substr(0, end)));
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
    auto lines = statsd_lines(co_await gather_metrics(with_));
    if (socket_) note("statsd", send_datagrams(lines));
    if (!statsite_.host.empty()) note("statsite", co_await send_stream(std::move(lines)));
  }
}

}  // namespace drover::api
