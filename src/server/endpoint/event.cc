// Event.Stream: what changes, as it changes. Answered by whichever server is asked, of its own state; another region's by a server there.
#include "codec/msgpack.h"
#include "rpc/caller.h"
#include "schema/event.h"
#include "server/event_broker.h"
#include "server/event_limits.h"
#include "server/reads.h"
#include "server/relay.h"

namespace drover::server {
namespace {

using stream = std::unique_ptr<rpc::message_stream>;

std::string message_of(std::string line) {
  schema::event_stream_wrapper message;
  message.event.emplace().data = bytes(std::move(line));
  return codec::to_msgpack(message);
}

std::string failure_of(const error& e) {
  schema::event_stream_wrapper message;
  message.error = schema::rpc_error{e.text(), http_status(e.code())};
  return codec::to_msgpack(message);
}

result<event_filter> filter_of(const schema::event_stream_request& request) {
  event_filter out;
  out.namespace_ = namespace_of(static_cast<const schema::query_options&>(request));
  out.topics = request.topics;
  if (out.topics.empty()) out.topics = {{"*", {"*"}}};
  for (const auto& [topic, keys] : out.topics) {
    if (is_topic(topic)) continue;
    return fail(errc::invalid, "Invalid topic query: there is no topic \"{}\"; topics are Job, Allocation, Deployment, Evaluation, Node, NodePool, "
                "Service, HostVolume, CSIVolume, CSIPlugin, ACLPolicy, ACLToken, ACLRole, ACLAuthMethod, ACLBindingRule, Variable, Operator and *", topic);
  }
  return out;
}

// The first message says at once that the subscription is there.
awaitable<result<>> send_events(event_subscription& events, rpc::message_stream* to) {
  CO_TRY(co_await to->write(message_of("{}")));
  for (;;) {
    auto line = co_await events.next(net::after(event_heartbeat));
    if (!line) co_return co_await to->write(failure_of(line.error()));
    CO_TRY(co_await to->write(message_of(*std::move(line))));
  }
}

awaitable<result<>> stream_events(server_context& context, called_method method, event_broker* broker, schema::event_stream_request request, stream caller) {
  if (context.forward != nullptr && !context.forward->is_own(request.region)) {
    CO_TRY_ASSIGN(auto there, co_await context.forward->server_in(request.region));
    CO_TRY_ASSIGN(auto callee, co_await context.forward->open_at(std::move(there), route_of("Event.Stream", request, {})));
    co_return co_await join_streams(std::move(caller), std::move(callee));
  }
  auto filter = filter_of(request);
  if (auto may = co_await check_here(context, method, request.auth_token, request.namespace_, schema::view(request)); filter && !may) filter = std::unexpected(may.error());
  if (filter && broker == nullptr) filter = fail(errc::unsupported, "event broker not enabled: set enable_event_broker = true in the server block");
  if (filter && broker->subscribers() >= event_subscribers_max)
    filter = fail(errc::unavailable, "this server has {} event subscribers already; ask another server", event_subscribers_max);
  if (!filter) co_return co_await caller->write(failure_of(filter.error()));
  auto events = broker->subscribe(*std::move(filter), static_cast<uint64_t>(std::max<int64_t>(request.index, 0)));
  co_return co_await rpc::while_caller_stays(caller.get(), send_events(*events, caller.get()));
}

}  // namespace

void add_event_methods(rpc::method_table& table, server_context& context, event_broker* broker) {
  auto method = method_of<schema::event_stream_request>(context, "Event.Stream");
  table.add_stream<schema::event_stream_request>("Event.Stream", [&context, method, broker](rpc::call_context call, schema::event_stream_request request, stream caller) {
    return stream_events(context, as_called(method, call), broker, std::move(request), std::move(caller));
  });
}

}  // namespace drover::server
