#include "server/server_links.h"

#include <algorithm>

#include "schema/common.h"
#include "server/limits.h"

namespace drover::server {
namespace {

bool is_within(net::time_point then, duration d) { return then != net::time_point{} && net::now() - then < std::chrono::nanoseconds(d.ns); }

}  // namespace

// Counts a call while it lasts, also when it is cancelled.
class server_links::under_way {
 public:
  explicit under_way(std::shared_ptr<link> l) : link_(std::move(l)) { ++link_->calls; }
  ~under_way() { --link_->calls; }
  under_way(const under_way&) = delete;
  under_way& operator=(const under_way&) = delete;

 private:
  std::shared_ptr<link> link_;
};

server_links::server_links(net::loop& l, server_links_options options) : options_(std::move(options)), scope_(l, log::logger("nomad.rpc")) {}

net::awaitable<void> server_links::stop() { co_await scope_.stop(); }

std::shared_ptr<server_links::link> server_links::link_to(const server_address& to) {
  auto& place = links_[to.address];
  if (place) return place;
  auto made = std::make_shared<link>();
  made->to = to;
  place = made;
  if (links_.size() > known_links_max) forget_unused();
  return made;
}

void server_links::forget_unused() {
  std::erase_if(links_, [&](const auto& entry) { return entry.second.use_count() == 1 && !answered_lately(*entry.second); });
}

bool server_links::answered_lately(const link& l) const { return is_within(l.answered, link_trusted_for) && l.answered > l.silent; }
bool server_links::silent_lately(const link& l) const { return is_within(l.silent, options_.avoided_for) && l.silent >= l.answered; }

// What a call says about its server: a refusal is an answer; after a broken connection it is asked before its next use.
void server_links::note(link& l, const result<>& outcome) {
  bool unsure = !outcome && (outcome.error().code() == errc::closed || outcome.error().code() == errc::timeout || outcome.error().code() == errc::unavailable);
  if (unsure) l.answered = {};
  else l.answered = net::now();
}

net::awaitable<void> server_links::ping_once(std::shared_ptr<link> l) {
  auto through = options_.dial(l->to.address, l->to.region);
  auto answer =
      co_await net::with_deadline(rpc::call<schema::generic_response>(*through, "Status.Ping", schema::generic_request()), net::after(options_.ping_timeout));
  // Also one that does not know the method is there.
  bool there = answer || (answer.error().code() != errc::closed && answer.error().code() != errc::timeout && answer.error().code() != errc::unavailable &&
                          answer.error().code() != errc::cancelled && answer.error().code() != errc::io);
  (there ? l->answered : l->silent) = net::now();
  l->missed = there ? 0 : l->missed + 1;
  if (l->missed >= link_misses_max) gone(l->to.address);
  l->pinging = false;
  l->ping_done.notify_all();
}

// One ping for all who want to know. It is the scope's, so that it does not end with the first who asked.
net::awaitable<result<>> server_links::ping(std::shared_ptr<link> l) {
  auto asked = net::now();
  if (!l->pinging) {
    l->pinging = true;
    scope_.spawn(ping_once(l));
  }
  while (l->pinging)
    if (!co_await l->ping_done.wait(net::after(options_.ping_timeout * 2))) break;
  if (l->answered >= asked) co_return result<>{};
  co_return fail(errc::unavailable, "the server at {} does not answer", l->to.address);
}

net::awaitable<result<>> server_links::prove(server_address to) {
  if (!options_.dial) co_return fail(errc::unavailable, "this server runs alone and does not reach {}", to.address);
  auto l = link_to(to);
  if (answered_lately(*l)) co_return result<>{};
  if (silent_lately(*l)) co_return fail(errc::unavailable, "the server at {} did not answer a moment ago", to.address);
  co_return co_await ping(l);
}

net::awaitable<result<server_address>> server_links::first_of(std::vector<server_address> candidates) {
  for (const auto& each : candidates)
    if (answered_lately(*link_to(each))) co_return each;
  struct race {
    std::optional<server_address> winner;
    size_t running = 0;
    net::event changed;
  };
  auto state = std::make_shared<race>();
  auto run = [](server_links* self, std::shared_ptr<race> r, server_address to) -> net::awaitable<void> {
    auto proven = co_await self->prove(to);
    --r->running;
    if (proven && !r->winner) r->winner = std::move(to);
    r->changed.notify_all();
  };
  if (candidates.size() > raced_links_max) candidates.resize(raced_links_max);
  state->running = candidates.size();
  for (auto& each : candidates) scope_.spawn(run(this, state, each));
  auto deadline = net::after(options_.ping_timeout * 2);
  while (!state->winner && state->running > 0)
    if (!co_await state->changed.wait(deadline)) break;
  if (state->winner) co_return *state->winner;
  co_return fail(errc::unavailable, "none of {} servers answers", candidates.size());
}

// Looks after an address as long as calls to it are under way.
net::awaitable<void> server_links::watch(std::shared_ptr<link> l) {
  while (l->calls > 0) {
    co_await net::sleep_for(options_.watch_interval);
    if (l->calls > 0 && !is_within(l->answered, options_.watch_interval)) co_await ping(l);
  }
  l->watched = false;
}

void server_links::gone(const std::string& address) {
  auto it = links_.find(address);
  if (it == links_.end()) return;
  it->second->answered = {};
  it->second->silent = net::now();
  it->second->missed = 0;
  if (options_.drop) options_.drop(address);
}

net::awaitable<void> server_links::end_if_silent(server_address to) {
  auto it = links_.find(to.address);
  if (it == links_.end() || it->second->calls == 0) co_return;
  if (!co_await ping(it->second)) gone(to.address);
}

net::awaitable<result<>> server_links::call(server_address to, std::string method, schema::record_view request, schema::record_slot response) {
  CO_TRY(co_await prove(to));
  auto l = link_to(to);
  auto through = options_.dial(to.address, to.region);
  under_way counted(l);
  if (!std::exchange(l->watched, true)) scope_.spawn(watch(l));
  auto done = co_await through->call(std::move(method), request, response);
  note(*l, done);
  co_return done;
}

net::awaitable<result<std::unique_ptr<rpc::message_stream>>> server_links::open(server_address to, std::string method, schema::record_view request) {
  CO_TRY(co_await prove(to));
  auto through = options_.dial(to.address, to.region);
  co_return co_await through->open(std::move(method), request);
}

}  // namespace drover::server
