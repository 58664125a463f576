#include "client/node_link.h"

#include "client/limits.h"
#include "client/retry.h"
#include "schema/node_rpc.h"

namespace drover::client {

node_link::node_link(rpc::channel& servers, std::string region, schema::ref<schema::node> node, log::logger logger)
    : servers_(servers), region_(std::move(region)), node_(std::move(node)), logger_(std::move(logger)) {}

void node_link::set_node(schema::ref<schema::node> node) {
  node_ = std::move(node);
  registered_ = false;
  changed_.notify_all();
}

void node_link::took(duration ttl) {
  last_contact_ = net::now();
  if (ttl.ns > 0) ttl_ = ttl;
}

net::awaitable<result<>> node_link::register_node() {
  schema::node_register_request request;
  request.region = region_;
  request.auth_token = node_->secret_id;
  request.node = node_;
  auto sent = node_;
  auto reply = co_await rpc::call<schema::node_update_response>(servers_, "Node.Register", std::move(request));
  if (!reply) co_return fail(reply.error());
  took(reply->heartbeat_ttl);
  registered_ = sent == node_;
  logger_.info("node registration complete");
  co_return result<>{};
}

net::awaitable<result<>> node_link::heartbeat() {
  schema::node_update_status_request request;
  request.region = region_;
  request.auth_token = node_->secret_id;
  request.node_id = node_->id;
  request.status = "ready";
  request.updated_at = wall_now().unix_seconds();
  auto reply = co_await rpc::call<schema::node_update_response>(servers_, "Node.UpdateStatus", std::move(request));
  if (!reply) {
    if (reply.error().text().find("node not found") != std::string::npos) registered_ = false;
    co_return fail(reply.error());
  }
  took(reply->heartbeat_ttl);
  ready_.set();
  co_return result<>{};
}

net::awaitable<void> node_link::run() {
  retry_delay retry;
  for (;;) {
    bool beat = registered_;
    auto done = beat ? co_await heartbeat() : co_await register_node();
    if (!done) {
      if (done.error().code() == errc::cancelled) co_return;
      logger_.warn(beat ? "error heartbeating" : "error registering", {{"error", done.error().text()}});
      if (on_failure) on_failure();
      co_await changed_.wait(net::after(retry.next()));
      continue;
    }
    retry.succeeded();
    // A heartbeat follows each registration at once: it makes the node ready.
    if (!beat || !registered_) continue;
    co_await changed_.wait(net::after(ttl_));
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
    co_await net::sleep_for(retry.next());
  }
}

}  // namespace drover::client
