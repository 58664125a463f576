#include "server/forward.h"

#include <algorithm>

#include "server/limits.h"
#include "server/peers.h"

namespace drover::server {
namespace {

constexpr std::string_view no_leader = "No cluster leader";

// A copy of a request with other values in the fields that say where it goes.
class redirected {
 public:
  redirected(const routed_request& r, std::string region, bool forwarded) : type_(r.request.type), copy_(type_->create(), type_->destroy) {
    type_->assign(copy_.get(), r.request.data);
    at<std::string>(r, r.region) = std::move(region);
    at<bool>(r, r.forwarded) = forwarded;
  }
  schema::record_view view() const { return {type_, copy_.get()}; }

 private:
  // The field of the copy that lies where `field` lies in the original.
  template <class T>
  T& at(const routed_request& r, const T* field) {
    auto offset = reinterpret_cast<const char*>(field) - static_cast<const char*>(r.request.data);
    return *reinterpret_cast<T*>(static_cast<char*>(copy_.get()) + offset);
  }
  const schema::type_info* type_;
  std::shared_ptr<void> copy_;
};

// May the leader be asked again? Always for a read whose leader went away; for a write only when it was certainly not done: the callee was not
// reached, or refused before it began. (What a leader says that lost its place meanwhile has a cause behind these words.)
bool may_ask_again(const routed_request& r, const error& e) {
  if (e.code() == errc::unavailable) return r.is_read || !e.message().starts_with("No cluster leader:");
  return r.is_read && e.code() == errc::closed;
}

error explained(const server_address& to, error e) {
  if (e.code() != errc::closed) return e;
  return {errc::unavailable, fmt::format("the connection to the server at {} ended before it answered; a change may have been made", to.address), std::move(e)};
}

}  // namespace

forwarder::forwarder(server_context& context, server_links& links, duration hold)
    : context_(context), links_(links), hold_(hold), check_(context, links), scope_(context.loop, context.logger) {
  scope_.spawn(follow_leadership());
  if (context_.peers == nullptr) return;
  listener_ = context_.peers->listen([this](const std::string& name) {
    const auto* changed = context_.peers->by_name(name);
    if (changed != nullptr && changed->status == peer_status::failed && !scope_.stopping())
      scope_.spawn(links_.end_if_silent({changed->rpc_address, changed->region}));
  });
}

net::awaitable<void> forwarder::stop() {
  if (context_.peers != nullptr) context_.peers->ignore(listener_);
  co_await scope_.stop();
  co_await check_.stop();
}

// Whoever led may have gone without a word (as one that gossip calls failed): then calls that still wait for it end. What this server holds as a leader moves on with the leadership.
net::awaitable<void> forwarder::follow_leadership() {
  bool led = context_.is_leader;
  auto before = leader();
  for (;;) {
    co_await context_.leadership_changed.wait();
    if (led && !context_.is_leader)
      for (const auto& wake : held_) wake();
    led = context_.is_leader;
    auto now = leader();
    if (before && (!now || now->address != before->address)) scope_.spawn(links_.end_if_silent(*before));
    before = std::move(now);
  }
}

bool forwarder::is_here(const std::string& region, bool may_be_stale, uint64_t min_query_index) const {
  if (!is_own(region)) return false;
  if (may_be_stale && min_query_index <= context_.store.current().index()) return true;
  return check_.is_sole();
}

net::awaitable<result<place>> forwarder::route(routed_request r) {
  if (!is_own(*r.region)) {
    CO_TRY(co_await to_region(r));
    co_return place::answered;
  }
  if (r.is_read && r.may_be_stale && co_await catch_up(r.min_query_index)) co_return place::here;
  co_return co_await to_leader(r);
}

std::optional<server_address> forwarder::leader() const {
  const auto& now = context_.leadership;
  if (now.leader_id == 0 || now.is_self) return std::nullopt;
  return address_of(context_, now.leader_id, now.leader_address);
}

net::awaitable<result<place>> forwarder::to_leader(routed_request r) {
  auto give_up = net::after(hold_);
  for (;;) {
    if (context_.is_leader) {
      if (!r.is_read || co_await check_.confirm()) co_return place::here;
    } else if (auto to = leader()) {
      // Whoever passed it on to us looks again himself.
      if (is_last_hop(r)) break;
      auto done = co_await to_server(*to, r);
      if (done) co_return place::answered;
      if (!may_ask_again(r, done.error())) co_return fail(explained(*to, std::move(done).error()));
    }
    if (net::now() >= give_up) break;
    co_await look_again(give_up);
  }
  co_return fail(errc::unavailable, "{}", no_leader);
}

// Waits until somebody else leads, or for a moment.
net::awaitable<void> forwarder::look_again(net::time_point give_up) {
  auto part = hold_ / hold_jitter_fraction;
  auto moment = std::min(milliseconds(20), part) + duration(static_cast<int64_t>(context_.random.below(static_cast<uint64_t>(part.ns))));
  co_await context_.leadership_changed.wait(std::min(give_up, net::after(moment)));
}

net::awaitable<result<>> forwarder::catch_up(uint64_t index) {
  auto give_up = net::after(hold_);
  while (context_.store.current().index() < index) {
    // This server's state has to grow; any change tells.
    net::remote_event changed(context_.loop);
    auto state = context_.store.current();
    std::vector<state::watch_key> keys;
    for (int t = 0; t < static_cast<int>(state::table::count_); ++t) keys.push_back(state::watch_table(static_cast<state::table>(t)));
    CO_TRY_ASSIGN(auto handle, context_.store.watch(state, std::move(keys), changed.setter()));
    if (!co_await changed.wait(give_up)) co_return fail(errc::timeout, "this server's state is behind index {}", index);
  }
  co_return result<>{};
}

net::awaitable<result<>> forwarder::to_server(server_address to, routed_request r) {
  redirected sent(r, "", true);
  co_return co_await links_.call(std::move(to), std::string(r.method), sent.view(), r.response);
}

net::awaitable<result<std::unique_ptr<rpc::message_stream>>> forwarder::open_at(server_address to, routed_request r) {
  bool own = is_own(to.region);
  redirected sent(r, own ? std::string() : to.region, own);
  co_return co_await links_.open(std::move(to), std::string(r.method), sent.view());
}

net::awaitable<result<server_address>> forwarder::server_in(std::string region) {
  std::vector<server_address> alive, failed;
  if (context_.peers != nullptr)
    for (const auto& [name, each] : context_.peers->all()) {
      if (each.region != region || each.status == peer_status::left) continue;
      (each.status == peer_status::failed ? failed : alive).push_back({each.rpc_address, region});
    }
  if (alive.empty() && failed.empty()) co_return fail(errc::unavailable, "No path to region");
  // When gossip knows of none that lives it may still be wrong.
  auto& candidates = alive.empty() ? failed : alive;
  for (size_t i = candidates.size(); i > 1; --i) std::swap(candidates[i - 1], candidates[context_.random.below(i)]);
  auto first = co_await links_.first_of(candidates);
  if (first) co_return first;
  co_return fail(errc::unavailable, "no server of region \"{}\" answers: {} known, {} of them said to be alive; the region is down or cut off", region,
                 alive.size() + failed.size(), alive.size());
}

net::awaitable<result<>> forwarder::to_region(routed_request r) {
  for (int attempt = 1;; ++attempt) {
    CO_TRY_ASSIGN(auto to, co_await server_in(*r.region));
    redirected sent(r, *r.region, false);
    auto done = co_await links_.call(to, std::string(r.method), sent.view(), r.response);
    bool broke = !done && (done.error().code() == errc::closed || done.error().code() == errc::unavailable);
    if (!broke) co_return done;
    if (attempt == region_attempts_max || !may_ask_again(r, done.error())) co_return fail(explained(to, std::move(done).error()));
  }
}

}  // namespace drover::server
