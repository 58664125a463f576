#include "client/server_channel.h"

#include <algorithm>
#include <array>

#include "net/task_scope.h"
#include "schema/common.h"

namespace drover::client {

namespace {

// The server itself says that another one, or a later moment, may do better.
bool is_refusal(const error& e) { return e.code() == errc::unavailable && e.text().find("No path to") == std::string::npos; }
// Nobody knows whether the call happened.
bool is_break(const error& e) { return e.code() == errc::closed || e.code() == errc::timeout; }

constexpr std::array repeatable_writes = {"Node.Register", "Node.UpdateStatus", "Node.UpdateAlloc", "ServiceRegistration.Upsert"};
// Their requests look like queries, but they do something at a node.
constexpr std::array acting_nouns = {"ClientAllocations.", "NodeMeta.", "ClientCSI.", "ClientHostVolume.", "Agent.", "NodeIdentity."};

template <class T>
const T* field_of(schema::record_view record, std::string_view wire, schema::kind kind) {
  if (!record.type->record) return nullptr;
  auto* field = record.type->record->find(wire);
  if (!field || field->type().kind != kind) return nullptr;
  return static_cast<const T*>(field->in(record.data));
}

}  // namespace

server_channel::server_channel(server_channel_options options, log::logger logger)
    : options_(std::move(options)), logger_(std::move(logger)), list_(options_.datacenter) {}

server_channel::rules server_channel::rules_of(const std::string& method, schema::record_view request) {
  auto* index = field_of<uint64_t>(request, "MinQueryIndex", schema::kind::uint64);
  auto* wait = field_of<duration>(request, "MaxQueryTime", schema::kind::duration);
  auto starts = [&](const char* noun) { return method.starts_with(noun); };
  if (!index || !wait) {
    bool repeatable = std::any_of(repeatable_writes.begin(), repeatable_writes.end(), [&](auto* m) { return method == m; });
    return {.repeatable = repeatable, .slow = repeatable ? 1 : limits::rpc_write_slowness};
  }
  if (std::any_of(acting_nouns.begin(), acting_nouns.end(), starts)) return {.slow = limits::rpc_write_slowness};
  duration blocks{};
  // Without a time of its own a query waits as long as servers do by default.
  if (*index > 0) blocks = wait->ns > 0 ? std::min(*wait, limits::query_time_max) : limits::query_time;
  return {.repeatable = true, .wait = blocks, .slow = limits::rpc_read_slowness};
}

void server_channel::note_failure(const std::string& address, const error& e) {
  bool was_in_use = last_ == address;
  if (was_in_use) last_.clear();
  list_.failed(address);
  if (was_in_use) logger_.warn("a server does not answer; trying others", {{"server", address}, {"error", e.text()}});
  else logger_.debug("a server does not answer", {{"server", address}, {"error", e.text()}});
}

template <class T>
rpc::awaitable<result<T>> server_channel::try_all(rules how, attempt<T> once) {
  auto until = net::after(options_.hold + how.wait);
  // A query that waits for news may be answered this much later than it asked for.
  auto patience = options_.answer * how.slow + how.wait + how.wait / 16;
  auto pause = options_.hold / 16;
  error last(errc::unavailable, "no server is known: name some in client.servers, or with -servers");
  for (;;) {
    for (auto& address : list_.order()) {
      if (closed_) co_return fail(errc::closed, "this agent stops");
      auto done = co_await net::with_deadline(once(options_.dial(address)), net::after(patience));
      if (done) {
        list_.worked(address);
        last_ = address;
        co_return done;
      }
      auto& e = done.error();
      if (!is_refusal(e) && !is_break(e)) co_return done;
      note_failure(address, e);
      if (is_break(e) && !how.repeatable) co_return done;
      last = e;
      // A server that swallows everything must not use up the time of those that were not asked yet.
      if (net::now() >= until + std::chrono::nanoseconds(options_.answer.ns * how.slow)) co_return fail(std::move(last));
    }
    // All were asked. A random pause that grows: many nodes are in the same situation at the same moment.
    auto next = net::after(pause / 2 + duration(static_cast<int64_t>(options_.random->below(static_cast<uint64_t>(pause.ns) + 1))));
    if (next >= until) co_return fail(std::move(last));
    pause = std::min(pause * 2, options_.hold / 4);
    co_await closing_.wait(next);
  }
}

rpc::awaitable<result<>> server_channel::call(std::string method, schema::record_view request, schema::record_slot response) {
  attempt<void> once = [&](std::shared_ptr<rpc::channel> through) -> rpc::awaitable<result<>> { co_return co_await through->call(method, request, response); };
  co_return co_await try_all<void>(rules_of(method, request), std::move(once));
}

rpc::awaitable<result<std::unique_ptr<rpc::message_stream>>> server_channel::open(std::string method, schema::record_view request) {
  using stream = std::unique_ptr<rpc::message_stream>;
  attempt<stream> once = [&](std::shared_ptr<rpc::channel> through) -> rpc::awaitable<result<stream>> { co_return co_await through->open(method, request); };
  // Opened is not answered: nothing has happened yet that must not happen twice.
  co_return co_await try_all<stream>({.repeatable = true, .slow = 1}, std::move(once));
}

void server_channel::close() {
  closed_ = true;
  closing_.set();
}

void server_channel::took(const schema::node_update_response& reply) {
  nodes_ = std::max<int64_t>(1, reply.num_nodes);
  if (list_.learn(reply.servers, *options_.random) && on_learned) on_learned();
  // It answered without knowing a leader: others may be better connected.
  if (reply.leader_rpc_addr.empty() && !reply.servers.empty()) list_.failed(last_);
}

net::awaitable<result<>> server_channel::ping(std::string address) {
  auto way = options_.dial(address);
  auto through = [](std::shared_ptr<rpc::channel> channel) -> net::awaitable<result<>> {
    auto answer = co_await rpc::call<schema::generic_response>(*channel, "Status.Ping", schema::generic_request{});
    if (!answer) co_return fail(answer.error());
    co_return result<>{};
  };
  co_return co_await net::with_deadline(through(std::move(way)), net::after(limits::ping_answer));
}

net::awaitable<result<>> server_channel::find_living() {
  error last(errc::unavailable, "no server is known");
  for (auto& address : list_.candidates(*options_.random)) {
    if (closed_) break;
    auto answered = co_await ping(address);
    if (answered) {
      list_.prefer(address);
      co_return result<>{};
    }
    if (answered.error().code() == errc::cancelled) co_return answered;
    // A server that answers with an error lives.
    last = answered.error();
    list_.failed(address);
  }
  co_return fail(std::move(last));
}

net::awaitable<void> server_channel::rebalance_regularly() {
  for (;;) {
    co_await net::sleep_for(rebalance_interval(nodes_, *options_.random));
    if (auto found = co_await find_living(); !found) logger_.debug("no server answers", {{"error", found.error().text()}});
  }
}

}  // namespace drover::client
