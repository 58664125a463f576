#include "client/network/manager.h"

#include <algorithm>
#include <mutex>

#include "client/network/bridge.h"
#include "client/network/cni.h"
#include "client/network/files.h"
#include "client/network/namespace.h"
#include "client/network/record.h"
#include "client/system.h"

namespace drover::client {

namespace {
bool is_cni(const std::string& mode) { return mode.starts_with("cni/"); }
bool has_namespace(const std::string& mode) { return mode == "bridge" || mode == "none" || is_cni(mode); }

const schema::task_group* group_of(const schema::allocation& alloc) {
  for (auto& group : alloc.job->task_groups)
    if (group.name == alloc.task_group) return &group;
  return nullptr;
}

std::vector<std::string> wildcard_labels(const schema::network_resource& wanted) {
  std::vector<std::string> out;
  for (auto* ports : {&wanted.reserved_ports, &wanted.dynamic_ports})
    for (auto& port : *ports)
      if (port.host_network.empty() || port.host_network == "default") out.push_back(port.label);
  return out;
}
}  // namespace

// The parts that change the machine. Their functions run on the pool, one at a time.
struct network_manager::inside {
  network_options options;
  driver_registry& drivers;
  net::blocking_pool& pool;
  log::logger logger;
  network_records records;
  bridge_network bridge;
  cni_networks cni;
  std::mutex one_at_a_time;

  result<network_record> begin_record(const schema::allocation& alloc, const schema::network_resource& wanted, const driver_network& made,
                                      const std::string& driver);
  result<network_record> connect(network_record record);
  result<> disconnect(const network_record& record);
  result<> forget(const network_record& record);
  result<alloc_network> describe(const network_record& record, const schema::network_resource& wanted, const std::string& alloc_dir) const;
  result<> begin(const std::set<std::string>& living, std::vector<network_record>& gone);
  task_driver* network_driver(const schema::allocation& alloc) const;
  awaitable<result<>> tear_down(network_record record);
};

network_manager::network_manager(const client_options& options, const std::string& state_dir, driver_registry& drivers, net::blocking_pool& pool,
                                 log::logger logger)
    : inside_(std::make_unique<inside>(options.network, drivers, pool, std::move(logger), network_records(state_dir + "/networks"),
                                       bridge_network(options.network), cni_networks(options.network.cni_path, options.network.cni_config_dir))) {}
network_manager::~network_manager() = default;

// The first task's driver that cannot join a namespace made by others.
task_driver* network_manager::inside::network_driver(const schema::allocation& alloc) const {
  auto* group = group_of(alloc);
  if (!group) return nullptr;
  for (auto& task : group->tasks)
    if (auto* driver = drivers.find(task.driver); driver && driver->makes_network()) return driver;
  return nullptr;
}

result<network_record> network_manager::inside::begin_record(const schema::allocation& alloc, const schema::network_resource& wanted,
                                                             const driver_network& made, const std::string& driver) {
  std::lock_guard lock(one_at_a_time);
  auto known = records.find(alloc.id);
  network_record record = known ? *known : network_record{};
  // Made by an agent before this one, and still whole: it is only looked after.
  bool whole = known && record.mode == wanted.mode && record.driver == driver && is_namespace(record.namespace_path);
  record.alloc_id = alloc.id;
  record.mode = wanted.mode;
  record.driver = driver;
  record.labels = made.labels;
  record.namespace_path = driver.empty() ? std::string(namespace_directory) + "/" + alloc.id : made.namespace_path;
  record.ports = alloc.allocated_resources ? alloc.allocated_resources->shared.ports : std::vector<schema::allocated_port_mapping>{};
  record.wildcard_ports = options.bind_wildcard ? wildcard_labels(wanted) : std::vector<std::string>{};
  if (wanted.mode == "bridge") TRY(bridge.plan(record, records.all()));
  if (is_cni(wanted.mode) && !(whole && !record.cni_result.empty())) {
    record.cni_result.clear();
    record.address.clear();
    record.address_ipv6.clear();
    TRY(cni.plan(record, wanted.cni ? wanted.cni->args : std::map<std::string, std::string>{}));
  }
  TRY(records.put(record));
  return record;
}

result<network_record> network_manager::inside::connect(network_record record) {
  std::lock_guard lock(one_at_a_time);
  if (record.driver.empty()) TRY(make_namespace(record.namespace_path));
  if (record.mode == "bridge") {
    TRY(bridge.connect(record));
    return record;
  }
  {
    TRY_ASSIGN(auto own, route_socket::open_in(record.namespace_path));
    TRY_ASSIGN(int loopback, own.index_of("lo"));
    TRY(own.set_up(loopback));
  }
  if (!is_cni(record.mode)) return record;
  if (!record.cni_result.empty()) {
    if (auto fine = cni.check(record)) return record;
    else logger.warn("a network is not as its plugins left it; it is made anew", {{"alloc_id", record.alloc_id}, {"error", fine.error().text()}});
    (void)cni.remove(record);
    record.cni_result.clear();
  }
  TRY(cni.add(record));
  TRY(records.put(record));
  return record;
}

// As much of it as can be undone. Again and again, if need be.
result<> network_manager::inside::disconnect(const network_record& record) {
  std::lock_guard lock(one_at_a_time);
  result<> outcome;
  auto note = [&](result<> done) {
    if (!done && outcome) outcome = std::move(done);
  };
  if (record.mode == "bridge") note(bridge.disconnect(record, records.all()));
  if (is_cni(record.mode)) note(cni.remove(record));
  if (record.driver.empty()) note(remove_namespace(record.namespace_path));
  if (!outcome) logger.error("a network could not be removed completely", {{"alloc_id", record.alloc_id}, {"error", outcome.error().text()}});
  return outcome;
}

result<> network_manager::inside::forget(const network_record& record) {
  std::lock_guard lock(one_at_a_time);
  auto done = records.remove(record.alloc_id);
  auto left = records.all();
  if (record.mode == "bridge" && std::ranges::none_of(left, [](auto& r) { return r.mode == "bridge"; })) bridge.remove();
  return done;
}

result<alloc_network> network_manager::inside::describe(const network_record& record, const schema::network_resource& wanted,
                                                        const std::string& alloc_dir) const {
  alloc_network out;
  auto& tasks = out.for_tasks;
  tasks.mode = wanted.mode;
  tasks.namespace_path = record.namespace_path;
  tasks.labels = record.labels;
  tasks.ports = record.ports;
  tasks.dns = wanted.dns;
  bool own = has_namespace(wanted.mode);
  if (own) tasks.hostname = wanted.hostname.empty() ? record.alloc_id.substr(0, 8) : wanted.hostname;
  schema::dns_config dns = wanted.dns.value_or(schema::dns_config{});
  if (dns.servers.empty()) dns.servers = record.dns_servers;
  if (dns.searches.empty()) dns.searches = record.dns_searches;
  if (dns.options.empty()) dns.options = record.dns_options;
  if (own) {
    tasks.hosts_file = alloc_dir + "/etc-hosts";
    TRY(write_file(tasks.hosts_file, hosts_text(tasks.hostname, record.address, record.address_ipv6), 0644));
  }
  auto host = host_resolv(own);
  if (wanted.dns || !record.dns_servers.empty() || (own && host != host_resolv(false))) {
    tasks.resolv_file = alloc_dir + "/etc-resolv.conf";
    TRY(write_file(tasks.resolv_file, resolv_text(dns, host), 0644));
  }
  if (!record.address.empty() || !record.address_ipv6.empty()) {
    schema::alloc_network_status status;
    status.interface_name = record.interface_name;
    status.address = record.address.empty() ? record.address_ipv6 : record.address;
    status.address_ipv6 = record.address_ipv6;
    if (wanted.dns || !record.dns_servers.empty()) status.dns = dns;
    out.status = std::make_shared<const schema::alloc_network_status>(std::move(status));
  }
  return out;
}

awaitable<result<alloc_network>> network_manager::set_up(schema::ref<schema::allocation> alloc, schema::network_resource wanted, std::string alloc_dir) {
  auto& in = *inside_;
  if (!has_namespace(wanted.mode)) co_return co_await in.pool.run([&] { return in.describe({}, wanted, alloc_dir); });
  driver_network made;
  auto* driver = in.network_driver(*alloc);
  if (driver) {
    auto hostname = wanted.hostname.empty() ? alloc->id.substr(0, 8) : wanted.hostname;
    CO_TRY_ASSIGN(made, co_await driver->make_network(alloc->id, hostname));
  }
  auto done = co_await in.pool.run([&]() -> result<alloc_network> {
    TRY_ASSIGN(auto record, in.begin_record(*alloc, wanted, made, driver ? driver->name() : std::string()));
    auto connected = in.connect(std::move(record));
    if (!connected) return fail(connected.error());
    return in.describe(*connected, wanted, alloc_dir);
  });
  if (done) co_return done;
  (void)co_await tear_down(alloc->id);
  // Also where it was not written down yet.
  if (driver) (void)co_await driver->destroy_network(alloc->id, made);
  co_return wrap(done.error(), fmt::format("failed to configure networking for alloc: network mode \"{}\"", wanted.mode));
}

awaitable<result<>> network_manager::inside::tear_down(network_record record) {
  auto outcome = co_await pool.run([&] { return disconnect(record); });
  // What the driver made is known by the record alone: it stays until that is gone, also if this is interrupted.
  if (auto* driver = record.driver.empty() ? nullptr : drivers.find(record.driver))
    CO_TRY(co_await driver->destroy_network(record.alloc_id, {.namespace_path = record.namespace_path, .labels = record.labels}));
  auto forgotten = co_await pool.run([&] { return forget(record); });
  co_return outcome ? forgotten : outcome;
}

awaitable<result<>> network_manager::tear_down(std::string alloc_id) {
  auto record = co_await inside_->pool.run([&] { return inside_->records.find(alloc_id); });
  if (!record) co_return result<>{};
  co_return co_await inside_->tear_down(std::move(*record));
}

result<> network_manager::inside::begin(const std::set<std::string>& living, std::vector<network_record>& gone) {
  std::lock_guard lock(one_at_a_time);
  std::vector<network_record> on_bridge;
  for (auto& record : records.all()) {
    if (!living.contains(record.alloc_id)) gone.push_back(record);
    else if (record.mode == "bridge" && is_namespace(record.namespace_path)) on_bridge.push_back(record);
  }
  return bridge.restore(on_bridge);
}

awaitable<void> network_manager::begin(std::set<std::string> living) {
  if (!inside_->records.any()) co_return;
  std::vector<network_record> gone;
  auto restored = co_await inside_->pool.run([&] { return inside_->begin(living, gone); });
  if (!restored) inside_->logger.error("cannot restore port mappings", {{"error", restored.error().text()}});
  for (auto& record : gone) {
    inside_->logger.info("removing what an earlier agent left of a network", {{"alloc_id", record.alloc_id}});
    (void)co_await inside_->tear_down(record);
  }
}

}  // namespace drover::client
