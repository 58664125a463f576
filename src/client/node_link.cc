#include "client/node_link.h"

#include "client/limits.h"
#include "client/retry.h"

namespace drover::client {

node_link::node_link(rpc::channel& servers, std::string region, schema::ref<schema::node> node, log::logger logger)
    : servers_(servers), region_(std::move(region)), node_(std::move(node)), logger_(std::move(logger)) {}

void node_link::set_node(schema::ref<schema::node> node) {
  node_ = std::move(node);
  registered_ = false;
  changed_.notify_all();
}

void node_link::renew_identity() {
  renew_identity_ = true;
  hurry();
}

void node_link::hurry() { changed_.notify_all(); }

duration node_link::retry_max() const { return retry_limit(cluster_nodes); }

net::awaitable<void> node_link::wait_for_servers(duration at_most) { co_await back_.wait(net::after(at_most)); }

void node_link::took(const schema::node_update_response& reply) {
  if (reply.heartbeat_ttl.ns > 0) ttl_ = reply.heartbeat_ttl;
  if (reply.num_nodes > 0) cluster_nodes = reply.num_nodes;
  if (reply.signed_identity && !reply.signed_identity->empty()) {
    identity_ = *reply.signed_identity;
    renew_identity_ = false;
    logger_.debug("this node has a new identity");
  }
  if (away_ || refused_) back_.notify_all();
  away_ = refused_ = false;
  if (on_answer) on_answer(reply);
}

net::awaitable<result<schema::node_update_response>> node_link::send_registration(schema::ref<schema::node> node) {
  schema::node_register_request request;
  request.region = region_;
  // Never the secret: servers that do not know the node yet (Nomad's since 1.11) would refuse it. They compare the one within the node.
  request.auth_token = identity_.empty() ? introduction_token : identity_;
  request.node = std::move(node);
  auto reply = co_await rpc::call<schema::node_update_response>(servers_, "Node.Register", request);
  if (!reply && reply.error().code() == errc::permission_denied && !identity_.empty()) {
    identity_.clear();
    request.auth_token = introduction_token;
    reply = co_await rpc::call<schema::node_update_response>(servers_, "Node.Register", std::move(request));
  }
  co_return reply;
}

net::awaitable<result<>> node_link::register_node() {
  auto sent = node_;
  auto reply = co_await send_registration(sent);
  if (!reply) co_return fail(reply.error());
  registered_ = sent == node_;
  took(*reply);
  logger_.info("node registration complete");
  co_return result<>{};
}

net::awaitable<result<uint64_t>> node_link::confirm() {
  auto reply = co_await send_registration(node_);
  if (!reply) co_return fail(reply.error());
  took(*reply);
  co_return reply->index;
}

net::awaitable<result<>> node_link::heartbeat() {
  schema::node_update_status_request request;
  request.region = region_;
  request.auth_token = identity_.empty() ? node_->secret_id : identity_;
  request.force_identity_renewal = renew_identity_;
  request.node_id = node_->id;
  request.status = "ready";
  request.updated_at = wall_now().unix_seconds();
  auto reply = co_await rpc::call<schema::node_update_response>(servers_, "Node.UpdateStatus", std::move(request));
  if (!reply) {
    if (reply.error().text().find("node not found") != std::string::npos) registered_ = false;
    // The identity has ended while this node was away, or its key is gone: the secret still counts.
    if (reply.error().code() == errc::permission_denied && !identity_.empty()) {
      identity_.clear();
      co_return co_await heartbeat();
    }
    co_return fail(reply.error());
  }
  took(*reply);
  heard_ = net::now();
  ready_.set();
  co_return result<>{};
}

// How long to wait now.
duration node_link::note_failure(const error& e, bool beat, duration retry) {
  away_ = true;
  if (e.code() != errc::permission_denied) {
    logger_.warn(beat ? "error heartbeating" : "error registering", {{"error", e.text()}});
    return retry;
  }
  if (!refused_)
    logger_.error("the servers refuse this node: is there another one with its id, or was its secret-id file lost? Its tasks run on",
                  {{"node_id", node_->id}, {"error", e.text()}});
  refused_ = true;
  return with_jitter(limits::refused_retry);
}

net::awaitable<void> node_link::run() {
  retry_delay retry;
  for (;;) {
    bool beat = registered_;
    auto done = beat ? co_await heartbeat() : co_await register_node();
    if (!done) {
      if (done.error().code() == errc::cancelled) co_return;
      co_await changed_.wait(net::after(note_failure(done.error(), beat, retry.next(retry_max()))));
      continue;
    }
    // A heartbeat follows each registration at once: it makes the node ready. Until then nothing has succeeded: a server that forgets the node
    // each time is not asked ever faster.
    if (!beat) continue;
    retry.succeeded();
    if (!registered_) continue;
    // Never later than the servers asked, and not in step with others.
    co_await changed_.wait(net::after(ttl_ - duration(static_cast<int64_t>(static_cast<double>(ttl_.ns) * 0.1 * random_unit()))));
  }
}

void node_link::emit(schema::node_event e) {
  if (events_.size() >= limits::node_events_queued_max) events_.pop_front();
  events_.push_back(std::move(e));
  events_waiting_.notify_all();
}

net::awaitable<void> node_link::send_events() {
  retry_delay retry;
  for (;;) {
    while (events_.empty()) co_await events_waiting_.wait();
    co_await ready_.wait();
    schema::emit_node_events_request request;
    request.region = region_;
    request.auth_token = node_->secret_id;
    auto count = events_.size();
    request.node_events[node_->id] = {events_.begin(), events_.end()};
    auto sent = co_await rpc::call<schema::emit_node_events_response>(servers_, "Node.EmitEvents", std::move(request));
    if (sent) {
      retry.succeeded();
      events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(std::min(count, events_.size())));
      continue;
    }
    logger_.warn("cannot report node events", {{"error", sent.error().text()}});
    co_await wait_for_servers(retry.next(retry_max()));
  }
}

}  // namespace drover::client
