// Event.Stream: what changes, as it changes. Answered by whichever server is asked, of its own state; another region's by a server there.
#include "schema/event.h"
#include "codec/msgpack.h"
#include "rpc/caller.h"
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
    return fail(errc::invalid,
                "Invalid topic query: there is no topic \"{}\"; topics are Job, Allocation, Deployment, Evaluation, Node, NodePool, "
                "Service, HostVolume, CSIVolume, CSIPlugin, ACLPolicy, ACLToken, ACLRole, ACLAuthMethod, ACLBindingRule, Variable, Operator and *",
                topic);
  }
  return out;
}

bool shows(const caller& by, const state_event& e) {
  const auto& may = *by.may;
  if (e.topic == "Variable") return may.allows_variable(e.namespace_, e.key, acl::variable_capability::list);
  if (e.namespace_.empty()) return true;  // the topic was allowed as a whole
  if (e.topic == "HostVolume") return may.allows(e.namespace_, acl::capability::host_volume_read);
  if (e.topic == "CSIVolume") return may.allows(e.namespace_, acl::capability::csi_read_volume);
  return may.allows(e.namespace_, acl::capability::read_job);
}

// Each event is looked at with what the caller may do at that time.
void guard_filter(event_filter& filter, server_context& context, called_method method, const schema::event_stream_request& request) {
  filter.may_see = [&context, token = request.auth_token](const state_event& e) {
    auto by = context.authority->authenticate(token, context.state());
    return by && shows(**by, e);
  };
  filter.reveals = [&context, token = request.auth_token](const state_event& e) {
    auto by = context.authority->authenticate(token, context.state());
    return by && reveals_jobs(by->get(), e.namespace_, context.options.acl);
  };
  filter.still_may = [&context, method, request] { return check_caller(context, method, request).has_value(); };
}

// The first message says at once that the subscription is there. A token may end without any change of the state: it is looked at each time.
awaitable<result<>> send_events(event_subscription& events, rpc::message_stream* to, std::function<result<caller_ref>()> check) {
  CO_TRY(co_await to->write(message_of("{}")));
  for (;;) {
    auto line = co_await events.next(net::after(event_heartbeat));
    if (auto may = check(); !may) co_return co_await to->write(failure_of(may.error()));
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
  auto may = co_await check_here(context, method, request.auth_token, request.namespace_, schema::view(request));
  if (filter && !may) filter = std::unexpected(may.error());
  if (filter && *may) guard_filter(*filter, context, method, request);
  if (filter && broker == nullptr) filter = fail(errc::unsupported, "event broker not enabled: set enable_event_broker = true in the server block");
  if (filter && broker->subscribers() >= event_subscribers_max)
    filter = fail(errc::unavailable, "this server has {} event subscribers already; ask another server", event_subscribers_max);
  if (!filter) co_return co_await caller->write(failure_of(filter.error()));
  auto events = broker->subscribe(*std::move(filter), static_cast<uint64_t>(std::max<int64_t>(request.index, 0)));
  co_return co_await rpc::while_caller_stays(caller.get(), send_events(*events, caller.get(), [&] { return check_caller(context, method, request); }));
}

}  // namespace

void add_event_methods(rpc::method_table& table, server_context& context, event_broker* broker) {
  auto method = method_of<schema::event_stream_request>(context, "Event.Stream");
  table.add_stream<schema::event_stream_request>("Event.Stream",
                                                 [&context, method, broker](rpc::call_context call, schema::event_stream_request request, stream caller) {
                                                   return stream_events(context, as_called(method, call), broker, std::move(request), std::move(caller));
                                                 });
}

}  // namespace drover::server
