#include "rpc/pool.h"

#include <unordered_map>

#include "net/event.h"
#include "net/silence.h"
#include "rpc/carrier.h"
#include "rpc/limits.h"

namespace drover::rpc {
namespace {

// One address: nothing yet, being dialled, or a session.
struct peer {
  explicit peer(std::string a, std::string r) : address(std::move(a)), region(std::move(r)) {}
  const std::string address, region;
  std::unique_ptr<rpc::carrier> carrier;
  bool dialling = false;
  net::time_point began{};  // of the dial
  // Set whenever a dial ends; its error until the next one begins.
  net::event dialled;
  error failure{errc::unavailable, "not dialled"};
  bool usable() const { return carrier && carrier->is_open(); }
};

}  // namespace

struct connection_pool::state : std::enable_shared_from_this<state> {
  state(net::loop& l, pool_options o) : loop(l), options(std::move(o)), scope(l, logger) {}

  awaitable<result<std::shared_ptr<session_channel>>> channel_to(std::string address, std::string region);
  awaitable<void> connect(std::shared_ptr<peer> to);
  awaitable<result<std::unique_ptr<net::byte_stream>>> dial(std::string address, std::string region);
  awaitable<result<>> handshake(std::unique_ptr<net::byte_stream>& stream, std::string region, std::string host);
  bool is_open(const std::string& address) const;

  net::loop& loop;
  pool_options options;
  log::logger logger{"rpc.pool"};
  std::unordered_map<std::string, std::shared_ptr<peer>> peers;
  serving_stats serving;
  uint64_t dials = 0, dial_failures = 0;
  bool stopping = false;
  net::task_scope scope;
};

namespace {

// Finds its session anew for each call.
template <class State>
class pooled_channel : public channel {
 public:
  pooled_channel(std::weak_ptr<State> pool, std::string address, std::string region)
      : pool_(std::move(pool)), address_(std::move(address)), region_(std::move(region)) {}

  awaitable<result<>> call(std::string method, schema::record_view request, schema::record_slot response) override {
    CO_TRY_ASSIGN(auto through, co_await find());
    co_return co_await through->call(std::move(method), request, response);
  }
  awaitable<result<std::unique_ptr<message_stream>>> open(std::string method, schema::record_view request) override {
    CO_TRY_ASSIGN(auto through, co_await find());
    co_return co_await through->open(std::move(method), request);
  }
  // A broken session is replaced, so only the pool's end is an end.
  bool is_open() const override {
    auto pool = pool_.lock();
    return pool && !pool->stopping;
  }

 private:
  awaitable<result<std::shared_ptr<session_channel>>> find() {
    auto pool = pool_.lock();
    if (!pool) co_return fail(errc::closed, "the connections of this agent were closed");
    co_return co_await pool->channel_to(address_, region_);
  }
  std::weak_ptr<State> pool_;
  std::string address_, region_;
};

}  // namespace

awaitable<result<std::shared_ptr<session_channel>>> connection_pool::state::channel_to(std::string address, std::string region) {
  auto self = shared_from_this();
  if (stopping) co_return fail(errc::closed, "the connections of this agent were closed");
  auto found = peers.find(address);
  auto to = found == peers.end() ? nullptr : found->second;
  if (!to && peers.size() >= pooled_sessions_max) co_return fail(errc::unavailable, "{} connections are open already", pooled_sessions_max);
  // One whose session is ending cleans up after itself; the next begins beside it.
  if (!to || (!to->dialling && !to->usable())) {
    to = std::make_shared<peer>(address, std::move(region));
    to->dialling = true;
    to->began = net::now();
    peers[address] = to;
    // In the pool's own task: others wait for it too, whatever becomes of this caller.
    scope.spawn(connect(to));
  }
  if (to->usable()) co_return to->carrier->channel();
  co_await to->dialled.wait();
  if (!to->usable()) co_return fail(to->failure);
  co_return to->carrier->channel();
}

// Dials, carries the session to its end, and leaves.
awaitable<void> connection_pool::state::connect(std::shared_ptr<peer> to) {
  struct leave {
    state& pool;
    peer& self;
    ~leave() {
      // A newer one may have its place already.
      auto it = pool.peers.find(self.address);
      if (it != pool.peers.end() && it->second.get() == &self) pool.peers.erase(it);
      self.dialling = false;
      self.dialled.set();
    }
  } leaving{*this, *to};
  ++dials;
  auto stream = co_await dial(to->address, to->region);
  if (!stream) {
    ++dial_failures;
    to->failure = stream.error();
    co_return;
  }
  carrier_options o{.client = true, .table = options.serve, .idle = options.idle};
  to->carrier = std::make_unique<carrier>(loop, *std::move(stream), o, logger, serving);
  to->dialling = false;
  to->dialled.set();
  auto ended = co_await to->carrier->run();
  if (!ended) logger.debug("a connection broke", {{"address", to->address}, {"error", ended.error().text()}});
}

awaitable<result<std::unique_ptr<net::byte_stream>>> connection_pool::state::dial(std::string address, std::string region) {
  CO_TRY_ASSIGN(auto where, net::parse_endpoint(address));
  auto deadline = net::after(options.dial_timeout);
  auto stream = co_await net::dial(where, {.deadline = deadline});
  if (!stream) co_return fail(errc::unavailable, "{}", stream.error().text());
  net::give_up_when_silent(**stream, session_write_timeout);
  auto done = co_await net::with_deadline(handshake(*stream, std::move(region), where.host), deadline);
  if (!done) co_return fail(errc::unavailable, "connecting to {}: {}", address, done.error().text());
  co_return stream;
}

awaitable<result<>> connection_pool::state::handshake(std::unique_ptr<net::byte_stream>& stream, std::string region, std::string host) {
  std::shared_ptr<const net::tls_context> context;
  if (options.tls) context = options.tls(region);
  if (context) {
    const char first[] = {static_cast<char>(wire_kind::tls)};
    CO_TRY(co_await stream->write_all({first, 1}));
    auto secured = co_await net::tls_connect(std::move(stream), context, host);
    if (!secured) co_return fail(secured.error());
    stream = *std::move(secured);
  }
  const char kind[] = {static_cast<char>(wire_kind::yamux)};
  co_return co_await stream->write_all({kind, 1});
}

connection_pool::connection_pool(net::loop& l, pool_options options) : state_(std::make_shared<state>(l, std::move(options))) {}
connection_pool::~connection_pool() { state_->stopping = true; }

std::shared_ptr<channel> connection_pool::to(const std::string& address, const std::string& region) {
  return std::make_shared<pooled_channel<state>>(state_, address, region);
}

void connection_pool::drop(const std::string& address) {
  auto found = state_->peers.find(address);
  if (found == state_->peers.end()) return;
  auto peer = found->second;
  if (peer->carrier) return peer->carrier->close();
  // One that is still being dialled may be the new server; but after a while TCP itself waits for seconds between its attempts.
  if (net::now() - peer->began > std::chrono::nanoseconds(stale_dial.ns)) state_->peers.erase(found);
}

net::awaitable<void> connection_pool::stop() {
  state_->stopping = true;
  co_await state_->scope.stop();
}

pool_stats connection_pool::stats() const {
  pool_stats out{.dialled = state_->dials, .dial_failures = state_->dial_failures};
  for (const auto& [address, peer] : state_->peers) {
    if (!peer->carrier) continue;
    ++out.sessions;
    out.streams += peer->carrier->stream_count();
  }
  return out;
}

}  // namespace drover::rpc
