#include "server/raft_transport.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <map>
#include <mutex>

#include "base/log.h"
#include "codec/msgpack.h"
#include "net/descriptor.h"
#include "net/silence.h"
#include "net/task_scope.h"
#include "raft/raft.h"
#include "schema/describe_macros.h"
#include "server/limits.h"

namespace drover::server {

using net::awaitable;
using net::byte_stream;

// At namespace scope because a description needs a name.
struct raft_greeting {
  std::string region;
  std::string cluster_id;
  std::string server_id;
  std::string name;
  DROVER_RECORD(raft_greeting);
};
struct raft_welcome {
  std::string refusal;
  std::string cluster_id;
  std::string server_id;
  DROVER_RECORD(raft_welcome);
};
using namespace schema;
#define SELF raft_greeting
DESCRIBE(raft_greeting, "RaftGreeting", BASES(), FIELD(region), FIELD(cluster_id), FIELD(server_id), FIELD(name))
#undef SELF
#define SELF raft_welcome
DESCRIBE(raft_welcome, "RaftWelcome", BASES(), FIELD(refusal), FIELD(cluster_id), FIELD(server_id))
#undef SELF

namespace {

const log::logger logger("nomad.raft");

constexpr std::string_view magic = "DRVRAFT2";
constexpr std::string_view raft_byte = "\x02";
constexpr std::string_view tls_byte = "\x04";

std::string with_length(const std::string& body) {
  std::string out(4, '\0');
  for (int i = 0; i < 4; ++i) out[i] = static_cast<char>(body.size() >> (8 * i));
  return out + body;
}

template <class Record>
awaitable<result<Record>> read_record(byte_stream& stream) {
  char prefix[4];
  CO_TRY(co_await stream.read_exactly(prefix));
  size_t size = 0;
  for (int i = 0; i < 4; ++i) size |= static_cast<size_t>(static_cast<unsigned char>(prefix[i])) << (8 * i);
  if (size > raft_greeting_bytes_max) co_return fail(errc::invalid, "a Raft greeting of {} bytes; at most {} are allowed", size, raft_greeting_bytes_max);
  std::string body(size, '\0');
  CO_TRY(co_await stream.read_exactly(body));
  co_return codec::from_msgpack<Record>(body);
}

// Carries bytes one way until either side ends; then both are closed, which ends the other way too.
awaitable<void> carry(std::shared_ptr<byte_stream> from, std::shared_ptr<byte_stream> to) {
  std::string buffer(raft_pump_bytes, '\0');
  for (;;) {
    auto count = co_await from->read_some(buffer);
    if (!count || *count == 0) break;
    if (!co_await to->write_all(std::string_view(buffer.data(), *count))) break;
  }
  from->close();
  to->close();
}

}  // namespace

struct raft_transport::state : std::enable_shared_from_this<raft_transport::state> {
  state(net::loop& l, raft_transport_options o) : loop(l), options(std::move(o)), tasks(l, logger) {}

  net::loop& loop;
  raft_transport_options options;
  net::task_scope tasks;
  size_t handshakes = 0;
  std::map<std::string, std::pair<std::string, net::time_point>> refusals;  // who -> what was logged of it, and when

  std::mutex mutex;
  raft::transport::accept_handler accepted;                         // guarded by mutex; null before start() and after stop()
  std::map<uint64_t, raft::transport::connect_handler> connecting;  // guarded by mutex
  uint64_t next_connect = 1;                                        // guarded by mutex
  bool stopped = false;                                             // guarded by mutex

  class end;
  void complete(uint64_t number, result<raft::connection> outcome);
  void start_dialling(uint64_t number, uint64_t raft_id);
  awaitable<void> dial(uint64_t number, uint64_t raft_id);
  awaitable<result<raft::connection>> dial_one(std::string address, uint64_t raft_id);
  awaitable<result<std::unique_ptr<byte_stream>>> greet(std::string address, uint64_t raft_id, net::time_point deadline);
  awaitable<void> receive(std::unique_ptr<byte_stream> stream);
  awaitable<result<raft_greeting>> read_greeting(byte_stream& stream);
  result<> check(const raft_greeting& greeting, const byte_stream& stream) const;
  result<int> hand_over(std::unique_ptr<byte_stream> stream);
  void refuse(const std::string& who, const std::string& address, const error& why);
};

// What raft holds.
class raft_transport::state::end final : public raft::transport {
 public:
  explicit end(std::shared_ptr<state> s) : state_(std::move(s)) {}
  ~end() override { end::stop(); }

  result<> start(uint64_t, const std::string&, accept_handler accepted) override {
    std::lock_guard lock(state_->mutex);
    state_->accepted = std::move(accepted);
    return {};
  }
  void connect(uint64_t id, const std::string&, connect_handler done) override {
    uint64_t number = 0;
    {
      std::lock_guard lock(state_->mutex);
      if (state_->stopped) return done(fail(errc::cancelled, "the server stops"));
      number = state_->next_connect++;
      state_->connecting.emplace(number, std::move(done));
    }
    boost::asio::post(state_->loop, [s = state_, number, id] { s->start_dialling(number, id); });
  }
  void stop() override {
    std::lock_guard lock(state_->mutex);
    state_->stopped = true;
    state_->accepted = nullptr;
    for (auto& [number, done] : state_->connecting) done(fail(errc::cancelled, "the server stops"));
    state_->connecting.clear();
  }

 private:
  std::shared_ptr<state> state_;
};

// The handlers only put into a mailbox, so they may be called with the lock held: that is what makes stop() final.
void raft_transport::state::complete(uint64_t number, result<raft::connection> outcome) {
  std::lock_guard lock(mutex);
  auto waiting = connecting.extract(number);
  if (!waiting.empty()) return waiting.mapped()(std::move(outcome));
  if (outcome) ::close(outcome->fd);
}

void raft_transport::state::start_dialling(uint64_t number, uint64_t raft_id) {
  if (tasks.stopping()) return complete(number, fail(errc::cancelled, "the server stops"));
  tasks.spawn(dial(number, raft_id));
}

awaitable<void> raft_transport::state::dial(uint64_t number, uint64_t raft_id) {
  result<raft::connection> outcome = fail(errc::unavailable, "no address of server {} is known", raft_id);
  for (auto& address : options.addresses(raft_id)) {
    outcome = co_await dial_one(std::move(address), raft_id);
    if (outcome) break;
  }
  complete(number, std::move(outcome));
}

awaitable<result<raft::connection>> raft_transport::state::dial_one(std::string address, uint64_t raft_id) {
  auto deadline = net::after(options.dial_timeout);
  auto stream = co_await net::with_deadline(greet(address, raft_id, deadline), deadline);
  if (!stream) {
    if (stream.error().code() == errc::permission_denied) refuse("dial " + address, address, stream.error());
    else logger.trace("no Raft connection", {{"address", address}, {"error", stream.error().text()}});
    co_return std::unexpected(std::move(stream).error());
  }
  CO_TRY_ASSIGN(int socket, hand_over(*std::move(stream)));
  logger.trace("Raft connection made", {{"address", address}});
  co_return raft::connection{socket};
}

awaitable<result<std::unique_ptr<byte_stream>>> raft_transport::state::greet(std::string address, uint64_t raft_id, net::time_point deadline) {
  CO_TRY_ASSIGN(auto where, net::parse_endpoint(address));
  CO_TRY_ASSIGN(auto stream, co_await net::dial(where, {.deadline = deadline}));
  net::give_up_when_silent(*stream, raft_silence_max);
  auto context = options.tls ? options.tls() : nullptr;
  if (context) {
    CO_TRY(co_await stream->write_all(tls_byte));
    CO_TRY_ASSIGN(stream, co_await net::tls_connect(std::move(stream), context, where.host, deadline));
    if (options.check_certificate) {
      if (auto checked = options.check_certificate(*stream); !checked) co_return fail(errc::permission_denied, "{}", checked.error().text());
    }
  }
  raft_greeting greeting{options.region, options.cluster_id(), options.server_id, options.name};
  CO_TRY(co_await stream->write_all(std::string(raft_byte) + std::string(magic) + with_length(codec::to_msgpack(greeting))));
  CO_TRY_ASSIGN(auto welcome, co_await read_record<raft_welcome>(*stream));
  if (!welcome.refusal.empty()) co_return fail(errc::permission_denied, "it refused: {}", welcome.refusal);
  if (raft::id_from_uuid(welcome.server_id) != raft_id)
    co_return fail(errc::unavailable, "the server at {} is {}, not the one that is looked for", address, welcome.server_id);
  if (!greeting.cluster_id.empty() && !welcome.cluster_id.empty() && greeting.cluster_id != welcome.cluster_id)
    co_return fail(errc::permission_denied, "it belongs to another cluster, {}", welcome.cluster_id);
  co_return std::move(stream);
}

awaitable<result<raft_greeting>> raft_transport::state::read_greeting(byte_stream& stream) {
  char found[magic.size()];
  CO_TRY(co_await stream.read_exactly(found));
  if (std::string_view(found, sizeof found) != magic)
    co_return fail(errc::invalid, "it does not speak Drover's Raft (a server of another program, or of another version)");
  co_return co_await read_record<raft_greeting>(stream);
}

result<> raft_transport::state::check(const raft_greeting& greeting, const byte_stream& stream) const {
  if (options.check_certificate && stream.is_encrypted()) TRY(options.check_certificate(stream));
  if (greeting.region != options.region) return fail(errc::permission_denied, "it is of region \"{}\", this server of \"{}\"", greeting.region, options.region);
  auto cluster = options.cluster_id();
  if (!cluster.empty() && !greeting.cluster_id.empty() && cluster != greeting.cluster_id)
    return fail(errc::permission_denied, "it belongs to another cluster, {}; this one is {}", greeting.cluster_id, cluster);
  if (greeting.server_id == options.server_id)
    return fail(errc::permission_denied, "it has this server's own id, {}: a data directory was copied, or it dialled itself", greeting.server_id);
  return options.admit(greeting.server_id);
}

awaitable<void> raft_transport::state::receive(std::unique_ptr<byte_stream> stream) {
  struct counted {
    size_t& count;
    explicit counted(size_t& c) : count(c) { ++count; }
    ~counted() { --count; }
  } one(handshakes);
  auto address = net::to_string(stream->remote());
  net::give_up_when_silent(*stream, raft_silence_max);
  auto deadline = net::after(options.dial_timeout);
  auto greeting = co_await net::with_deadline(read_greeting(*stream), deadline);
  if (!greeting) co_return refuse(address, address, greeting.error());
  auto allowed = check(*greeting, *stream);
  raft_welcome welcome{allowed ? "" : allowed.error().text(), options.cluster_id(), options.server_id};
  auto answered = co_await net::with_deadline(stream->write_all(with_length(codec::to_msgpack(welcome))), deadline);
  if (!allowed) co_return refuse(greeting->server_id + " " + greeting->name, address, allowed.error());
  if (!answered) co_return;
  auto socket = hand_over(std::move(stream));
  if (!socket) co_return refuse(greeting->server_id, address, socket.error());
  logger.trace("Raft connection accepted", {{"server", greeting->name}, {"address", address}});
  std::lock_guard lock(mutex);
  if (accepted) accepted(raft::id_from_uuid(greeting->server_id), greeting->server_id, raft::connection{*socket});
  else ::close(*socket);
}

result<int> raft_transport::state::hand_over(std::unique_ptr<byte_stream> stream) {
  if (auto socket = net::release_socket(*stream)) return *socket;
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) return fail(system_error(errno, "socketpair"));
  auto ours = net::adopt_socket(loop, pair[0]);
  if (!ours) {
    ::close(pair[1]);
    return std::unexpected(std::move(ours).error());
  }
  std::shared_ptr<byte_stream> network(std::move(stream)), local(*std::move(ours));
  tasks.spawn(carry(network, local));
  tasks.spawn(carry(local, network));
  return pair[1];
}

// One line for each reason: a server that is refused tries again ten times a second.
void raft_transport::state::refuse(const std::string& who, const std::string& address, const error& why) {
  if (why.code() == errc::cancelled || why.code() == errc::closed) return;
  if (refusals.size() >= raft_handshakes_max) refusals.clear();
  auto& [text, until] = refusals[who];
  if (text == why.text() && net::now() < until) return;
  text = why.text();
  until = net::after(raft_refusal_log_interval);
  logger.warn("Raft connection refused", {{"server", who}, {"address", address}, {"error", text}});
}

raft_transport::raft_transport(net::loop& l, raft_transport_options options) : state_(std::make_shared<state>(l, std::move(options))) {}
raft_transport::~raft_transport() = default;

std::unique_ptr<raft::transport> raft_transport::endpoint() { return std::make_unique<state::end>(state_); }

void raft_transport::accept(std::unique_ptr<byte_stream> stream) {
  if (state_->handshakes >= raft_handshakes_max) {
    auto address = net::to_string(stream->remote());
    return state_->refuse(address, address, error(errc::unavailable, fmt::format("{} connections have not said who they are", raft_handshakes_max)));
  }
  state_->tasks.spawn(state_->receive(std::move(stream)));
}

awaitable<void> raft_transport::stop() { co_await state_->tasks.stop(); }

}  // namespace drover::server
