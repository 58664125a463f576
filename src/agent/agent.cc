#include "agent/agent.h"

#include <sys/stat.h>

#include <ctime>
#include <filesystem>

#include "agent/options.h"
#include "agent/process.h"
#include "agent/telemetry.h"
#include "agent/tls.h"
#include "api/audit.h"
#include "api/diagnosis.h"
#include "api/http_api.h"
#include "api/metrics_sink.h"
#include "api/monitor.h"
#include "base/text.h"
#include "codec/json.h"
#include "env/clock.h"
#include "net/blocking.h"
#include "profile/heap.h"
#include "rpc/local.h"
#include "rpc/pool.h"
#include "rpc/wire_server.h"
#include "server/limits.h"

namespace drover::agent {
namespace {

timestamp wall_now() { return env::real_clock().now(); }

result<> prepare_data_dir(const std::string& path) {
  std::error_code failure;
  std::filesystem::create_directories(path, failure);
  if (failure) return fail(errc::io, "data_dir \"{}\" cannot be made: {}", path, failure.message());
  std::string probe = path + "/.probe";
  FILE* file = std::fopen(probe.c_str(), "we");
  if (file == nullptr) return fail(errc::io, "data_dir \"{}\" cannot be written to: {}", path, std::system_category().message(errno));
  std::fclose(file);
  std::remove(probe.c_str());
  return {};
}

}  // namespace

struct agent::parts {
  parts(net::loop& l, agent_config c) : loop(l), config(std::move(c)) {}
  net::loop& loop;
  agent_config config;
  log::logger logger{"agent"};
  std::unique_ptr<agent_tls> tls;
  // What this agent answers itself: the methods of its node, its log; and the way there.
  rpc::method_table own_methods;
  std::unique_ptr<rpc::local_channel> own_channel;
  // The way to other agents, and what the RPC port answers: the server's methods, once it has started.
  std::unique_ptr<rpc::connection_pool> pool;
  rpc::method_table served;
  std::unique_ptr<rpc::wire_server> rpc_port;
  std::unique_ptr<server::cluster_server> server;
  std::unique_ptr<client::client> client;
  std::unique_ptr<api::http_api> api;
  std::unique_ptr<api::audit_log> audit;
  net::http_handler handle, handle_task;
  std::unique_ptr<net::http_server> http;
  std::unique_ptr<api::metrics_sink> sink;
  std::vector<std::string> http_addresses;
  std::function<result<>()> reload;
  std::function<void(error)> fatal;

  result<> start();
  result<> start_network();
  result<> listen_rpc();
  server::server_options server_options();
  result<> listen();
  result<> start_server();
  result<> start_client();
  result<> start_audit();
  result<> start_sink();
  value shown_config() const;
  api::services services();
};

// The listeners come first: a second agent on this machine fails before it touches anything.
result<> agent::parts::start() {
  for (const auto& sentence : unused_settings(config)) logger.warn(sentence);
  if (!config.consul.is_null()) logger.debug("the consul block is read and not used");
  if (!config.vault.is_null()) logger.debug("the vault block is read and not used");
  TRY(prepare_data_dir(config.data_dir));
  TRY_ASSIGN(tls, agent_tls::create(config));
  TRY(listen());
  TRY(start_network());
  TRY(start_server());
  TRY(start_client());
  api = std::make_unique<api::http_api>(services());
  handle = api->handler();
  handle_task = api->task_handler();
  TRY(start_audit());
  return start_sink();
}

// Every request is written down before it is answered.
result<> agent::parts::start_audit() {
  TRY_ASSIGN(auto options, api::read_audit_options(config.audit, config.data_dir));
  if (!options.enabled) return {};
  auto who = [this](const std::string& token) -> api::audit_log::identity {
    if (!server) return {};
    auto holder = server->holder_of(token);
    return {std::move(holder.accessor_id), std::move(holder.name)};
  };
  TRY_ASSIGN(audit, api::audit_log::open(std::move(options), config.name, std::move(who)));
  handle = audit->around(std::move(handle));
  return {};
}

// What others call over our own connections are our own methods: that is how servers reach a node that can only dial out.
result<> agent::parts::start_network() {
  rpc::pool_options options;
  api::add_monitor(own_methods, loop);
  const bool debug = config.enable_debug || config.dev_mode;
  if (debug) profile::start_heap_sampling();
  // With access control it is the token that says who may see them.
  api::add_diagnosis(own_methods, {.enable_debug = debug || config.acl.enabled, .log_file = config.log_file, .loop = &loop});
  own_channel = std::make_unique<rpc::local_channel>(loop, own_methods);
  options.serve = &own_methods;
  options.tls = [this](const std::string& region) { return tls->outgoing(region); };
  pool = std::make_unique<rpc::connection_pool>(loop, std::move(options));
  return config.server.enabled ? listen_rpc() : result<>();
}

result<> agent::parts::listen_rpc() {
  rpc::wire_server_options options;
  options.table = &served;
  options.limits.handshake_timeout = config.limits.rpc_handshake_timeout;
  options.limits.connections_per_ip_max = static_cast<size_t>(std::max<int64_t>(config.limits.rpc_max_conns_per_client, 0));
  if (config.tls.rpc) options.tls = [this] { return tls->incoming(); };
  options.plain_allowed = tls->plain_rpc_allowed();
  options.on_raft = [this](std::unique_ptr<net::byte_stream> stream) { server->accept_raft(std::move(stream)); };
  rpc_port = std::make_unique<rpc::wire_server>(loop, std::move(options));
  auto address = listen_address(config, &addresses_config::rpc);
  TRY_ASSIGN(auto where, net::parse_endpoint(address));
  auto bound = rpc_port->listen(where);
  if (!bound) return fail(errc::io, "the RPC port cannot listen on {}: {}; choose another with ports.rpc or addresses.rpc", address, bound.error().text());
  if (config.ports.rpc == 0) config.ports.rpc = bound->port;
  return {};
}

server::server_options agent::parts::server_options() {
  auto o = server_options_of(config);
  o.pool = pool.get();
  o.own_methods = &own_methods;
  o.on_fatal = [this](error e) {
    if (fatal) fatal(std::move(e));
  };
  if (!config.tls.rpc) return o;
  o.tls.raft_client = [this] { return tls->outgoing(config.region); };
  o.tls.check_raft_peer = [this](const net::byte_stream& stream) -> result<> {
    auto names = net::peer_names(stream);
    return tls->may_speak_raft(names);
  };
  if (tls->verifies_names()) o.tls.is_server = [this](std::span<const std::string> names) { return tls->may_call_as_server(names).has_value(); };
  return o;
}

result<> agent::parts::start_server() {
  if (!config.server.enabled) return {};
  server = std::make_unique<server::cluster_server>(loop, server_options());
  server->keep_events(config.server.enable_event_broker ? static_cast<size_t>(std::max<int64_t>(config.server.event_buffer_size, 1)) : 0);
  if (auto started = server->start(); !started) return wrap(started.error(), "starting the server");
  served = server->methods();
  return {};
}

result<> agent::parts::start_client() {
  if (!config.client.enabled) return {};
  auto dial = [this](const std::string& address) { return pool->to(address, config.region); };
  auto made =
      server ? client::client::create(client_options_of(config), server->channel(), loop) : client::client::create(client_options_of(config), dial, loop);
  if (!made) return wrap(made.error(), "starting the client");
  client = std::move(*made);
  client->register_methods(own_methods);
  if (server) server->connect_node(client->node_id(), *own_channel);
  client->on_fatal([this](error e) {
    if (fatal) fatal(std::move(e));
  });
  client->reach_nodes([this] { return tls->to_nodes(); });
  client->serve_task_api([this](net::http_exchange& exchange) { return handle_task(exchange); });
  client->start();
  logger.info("started client", {{"node_id", client->node_id()}});
  return {};
}

result<> agent::parts::start_sink() {
  const auto& from = config.telemetry;
  if (from.statsd_address.empty() && from.statsite_address.empty() && from.datadog_address.empty()) return {};
  TRY_ASSIGN(sink, api::metrics_sink::create(services(), {.statsd_address = from.statsd_address,
                                                          .statsite_address = from.statsite_address,
                                                          .datadog_address = from.datadog_address,
                                                          .datadog_tags = from.datadog_tags,
                                                          .interval = std::max(from.collection_interval, seconds(1))}));
  sink->start();
  return {};
}

// The configuration as agent/self has it: without secrets, with addresses that others can use.
value agent::parts::shown_config() const {
  auto shown = config;
  for (auto which : {&addresses_config::http, &addresses_config::rpc, &addresses_config::serf}) shown.advertise.*which = advertised_address(config, which);
  auto out = codec::value_from_json(codec::to_json(shown, {.hide_redacted = true}));
  if (!out) return value(value::object());
  value::object version;
  version.set("Version", DROVER_VERSION);
  out->as_object()->set("Version", value(std::move(version)));
  out->as_object()->set("DevMode", config.dev_mode);
  return std::move(*out);
}

api::services agent::parts::services() {
  api::services with{.loop = loop, .logger = log::logger("http")};
  with.region = config.region;
  with.datacenter = config.datacenter;
  with.node_name = config.name;
  with.server = server.get();
  with.servers = server ? &server->channel() : &client->servers();
  with.client = client.get();
  with.own = own_channel.get();
  if (server) with.server_addresses = {advertised_address(config, &addresses_config::rpc)};
  with.config = [this] { return shown_config(); };
  with.acl_enabled = config.acl.enabled;
  with.acl_ttl = std::min({config.acl.token_ttl, config.acl.policy_ttl, config.acl.role_ttl});
  with.response_headers = config.http_api_response_headers;
  with.prometheus_metrics = config.telemetry.prometheus_metrics;
  with.telemetry = telemetry_options_of(config);
  with.http_stats = [this] { return http ? http->stats() : net::http_server_stats(); };
  with.enable_debug = config.enable_debug || config.dev_mode;
  with.log_file = config.log_file;
  with.ui_enabled = config.ui.enabled;
  with.reload = [this]() -> result<> { return reload ? reload() : result<>(); };
  with.started = wall_now();
  return with;
}

// Requests are answered when the loop runs, which is after everything has started.
result<> agent::parts::listen() {
  net::http_server_options options{.handler = [this](net::http_exchange& exchange) { return handle(exchange); }};
  options.limits.connections_per_ip_max = static_cast<size_t>(std::max<int64_t>(config.limits.http_max_conns_per_client, 0));
  if (config.limits.https_handshake_timeout.ns > 0) options.limits.handshake_timeout = config.limits.https_handshake_timeout;
  options.limits.large_body_path = "/v1/operator/snapshot";
  options.limits.large_body_bytes_max = server::snapshot_file_bytes_max;
  options.tls = tls->https();
  http = std::make_unique<net::http_server>(loop, std::move(options));
  for (const auto& address : http_listen_addresses(config)) {
    TRY_ASSIGN(auto where, net::parse_endpoint(address));
    auto bound = http->listen(where);
    if (!bound) return fail(errc::io, "the HTTP API cannot listen on {}: {}; choose another with ports.http or addresses.http", address, bound.error().text());
    http_addresses.push_back(net::to_string(*bound));
    if (config.ports.http == 0) config.ports.http = bound->port;
  }
  return {};
}

agent::agent(std::unique_ptr<parts> p) : parts_(std::move(p)) {}
agent::~agent() = default;

result<std::unique_ptr<agent>> agent::create(net::loop& loop, agent_config config) {
  auto made = std::unique_ptr<agent>(new agent(std::make_unique<parts>(loop, std::move(config))));
  if (auto started = made->parts_->start(); !started) {
    // What has begun ends in order.
    net::run_to_completion(loop, made->stop());
    return std::unexpected(started.error());
  }
  return made;
}

net::awaitable<void> agent::stop() {
  co_await net::keep_going();
  auto& p = *parts_;
  if (p.http) co_await p.http->stop();
  if (p.sink) co_await p.sink->stop();
  if (p.client) co_await p.client->stop();
  if (p.own_channel) co_await p.own_channel->stop();
  if (p.server && p.client) p.server->forget_node(p.client->node_id());
  if (p.rpc_port) co_await p.rpc_port->stop();
  if (p.server) co_await p.server->stop();
  if (p.pool) co_await p.pool->stop();
  if (p.config.data_dir_is_temporary) remove_temporary_directory(p.config.data_dir);
}

net::awaitable<void> agent::leave() {
  auto& p = *parts_;
  if (p.client)
    if (auto drained = co_await p.client->drain_for_shutdown(); !drained) p.logger.warn("this node was not drained", {{"error", drained.error().text()}});
  if (p.server)
    if (auto left = co_await p.server->leave(); !left) p.logger.warn("the server could not say that it leaves", {{"error", left.error().text()}});
}

void agent::on_fatal(std::function<void(error)> function) { parts_->fatal = std::move(function); }

result<> agent::reload(const agent_config& fresh) {
  TRY_ASSIGN(auto options, log_options_of(fresh));
  TRY(parts_->tls->reload(fresh));
  parts_->http->set_tls(parts_->tls->https());
  log::set_level(options.level);
  parts_->config.log_level = fresh.log_level;
  return {};
}

void agent::on_reload(std::function<result<>()> function) { parts_->reload = std::move(function); }
const agent_config& agent::config() const { return parts_->config; }
const std::vector<std::string>& agent::http_addresses() const { return parts_->http_addresses; }
client::client* agent::client() const { return parts_->client.get(); }
server::cluster_server* agent::server() const { return parts_->server.get(); }

net::awaitable<void> agent::wait_ready() {
  if (parts_->client) co_await parts_->client->wait_ready();
}

}  // namespace drover::agent
