#include "client/client.h"

#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "client/client_state.h"
#include "client/csi/limits.h"
#include "client/fingerprint/fingerprint.h"
#include "client/fingerprint/host_networks.h"
#include "client/gc.h"
#include "client/limits.h"
#include "client/node_identity.h"
#include "client/system.h"
#include "codec/json.h"

extern char** environ;

namespace drover::client {

namespace {
std::map<std::string, std::string> visible_host_env(const client_options& o) {
  std::map<std::string, std::string> out;
  std::vector<std::string> hidden = default_env_denylist();
  for (const char* key : {"env.denylist", "env.blacklist"})
    if (auto it = o.options.find(key); it != o.options.end()) {
      hidden.clear();
      for (auto name : split(it->second, ',')) hidden.emplace_back(trim(name));
    }
  for (char** e = environ; e && *e; ++e) {
    std::string_view entry = *e;
    auto equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    auto key = std::string(entry.substr(0, equals));
    if (std::find(hidden.begin(), hidden.end(), key) == hidden.end()) out[key] = entry.substr(equals + 1);
  }
  return out;
}

bool server_terminal(const schema::allocation& a) { return a.desired_status == "stop" || a.desired_status == "evict"; }
bool client_terminal(const schema::allocation& a) { return a.client_status == "complete" || a.client_status == "failed" || a.client_status == "lost"; }
// What was stopped before this node heard of it, or before it lost its memory: the servers wait for its end.
schema::ref<schema::allocation> nothing_runs_of(const schema::allocation& a) {
  auto out = std::make_shared<schema::allocation>();
  out->id = a.id;
  out->node_id = a.node_id;
  out->namespace_ = a.namespace_;
  out->job_id = a.job_id;
  out->eval_id = a.eval_id;
  out->task_states = a.task_states;
  out->client_status = "complete";
  out->client_description = "All tasks have completed";
  out->deployment_status = a.deployment_status;
  return out;
}
bool runnable(const schema::allocation& a) {
  if (!a.job) return false;
  return std::any_of(a.job->task_groups.begin(), a.job->task_groups.end(), [&](auto& g) { return g.name == a.task_group && !g.tasks.empty(); });
}
}  // namespace

client::state::state(client_options o, std::unique_ptr<server_channel> own, rpc::channel& s, net::loop& l)
    : options(std::move(o)),
      remote(std::move(own)),
      servers(s),
      loop(l),
      logger("client"),
      pool(l, limits::blocking_threads),
      state_dir(options.state_dir.empty() ? options.data_dir + "/client" : options.state_dir),
      alloc_root(options.alloc_dir.empty() ? options.data_dir + "/alloc" : options.alloc_dir),
      control_root(state_dir + "/shim"),
      began(machine_now()),
      scope(l, logger) {}

result<> client::state::open() {
  if (options.data_dir.empty() || options.data_dir[0] != '/')
    return fail(errc::invalid, "data_dir of the client must be an absolute path, not \"{}\"", options.data_dir);
  for (auto& dir : {state_dir, control_root})
    if (auto made = make_directories(dir, 0700); !made) return wrap(made.error(), "preparing the node agent's state directory");
  if (auto made = make_directories(alloc_root, 0711); !made) return wrap(made.error(), "preparing the allocation directory");
  TRY_ASSIGN(db, state_db::open(state_dir + "/state.db"));
  TRY(load_servers());
  TRY(make_shim_services());
  drivers = std::make_unique<driver_registry>(options, *shims);
  plugins = std::make_unique<external::plugin_host>(options, state_dir, *shims, *db, *drivers);
  TRY(plugins->load());
  TRY(make_node());
  make_runner_context();
  return restore();
}

result<> client::state::make_shim_services() {
  auto path = exec::install_shim(state_dir);
  if (!path) return wrap(path.error(), "installing the task supervisor");
  shims.emplace(shim_services{.loop = loop, .pool = pool, .shim_path = *path, .cgroups = exec::cgroup_manager::detect(options.cgroup_parent)});
  if (shims->cgroups.mode() == exec::cgroup_mode::none) logger.warn("tasks run without control groups", {{"reason", shims->cgroups.reason()}});
  return {};
}

result<> client::state::make_node() {
  TRY_ASSIGN(auto identity, load_identity(state_dir, options.host_uuid));
  if (auto stored = db->fact("dynamic_meta"); stored && *stored) TRY(codec::from_json(**stored, schema::slot(dynamic_meta)));
  auto node = std::make_shared<schema::node>();
  node->id = identity.id;
  node->secret_id = identity.secret_id;
  node->datacenter = options.datacenter;
  node->node_class = options.node_class;
  node->node_pool = options.node_pool;
  node->status = "initializing";
  node->http_addr = options.http_address;
  node->tls_enabled = options.tls_enabled;
  node->node_max_allocs = options.node_max_allocs;
  node->gc_volumes_on_node_gc = options.gc_volumes_on_node_gc;
  if (options.default_ineligible) node->scheduling_eligibility = "ineligible";
  node->host_networks = options.host_networks;
  node->host_volumes = options.host_volumes;
  node->meta = options.meta;
  for (auto& [key, text] : dynamic_meta) {
    if (text) node->meta[key] = *text;
    else node->meta.erase(key);
  }
  TRY(make_volumes(node->id));
  node->node_resources.emplace();
  fingerprint::run_all({.options = options, .drivers = *drivers, .cgroups = shims->cgroups, .alloc_dir = alloc_root, .now = wall_now()}, *node);
  devices = std::make_unique<device_source>(options, *plugins, node->node_resources->devices);
  volumes->show_in(*node);
  link = std::make_unique<node_link>(servers, options.region, std::move(node), logger);
  link->introduction_token = options.introduction_token;
  if (auto file = read_file(state_dir + "/intro_token.jwt"); link->introduction_token.empty() && file) link->introduction_token = trim(*file);
  pusher = std::make_unique<status_pusher>(servers, *link, options.region, logger);
  networks = std::make_unique<network_manager>(options, state_dir, *drivers, pool, logger.named("network"));
  services = std::make_unique<registrar>(servers, *link, options.region, logger.named("services"));
  watcher = std::make_unique<alloc_watcher>(servers, *link, *db, options.region, logger);
  disks = std::make_unique<disk_mover>(servers, pool,
                                       disk_mover_options{.region = options.region,
                                                          .secret = [this] { return link->node()->secret_id; },
                                                          .token = [this](const std::string& id) { return watcher->migrate_token(id); },
                                                          .wanted =
                                                              [this](const std::string& id) {
                                                                auto it = runners.find(id);
                                                                return it != runners.end() && !server_terminal(*it->second->alloc());
                                                              }},
                                       logger.named("disks"));
  return make_csi();
}

result<> client::state::make_volumes(const std::string& node_id) {
  host_volume_options o{.volumes_dir = options.host_volumes_dir.empty() ? options.data_dir + "/host_volumes" : options.host_volumes_dir,
                        .plugin_dir = options.host_volume_plugin_dir.empty() ? options.data_dir + "/host_volume_plugins" : options.host_volume_plugin_dir,
                        .node_id = node_id,
                        .node_pool = options.node_pool,
                        .taken = {}};
  for (const auto& [name, volume] : options.host_volumes) o.taken.insert(name);
  volumes = std::make_unique<host_volumes>(std::move(o), *db, pool, logger);
  volumes->changed = [this] { show_volumes(); };
  return volumes->load();
}

void client::state::show_volumes() {
  auto node = std::make_shared<schema::node>(*link->node());
  node->host_volumes = options.host_volumes;
  volumes->show_in(*node);
  link->set_node(std::move(node));
}

void client::state::make_runner_context() {
  context.emplace(runner_context{.loop = loop,
                                 .pool = pool,
                                 .options = options,
                                 .db = *db,
                                 .drivers = *drivers,
                                 .servers = servers,
                                 .alloc_root = alloc_root,
                                 .control_root = control_root,
                                 .cgroup_parent = shims->cgroups.parent(),
                                 .logger = logger,
                                 .host_env = visible_host_env(options),
                                 .node = [this] { return link->node(); },
                                 .changed =
                                     [this](alloc_runner& runner, bool urgent) {
                                       pusher->push(runner.report(), urgent);
                                       if (runner.tasks_done()) garbage.notify_all();
                                     },
                                 .find =
                                     [this](const std::string& id) {
                                       auto it = runners.find(id);
                                       return it == runners.end() ? nullptr : it->second;
                                     },
                                 .servers_known = [this] { return watcher->contacted().is_set(); },
                                 .services = services.get(),
                                 .networks = networks.get(),
                                 .log_sinks = &sink_counters,
                                 .disks = disks.get(),
                                 .devices = devices.get(),
                                 .csi = csi.get()});
  watcher->known = [this] { return known(); };
  watcher->apply = [this](alloc_changes changes) { apply(std::move(changes)); };
  // What this node ended and forgot may run again in the eyes of servers with an older state, and they may not know what it reported.
  watcher->history_changed = [this] {
    ignored.clear();
    push_all();
  };
  link->on_answer = [this](const schema::node_update_response& reply) { heard(reply); };
  link->cluster_nodes = std::max<int64_t>(1, stored_nodes);
}

result<> client::state::restore() {
  TRY_ASSIGN(auto stored, db->load());
  for (auto& alloc : stored) {
    auto record = alloc.record;
    if (!runnable(*record)) return fail(errc::corrupt, "allocation {} in {} has no job", record->id, state_dir + "/state.db");
    add_runner(std::move(record), std::move(alloc));
  }
  return {};
}

void client::state::add_runner(schema::ref<schema::allocation> alloc, std::optional<stored_alloc> stored) {
  auto id = alloc->id;
  runners[id] = std::make_shared<alloc_runner>(*context, std::move(alloc), std::move(stored));
}

std::map<std::string, uint64_t> client::state::known() const {
  auto out = ignored;
  for (auto& [id, runner] : leaving) out[id] = runner->alloc()->alloc_modify_index;
  for (auto& [id, runner] : runners) out[id] = runner->alloc()->alloc_modify_index;
  return out;
}

void client::state::apply(alloc_changes changes) {
  for (auto& id : changes.removed) {
    ignored.erase(id);
    scope.spawn(&state::remove_runner, this, id);
  }
  for (auto& alloc : changes.pulled) {
    if (auto it = runners.find(alloc->id); it != runners.end()) {
      if (!alloc->job) continue;
      it->second->update(alloc);
      // The servers think otherwise, as after they lost sight of this node, or lost a report themselves. What they want ended is reported when it has.
      bool tell = it->second->tasks_done() || !server_terminal(*alloc);
      if (tell && alloc->client_status != it->second->client_status()) pusher->push(it->second->report(), true);
      continue;
    }
    if (leaving.contains(alloc->id)) continue;
    if (ignored.contains(alloc->id) || server_terminal(*alloc) || client_terminal(*alloc)) {
      ignored[alloc->id] = alloc->alloc_modify_index;
      if (server_terminal(*alloc) && !client_terminal(*alloc)) pusher->push(nothing_runs_of(*alloc), true);
      continue;
    }
    if (!runnable(*alloc)) {
      logger.error("an allocation came without its job", {{"alloc_id", alloc->id}});
      continue;
    }
    add_runner(alloc, std::nullopt);
    runners[alloc->id]->start();
    if (last_contact && disconnect_limit(runners[alloc->id]->group())) save_contact();
  }
  garbage.notify_all();
  contact_changed.notify_all();
}

net::awaitable<void> client::state::remove_runner(std::string id) {
  auto it = runners.find(id);
  if (it == runners.end()) co_return;
  auto runner = leaving[id] = std::move(it->second);
  runners.erase(it);
  auto gone = co_await runner->destroy();
  if (!gone) logger.error("cannot remove an allocation", {{"alloc_id", id}, {"error", gone.error().text()}});
  leaving.erase(id);
}

void client::state::push_all() {
  for (auto& [id, runner] : runners) pusher->push(runner->report(), true);
}

// ---- client ----

client::client(std::unique_ptr<state> s) : state_(std::move(s)) {}
client::~client() = default;

result<std::unique_ptr<client>> client::create(client_options options, rpc::channel& servers, net::loop& loop) {
  auto s = std::make_unique<state>(std::move(options), nullptr, servers, loop);
  TRY(s->open());
  s->methods = std::make_unique<endpoints>(*s);
  return std::unique_ptr<client>(new client(std::move(s)));
}

result<std::unique_ptr<client>> client::create(client_options options, dial_function dial, net::loop& loop) {
  auto own = std::make_unique<server_channel>(server_channel_options{.datacenter = options.datacenter, .dial = std::move(dial)}, log::logger("client.servers"));
  auto& way = *own;
  auto s = std::make_unique<state>(std::move(options), std::move(own), way, loop);
  TRY(s->open());
  s->methods = std::make_unique<endpoints>(*s);
  return std::unique_ptr<client>(new client(std::move(s)));
}

void client::start() {
  auto& s = *state_;
  s.scope.spawn(&state::begin_networks, &s);
  s.scope.spawn(&node_link::run, s.link.get());
  s.scope.spawn(&node_link::send_events, s.link.get());
  s.scope.spawn(&status_pusher::run, s.pusher.get());
  s.scope.spawn(&registrar::run, s.services.get());
  s.scope.spawn(&state::collect_garbage_regularly, &s);
  s.scope.spawn(&state::stop_when_disconnected, &s);
  s.drivers->begin([&s] { s.drivers_changed(); });
  auto mhz = s.link->node()->attributes.find("cpu.frequency");
  s.plugins->begin([&s] { s.drivers_changed(); }, mhz == s.link->node()->attributes.end() ? 0 : parse_int(mhz->second).value_or(0));
  s.scope.spawn(&state::wake_restored, &s);
  s.scope.spawn(&host_volumes::restore, s.volumes.get());
  s.scope.spawn(&state::release_forgotten_volumes, &s);
  if (!s.remote) return;
  s.scope.spawn(&server_channel::rebalance_regularly, s.remote.get());
  s.scope.spawn(&state::join, &s);
}

net::awaitable<void> client::stop() {
  auto& s = *state_;
  co_await net::keep_going();
  if (s.options.dev_mode) {
    // Held here: one that has ended may be collected while others end.
    auto ending = s.runners;
    // Whoever uses a CSI volume goes before the plugin that can unmount it.
    for (auto& [id, runner] : ending) {
      if (!s.csi->holds(id)) continue;
      co_await runner->kill_and_wait();
      (void)co_await s.csi->release(id, csi::limits::release_patience);
    }
    for (auto& [id, runner] : ending) runner->kill_tasks();
    for (auto& [id, runner] : ending) co_await runner->kill_and_wait();
  }
  co_await s.scope.stop();
  co_await net::with_deadline(s.last_report(), net::after(limits::last_report));
  if (s.remote) s.remote->close();
  for (auto& [id, runner] : s.runners) co_await runner->stop();
  for (auto& [id, runner] : s.leaving) co_await runner->stop();
  co_await s.plugins->end(s.options.dev_mode);
  co_await s.drivers->end();
}

// A driver's daemon came, went or changed: the servers place by it.
void client::state::drivers_changed() {
  auto node = std::make_shared<schema::node>(*link->node());
  for (auto& name : fingerprint::refresh_drivers(*drivers, wall_now(), *node)) {
    auto& info = node->drivers[name];
    schema::node_event e;
    e.subsystem = "Driver";
    e.message = info.health_description;
    e.timestamp = wall_now();
    e.details["driver"] = name;
    link->emit(std::move(e));
  }
  if (node->node_resources) node->node_resources->devices = devices->groups();
  link->set_node(std::move(node));
}

// What an agent that was killed left of networks goes before anything new is made.
net::awaitable<void> client::state::begin_networks() {
  std::set<std::string> living;
  for (auto& [id, runner] : runners)
    if (!runner->tasks_done()) living.insert(id);
  co_await networks->begin(std::move(living));
  for (auto& [id, runner] : runners) runner->start();
  scope.spawn(&alloc_watcher::run, watcher.get());
}

net::awaitable<void> client::state::wake_restored() {
  co_await watcher->contacted().wait();
  for (auto& [id, runner] : runners) runner->servers_known();
}

net::awaitable<result<>> client::state::last_report() {
  co_await services->flush();
  co_await pusher->flush();
  co_return result<>{};
}

net::awaitable<result<>> client::drain_for_shutdown() { co_return co_await state_->drain(); }
log_sink_counters client::log_sinks() const { return state_->sink_counters; }
void client::serve_task_api(net::http_handler handler) { state_->context->task_api = std::move(handler); }
void client::reach_nodes(std::function<std::shared_ptr<const net::tls_context>()> tls) { state_->disks->tls = std::move(tls); }
void client::on_fatal(std::function<void(error)> function) { state_->fatal = std::move(function); }
rpc::channel& client::servers() const { return state_->servers; }
std::vector<std::string> client::known_servers() const { return state_->remote ? state_->remote->servers().shown() : std::vector<std::string>{}; }
net::awaitable<result<>> client::set_servers(std::vector<std::string> addresses) { co_return co_await state_->set_servers(std::move(addresses)); }
duration client::heartbeat_ttl() const { return state_->link->ttl(); }
std::optional<duration> client::since_heartbeat() const {
  auto heard = state_->link->heard();
  if (!heard) return std::nullopt;
  return nanoseconds(std::chrono::duration_cast<std::chrono::nanoseconds>(net::now() - *heard).count());
}
void client::register_methods(rpc::method_table& table) { state_->methods->add_to(table); }
const std::string& client::node_id() const { return state_->link->node()->id; }
const std::string& client::secret_id() const { return state_->link->node()->secret_id; }
schema::ref<schema::node> client::node() const { return state_->link->node(); }
net::awaitable<void> client::wait_ready() { co_await state_->link->ready().wait(); }

alloc_runner* client::find(const std::string& id) const {
  auto it = state_->runners.find(id);
  return it == state_->runners.end() ? nullptr : it->second.get();
}

std::vector<alloc_runner*> client::runners() const {
  std::vector<alloc_runner*> out;
  for (auto& [id, runner] : state_->runners) out.push_back(runner.get());
  return out;
}

std::vector<std::string> client::explain_networks() const {
  auto& s = *state_;
  auto chosen = fingerprint::choose_networks(s.options, fingerprint::machine_interfaces(), fingerprint::default_route_interface());
  for (auto& network : s.link->node()->node_resources->node_networks) {
    if (network.mode == "host") continue;
    chosen.reasons.push_back(network.mode == "bridge"
                                 ? fmt::format("mode \"bridge\": bridge {} with {}{}", network.device, s.options.network.bridge_subnet,
                                               s.options.network.bridge_subnet_ipv6.empty() ? "" : " and " + s.options.network.bridge_subnet_ipv6)
                                 : fmt::format("mode \"{}\": configured in {}", network.mode, s.options.network.cni_config_dir));
  }
  return chosen.reasons;
}

size_t client::running_allocations() const {
  return static_cast<size_t>(std::count_if(state_->runners.begin(), state_->runners.end(), [](auto& r) { return !r.second->tasks_done(); }));
}

}  // namespace drover::client
