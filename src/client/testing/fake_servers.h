// Servers in memory, for tests of the node agent: they register it, give it allocations and remember what it reports.
// Loop thread; header-only and used by tests alone.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "net/event.h"
#include "rpc/local.h"
#include "schema/alloc_rpc.h"
#include "schema/node_rpc.h"

namespace drover::client::testing {

class fake_servers {
 public:
  explicit fake_servers(net::loop& l) : channel(l, table_) { add_methods(); }

  rpc::local_channel& servers() { return channel; }
  // For a port that answers as these servers.
  const rpc::method_table& table() const { return table_; }
  // The way to the node, of the connection by which its last heartbeat came.
  std::shared_ptr<rpc::channel> back;

  void place(schema::allocation alloc) {
    alloc.modify_index = alloc.alloc_modify_index = ++index;
    if (alloc.create_index == 0) alloc.create_index = index;
    auto id = alloc.id;
    allocs[id] = std::make_shared<const schema::allocation>(std::move(alloc));
    changed.notify_all();
  }
  void stop(const std::string& id) {
    auto alloc = *allocs[id];
    alloc.desired_status = "stop";
    place(std::move(alloc));
  }
  void remove(const std::string& id) {
    allocs.erase(id);
    ++index;
    changed.notify_all();
  }
  // As if the server had been restarted and had not read its log yet.
  void forget_everything() {
    allocs.clear();
    index = 1;
    changed.notify_all();
  }

  using predicate = std::function<bool(const schema::allocation&)>;
  // The first report of that allocation for which it holds, from the newest on.
  net::awaitable<schema::ref<schema::allocation>> reported(std::string id, predicate holds) {
    for (;;) {
      if (auto it = reports.find(id); it != reports.end() && holds(*it->second)) co_return it->second;
      co_await updated.wait();
    }
  }
  net::awaitable<schema::ref<schema::allocation>> reported_status(std::string id, std::string status) {
    co_return co_await reported(id, [status](const schema::allocation& a) { return a.client_status == status; });
  }

  uint64_t index = 10;
  bool refuse = false, refuse_registration = false;
  // What refuse says.
  error refusal{errc::unavailable, "No cluster leader"};
  // The node was removed: its heartbeat fails until it registers again.
  bool forgot_node = false;
  // The index of a registration's write; 0: not told.
  uint64_t register_index = 0;
  // What registrations and heartbeats say beside.
  schema::node_update_response said;
  // The node's questions for its allocations.
  std::vector<schema::node_specific_request> asked;
  // The drain that the node asked for, until the test resets it and moves the index on.
  std::optional<schema::node_update_drain_request> drained;
  // Of allocations asked for, so many do not come back.
  int withhold = 0;
  std::vector<size_t> pulls;
  // Does not wait for news: what a server does that was restarted and knows less than it did.
  bool answers_at_once = false;
  int registrations = 0, heartbeats = 0, update_calls = 0, alloc_queries = 0;
  schema::ref<schema::node> node;
  std::map<std::string, schema::ref<schema::allocation>> allocs;
  std::map<std::string, schema::ref<schema::allocation>> reports;
  // The catalogue of services.
  std::map<std::string, schema::ref<schema::service_registration>> services;
  net::awaitable<void> services_are(size_t count) {
    while (services.size() != count) co_await updated.wait();
  }
  // Every status of every allocation in order: "ID:running".
  std::vector<std::string> statuses;
  net::event changed, updated, queried;

 private:
  template <class T>
  using answer = net::awaitable<result<T>>;

  answer<schema::node_update_response> register_node(schema::node_register_request request) {
    ++registrations;
    updated.notify_all();
    if (refuse || refuse_registration) co_return fail(refusal);
    node = request.node;
    forgot_node = false;
    auto out = said;
    out.index = register_index;
    co_return out;
  }
  answer<schema::node_update_response> heartbeat(schema::node_update_status_request) {
    if (refuse) co_return fail(refusal);
    if (forgot_node) co_return fail(errc::not_found, "node not found");
    ++heartbeats;
    updated.notify_all();
    auto out = said;
    if (out.heartbeat_ttl.ns == 0) out.heartbeat_ttl = seconds(10);
    co_return out;
  }
  answer<schema::node_client_allocs_response> client_allocs(schema::node_specific_request request) {
    ++alloc_queries;
    asked.push_back(request);
    queried.notify_all();
    if (refuse) co_return fail(refusal);
    auto until = net::after(request.max_query_time);
    while (!answers_at_once && index <= request.min_query_index)
      if (!co_await changed.wait(until)) break;
    schema::node_client_allocs_response out;
    out.index = index;
    for (auto& [id, alloc] : allocs) out.allocs[id] = alloc->alloc_modify_index;
    co_return out;
  }
  answer<schema::allocs_get_response> get_allocs(schema::allocs_get_request request) {
    schema::allocs_get_response out;
    pulls.push_back(request.alloc_ids.size());
    for (; withhold > 0 && !request.alloc_ids.empty(); --withhold) request.alloc_ids.pop_back();
    for (auto& id : request.alloc_ids)
      if (auto it = allocs.find(id); it != allocs.end()) out.allocs.push_back(it->second);
    co_return out;
  }
  answer<schema::generic_response> update_alloc(schema::alloc_update_request request) {
    ++update_calls;
    if (refuse) co_return fail(refusal);
    for (auto& report : request.alloc) {
      reports[report->id] = report;
      auto entry = report->id + ":" + report->client_status;
      if (statuses.empty() || statuses.back() != entry) statuses.push_back(entry);
    }
    updated.notify_all();
    co_return schema::generic_response{};
  }
  answer<schema::service_registration_upsert_response> upsert_services(schema::service_registration_upsert_request request) {
    if (refuse) co_return fail(refusal);
    for (auto& service : request.services) services[service->id] = service;
    updated.notify_all();
    co_return schema::service_registration_upsert_response{};
  }
  answer<schema::service_registration_delete_by_id_response> delete_service(schema::service_registration_delete_by_id_request request) {
    if (refuse) co_return fail(refusal);
    if (services.erase(request.id) == 0) co_return fail(errc::not_found, "service registration not found");
    updated.notify_all();
    co_return schema::service_registration_delete_by_id_response{};
  }
  answer<schema::generic_response> ping(schema::generic_request) {
    if (refuse) co_return fail(refusal);
    co_return schema::generic_response{};
  }
  answer<schema::node_drain_update_response> drain(schema::node_update_drain_request request) {
    drained = std::move(request);
    updated.notify_all();
    co_return schema::node_drain_update_response{};
  }
  // Waits like a server until the drain is over.
  answer<schema::single_node_response> get_node(schema::node_specific_request request) {
    while (drained && request.min_query_index >= index) co_await changed.wait();
    schema::single_node_response out;
    auto shown = std::make_shared<schema::node>(*node);
    if (drained) shown->drain_strategy = drained->drain_strategy;
    out.node = std::move(shown);
    out.index = index;
    co_return out;
  }
  answer<schema::emit_node_events_response> emit(schema::emit_node_events_request) { co_return schema::emit_node_events_response{}; }

  void add_methods() {
    using context = rpc::call_context;
    table_.add<schema::node_register_request, schema::node_update_response>(
        "Node.Register", [this](context, schema::node_register_request r) { return register_node(std::move(r)); });
    table_.add<schema::node_update_status_request, schema::node_update_response>("Node.UpdateStatus", [this](context c, schema::node_update_status_request r) {
      back = std::move(c.back);
      return heartbeat(std::move(r));
    });
    table_.add<schema::node_specific_request, schema::node_client_allocs_response>(
        "Node.GetClientAllocs", [this](context, schema::node_specific_request r) { return client_allocs(std::move(r)); });
    table_.add<schema::allocs_get_request, schema::allocs_get_response>("Alloc.GetAllocs",
                                                                        [this](context, schema::allocs_get_request r) { return get_allocs(std::move(r)); });
    table_.add<schema::alloc_update_request, schema::generic_response>("Node.UpdateAlloc",
                                                                       [this](context, schema::alloc_update_request r) { return update_alloc(std::move(r)); });
    table_.add<schema::service_registration_upsert_request, schema::service_registration_upsert_response>(
        "ServiceRegistration.Upsert", [this](context, schema::service_registration_upsert_request r) { return upsert_services(std::move(r)); });
    table_.add<schema::service_registration_delete_by_id_request, schema::service_registration_delete_by_id_response>(
        "ServiceRegistration.DeleteByID", [this](context, schema::service_registration_delete_by_id_request r) { return delete_service(std::move(r)); });
    table_.add<schema::generic_request, schema::generic_response>("Status.Ping", [this](context, schema::generic_request r) { return ping(std::move(r)); });
    table_.add<schema::node_update_drain_request, schema::node_drain_update_response>(
        "Node.UpdateDrain", [this](context, schema::node_update_drain_request r) { return drain(std::move(r)); });
    table_.add<schema::node_specific_request, schema::single_node_response>(
        "Node.GetNode", [this](context, schema::node_specific_request r) { return get_node(std::move(r)); });
    table_.add<schema::emit_node_events_request, schema::emit_node_events_response>(
        "Node.EmitEvents", [this](context, schema::emit_node_events_request r) { return emit(std::move(r)); });
  }

  rpc::method_table table_;
  rpc::local_channel channel;
};

}  // namespace drover::client::testing
