// Where a request is answered: here, by the leader, or by another region (shared wire facts, "Retry and forwarding").
//
// Another region: any of its servers that answers. Writes and default reads: the leader, which has made sure that it still is (leader_check.h).
// Reads with allow_stale: here, once the state has reached the index that the caller has already seen. Without a leader a request waits up to
// rpc_hold_timeout for one, then fails with "No cluster leader".
//
// The loop guard: what one server of a region passes on to its leader carries forwarded and no region; it is answered there or refused. (A request
// from another region carries forwarded too, from Nomad's servers, but names its region: it may be passed on once.)
//
// Loop thread only. Life: create, use, co_await stop(), destroy.
#pragma once

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>

#include "schema/common.h"
#include "server/context.h"
#include "server/leader_check.h"
#include "server/limits.h"
#include "server/server_links.h"

namespace drover::server {

enum class place { here, answered };

// A request on its way. What it points to outlives the call; `region` and `forwarded` are fields of the record in `request`.
struct routed_request {
  std::string_view method;
  const std::string* region;
  const bool* forwarded;
  schema::record_view request;
  schema::record_slot response;
  bool is_read = false;
  bool may_be_stale = false;
  uint64_t min_query_index = 0;
};

template <class Request>
routed_request write_route_of(std::string_view method, const Request& request, schema::record_slot response) {
  return {.method = method, .region = &request.region, .forwarded = &request.forwarded, .request = schema::view(request), .response = response};
}
// Of a method that changes nothing.
template <class Request>
routed_request route_of(std::string_view method, const Request& request, schema::record_slot response) {
  auto out = write_route_of(method, request, response);
  out.is_read = true;
  return out;
}

class forwarder {
 public:
  // A request waits `hold` for a leader.
  forwarder(server_context& context, server_links& links, duration hold = rpc_hold_timeout);

  bool is_own(const std::string& region) const { return region.empty() || region == context_.options.region; }
  // This server leads that region, and is alone in it.
  bool leads_alone(const std::string& region) const { return is_own(region) && check_.is_sole(); }
  // True: it can be answered here at once, without route().
  bool is_here(const std::string& region, bool may_be_stale, uint64_t min_query_index) const;
  // Says that the request is to be answered here, or has it answered elsewhere.
  net::awaitable<result<place>> route(routed_request r);
  // To the region that the request names. Requires: it is not this one.
  net::awaitable<result<>> to_region(routed_request r);
  // A server of another region that answers now.
  net::awaitable<result<server_address>> server_in(std::string region);
  // To one server of this region, which answers it itself or refuses.
  net::awaitable<result<>> to_server(server_address to, routed_request r);
  net::awaitable<result<std::unique_ptr<rpc::message_stream>>> open_at(server_address to, routed_request r);

  // It comes from a server of this region, which passes on nothing that it could answer.
  static bool is_last_hop(const routed_request& r) { return *r.forwarded && r.region->empty(); }
  server_links& links() { return links_; }
  // Questions to several servers at once, which may outlive who asked.
  net::task_scope& tasks() { return scope_; }
  net::awaitable<void> stop();

 private:
  friend class held_read;
  net::awaitable<void> follow_leadership();
  std::optional<server_address> leader() const;
  net::awaitable<result<place>> to_leader(routed_request r);
  net::awaitable<result<>> catch_up(uint64_t index);
  net::awaitable<void> look_again(net::time_point give_up);

  server_context& context_;
  server_links& links_;
  duration hold_;
  leader_check check_;
  size_t listener_ = 0;  // with the peers
  std::list<std::function<void()>> held_;
  net::task_scope scope_;
};

// While it lives `wake` is called whenever this server stops leading. Loop thread only.
class held_read {
 public:
  // Null: nobody is told.
  held_read(forwarder* f, std::function<void()> wake) : forwarder_(f) {
    if (f != nullptr) at_ = f->held_.insert(f->held_.end(), std::move(wake));
  }
  ~held_read() {
    if (forwarder_ != nullptr) forwarder_->held_.erase(at_);
  }
  held_read(const held_read&) = delete;
  held_read& operator=(const held_read&) = delete;

 private:
  forwarder* forwarder_;
  std::list<std::function<void()>>::iterator at_;
};

}  // namespace drover::server
