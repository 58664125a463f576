// Drives gossip::pool with sockets and time; see pool.h for the protocol itself.
#include "gossip/member_list.h"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/ensure.h"
#include "base/text.h"
#include "gossip/keyring.h"
#include "gossip/limits.h"
#include "gossip/pool.h"
#include "gossip/snapshot_writer.h"
#include "net/datagram.h"
#include "net/event.h"
#include "net/task_scope.h"

namespace drover::gossip {
namespace {

constexpr int port_attempts = 16;
constexpr size_t outgoing_max = 32;
constexpr size_t read_chunk = 16 * 1024;
constexpr duration rejoin_gap_min = milliseconds(250);
// Query answers that are on their way when the time is up.
constexpr duration query_grace = milliseconds(500);

net::endpoint to_endpoint(const peer& p) { return {.host = p.host, .port = p.port}; }
peer to_peer(const net::endpoint& e) { return {.host = e.host, .port = e.port}; }

struct sockets {
  std::unique_ptr<net::datagram_socket> udp;
  std::unique_ptr<net::listener> tcp;
};

// Both on one port.
result<sockets> bind_both(net::loop& l, const std::string& address, uint16_t port) {
  result<sockets> last = fail(errc::io, "no port is free");
  for (int i = 0; i < (port == 0 ? port_attempts : 1); ++i) {
    auto tcp = net::listener::listen(l, {.host = address, .port = port});
    if (!tcp) return fail(std::move(tcp).error());
    auto udp = net::datagram_socket::bind(l, {.host = address, .port = (*tcp)->local().port});
    if (udp) return sockets{.udp = *std::move(udp), .tcp = *std::move(tcp)};
    last = fail(std::move(udp).error());
  }
  return last;
}

bool is_private(uint32_t address) { return address >> 24 == 10 || address >> 20 == 0xac1 || address >> 16 == 0xc0a8 || address >> 22 == (0x6440 >> 6); }

// This machine's address for others when it listens on all: a private IPv4 if there is one, otherwise any but loopback.
std::string own_address() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  std::string best;
  bool best_is_private = false;
  for (auto* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    uint32_t raw = ntohl(reinterpret_cast<sockaddr_in*>(each->ifa_addr)->sin_addr.s_addr);
    if (raw >> 24 == 127 || (best_is_private && is_private(raw)) || (!best.empty() && !is_private(raw))) continue;
    best = fmt::format("{}.{}.{}.{}", raw >> 24, raw >> 16 & 255, raw >> 8 & 255, raw & 255);
    best_is_private = is_private(raw);
  }
  ::freeifaddrs(list);
  return best;
}

result<std::string> advertised(const options& o) {
  if (!o.advertise_address.empty()) {
    if (address_bytes(o.advertise_address).empty()) return fail(errc::invalid, "advertise address {:?} is not an IP address", o.advertise_address);
    return o.advertise_address;
  }
  if (o.bind_address != "0.0.0.0" && o.bind_address != "::") return o.bind_address;
  auto own = own_address();
  if (own.empty()) return fail(errc::invalid, "this machine has no address that others reach; set the advertise address");
  return own;
}

result<> check(const options& o) {
  if (o.name.empty() || o.name.size() > name_bytes_max) return fail(errc::invalid, "the gossip name {:?} must have 1 to {} bytes", o.name, name_bytes_max);
  if (!is_plain_name(o.name)) return fail(errc::invalid, "the gossip name {:?} has control characters", o.name);
  if (address_bytes(o.bind_address).empty()) return fail(errc::invalid, "bind address {:?} is not an IP address", o.bind_address);
  auto size = encode_tags(o.tags).size();
  if (size > tag_bytes_max) return fail(errc::too_large, "the tags of this server have {} bytes encoded; at most {} fit", size, tag_bytes_max);
  return {};
}

// "host", "host:port", "[v6]:port", "v6", "name/host:port".
result<net::endpoint> parse_join_address(std::string_view text, uint16_t default_port) {
  auto rest = text;
  if (auto slash = rest.find('/'); slash != rest.npos) rest.remove_prefix(slash + 1);
  if (rest.empty()) return fail(errc::invalid, "join address {:?} names no host; write host or host:port", text);
  if (!address_bytes(rest).empty()) return net::endpoint{.host = std::string(rest), .port = default_port};
  bool has_port = rest[0] == '[' ? rest.find("]:") != rest.npos : rest.find(':') != rest.npos;
  auto whole = has_port ? std::string(rest) : fmt::format("{}:{}", rest, default_port);
  TRY_ASSIGN(auto e, net::parse_endpoint(whole));
  if (e.is_unix() || e.host.empty() || e.port == 0) return fail(errc::invalid, "join address {:?}: write host or host:port", text);
  return e;
}

void write_log(const log::logger& logger, const log_line& line) {
  const auto& f = line.fields;
  auto write = [&](std::initializer_list<log::field> fields) {
    switch (line.level) {
      case log::level::trace: return logger.trace(line.message, fields);
      case log::level::debug: return logger.debug(line.message, fields);
      case log::level::info: return logger.info(line.message, fields);
      case log::level::warn: return logger.warn(line.message, fields);
      default: return logger.error(line.message, fields);
    }
  };
  auto field = [&](size_t i) { return log::field(f[i].first, f[i].second); };
  switch (f.size()) {
    case 0: return write({});
    case 1: return write({field(0)});
    case 2: return write({field(0), field(1)});
    case 3: return write({field(0), field(1), field(2)});
    case 4: return write({field(0), field(1), field(2), field(3)});
    default: return write({field(0), field(1), field(2), field(3), field(4)});
  }
}

class list final : public member_list {
 public:
  list(net::loop& l, options o, pool_options p, sockets s, std::unique_ptr<snapshot_writer> snapshot)
      : options_(std::move(o)),
        logger_(options_.log_name),
        origin_(net::now()),
        sockets_(std::move(s)),
        snapshot_(std::move(snapshot)),
        pool_(std::move(p), env::real_random(), duration()),
        scope_(l, logger_) {
    scope_.spawn(&list::keep_time, this);
    scope_.spawn(&list::receive, this);
    scope_.spawn(&list::accept, this);
    if (snapshot_) scope_.spawn(&list::rejoin, this);
  }

  net::awaitable<join_result> join(std::vector<std::string> addresses) override;
  net::awaitable<result<>> leave() override;
  net::awaitable<void> stop() override;

  std::vector<member> members() const override { return pool_.members(); }
  const member* find(std::string_view name) const override { return pool_.find(name); }
  const member& local() const override { return pool_.local(); }
  result<> set_tags(tag_map tags) override {
    auto done = pool_.set_tags(now(), std::move(tags));
    run_actions();
    return done;
  }
  net::awaitable<result<>> force_leave(std::string name, bool prune) override;

  net::awaitable<result<key_response>> install_key(std::string key) override { return key_query("install-key", std::move(key)); }
  net::awaitable<result<key_response>> use_key(std::string key) override { return key_query("use-key", std::move(key)); }
  net::awaitable<result<key_response>> remove_key(std::string key) override { return key_query("remove-key", std::move(key)); }
  net::awaitable<result<key_response>> list_keys() override { return key_query("list-keys", {}); }

  bool encrypted() const override { return !pool_.keys().empty(); }
  int health_score() const override { return pool_.health_score(); }
  std::map<std::string, std::string> stats() const override { return pool_.stats(); }

 private:
  duration now() const { return duration(std::chrono::duration_cast<std::chrono::nanoseconds>(net::now() - origin_).count()); }
  net::time_point instant(duration d) const { return origin_ + std::chrono::nanoseconds(d.ns); }
  const gossip::timing& timing() const { return options_.timing; }

  void run_actions();
  void run(send_datagram& a);
  void run(push_pull_with& a);
  void run(ping_by_stream& a);
  void run(member_event& e);
  void run(log_line& line) { write_log(logger_, line); }
  void run(finished& f);

  net::awaitable<void> keep_time();
  net::awaitable<void> receive();
  net::awaitable<void> accept();
  net::awaitable<void> serve(std::unique_ptr<net::byte_stream> stream);
  net::awaitable<result<>> answer(net::byte_stream& stream);
  net::awaitable<void> rejoin();

  net::awaitable<result<std::string>> read_message(net::byte_stream& stream);
  net::awaitable<result<bool>> push_pull(net::endpoint to, bool join);
  bool is_own(const net::endpoint& remote, const std::string& source) const;
  net::awaitable<result<bool>> exchange_state(net::endpoint to, bool join);
  net::awaitable<void> push_pull_task(push_pull_with a);
  net::awaitable<void> stream_ping_task(ping_by_stream a);
  net::awaitable<result<>> stream_ping(ping_by_stream a);

  struct join_state {
    join_result result{};
    size_t left = 0;
    net::event done{};
  };
  net::awaitable<void> join_one(std::string address, std::shared_ptr<join_state> state);
  // True: it happened before the deadline.
  net::awaitable<bool> wait_for(uint64_t handle, net::time_point deadline);
  net::awaitable<result<key_response>> key_query(std::string what, std::string key);

  options options_;
  log::logger logger_;
  net::time_point origin_;
  sockets sockets_;
  std::unique_ptr<snapshot_writer> snapshot_;
  pool pool_;
  bool running_actions_ = false;
  bool leaving_ = false, left_ = false;
  net::time_point armed_ = net::never;
  net::event wake_;
  std::map<uint64_t, std::shared_ptr<net::event>> waits_;
  size_t outgoing_ = 0;
  std::map<std::string, size_t> incoming_;
  size_t incoming_count_ = 0;
  net::task_scope scope_;
};

// --- actions

void list::run_actions() {
  // An event's receiver may have called us: the outer call goes on with what came of it.
  if (running_actions_) return;
  running_actions_ = true;
  for (auto actions = pool_.take_actions(); !actions.empty(); actions = pool_.take_actions())
    for (auto& a : actions) std::visit([&](auto& each) { run(each); }, a);
  running_actions_ = false;
  if (snapshot_) snapshot_->note_times(pool_.member_time(), pool_.event_time(), pool_.query_time());
  if (instant(pool_.next_timer()) < armed_) wake_.notify_all();
}

void list::run(send_datagram& a) {
  if (auto sent = sockets_.udp->send(to_endpoint(a.to), a.data); !sent)
    logger_.debug("a packet was not sent", {{"to", to_string(a.to)}, {"error", sent.error().text()}});
}

void list::run(push_pull_with& a) {
  if (outgoing_ >= outgoing_max) return;
  scope_.spawn(&list::push_pull_task, this, std::move(a));
}

void list::run(ping_by_stream& a) {
  if (outgoing_ >= outgoing_max) return;
  scope_.spawn(&list::stream_ping_task, this, std::move(a));
}

void list::run(member_event& e) {
  logger_.info(name(e.kind), {{"member", e.member.name}, {"address", to_string(peer{e.member.address, e.member.port})}});
  if (snapshot_ && e.member.name != options_.name) snapshot_->note(e);
  if (options_.on_event) options_.on_event(e);
}

void list::run(finished& f) {
  auto found = waits_.find(f.handle);
  if (found == waits_.end()) return;
  found->second->set();
  waits_.erase(found);
}

net::awaitable<bool> list::wait_for(uint64_t handle, net::time_point deadline) {
  if (handle == 0) {
    run_actions();
    co_return true;
  }
  auto event = std::make_shared<net::event>();
  waits_[handle] = event;
  run_actions();
  bool happened = co_await event->wait(deadline);
  waits_.erase(handle);
  co_return happened;
}

// --- tasks

net::awaitable<void> list::keep_time() {
  // create() shall have returned before the first event.
  co_await net::yield();
  run_actions();
  for (;;) {
    armed_ = instant(pool_.next_timer());
    co_await wake_.wait(armed_);
    armed_ = net::never;
    if (instant(pool_.next_timer()) > net::now()) continue;
    pool_.on_timer(now());
    run_actions();
  }
}

net::awaitable<void> list::receive() {
  std::vector<char> buffer(datagram_bytes_max);
  for (;;) {
    net::endpoint from;
    auto size = co_await sockets_.udp->receive(buffer, from);
    if (!size) {
      if (size.error().code() == errc::closed || size.error().code() == errc::cancelled) co_return;
      logger_.error("gossip packets cannot be received", {{"error", size.error().text()}});
      co_await net::sleep_for(socket_pause);
      continue;
    }
    pool_.on_datagram(now(), to_peer(from), {buffer.data(), *size});
    run_actions();
  }
}

net::awaitable<void> list::accept() {
  for (;;) {
    auto stream = co_await sockets_.tcp->accept();
    if (!stream) {
      if (stream.error().code() == errc::closed || stream.error().code() == errc::cancelled) co_return;
      logger_.error("gossip connections cannot be accepted", {{"error", stream.error().text()}});
      co_await net::sleep_for(socket_pause);
      continue;
    }
    auto from = (*stream)->remote();
    auto count = incoming_.find(from.host);
    if (incoming_count_ >= streams_max || (count != incoming_.end() && count->second >= streams_per_address_max)) {
      pool_.note_bad_input(now(), to_peer(from), error(errc::unavailable, "too many connections at a time"));
      run_actions();
      continue;
    }
    scope_.spawn(&list::serve, this, *std::move(stream));
  }
}

net::awaitable<void> list::serve(std::unique_ptr<net::byte_stream> stream) {
  auto host = stream->remote().host;
  struct counted {
    list& owner;
    const std::string& host;
    counted(list& l, const std::string& h) : owner(l), host(h) {
      ++owner.incoming_count_;
      ++owner.incoming_[host];
    }
    ~counted() {
      --owner.incoming_count_;
      if (--owner.incoming_[host] == 0) owner.incoming_.erase(host);
    }
  } guard(*this, host);
  auto done = co_await net::with_deadline(answer(*stream), net::after(timing().stream_timeout));
  if (!done) logger_.debug("a gossip connection ended early", {{"from", host}, {"error", done.error().text()}});
}

net::awaitable<result<std::string>> list::read_message(net::byte_stream& stream) {
  stream_reader reader(pool_.sealing());
  std::vector<char> buffer(read_chunk);
  for (;;) {
    CO_TRY_ASSIGN(auto count, co_await stream.read_some(buffer));
    if (count == 0) co_return fail(errc::closed, "the other side closed the connection");
    CO_TRY_ASSIGN(auto message, reader.feed({buffer.data(), count}));
    if (message) co_return *std::move(message);
  }
}

net::awaitable<result<>> list::answer(net::byte_stream& stream) {
  auto from = to_peer(stream.remote());
  auto message = co_await read_message(stream);
  auto reply = message ? pool_.on_stream(now(), from, *message) : result<std::string>(fail(message.error()));
  if (!reply) {
    auto code = reply.error().code();
    if (code == errc::closed || code == errc::cancelled || code == errc::timeout || code == errc::io) co_return fail(std::move(reply).error());
    pool_.note_bad_input(now(), from, reply.error());
    run_actions();
    co_return co_await stream.write_all(pool_.stream_error(reply.error()));
  }
  run_actions();
  if (!reply->empty()) CO_TRY(co_await stream.write_all(*reply));
  co_return result<>();
}

// Who listens on one address is found only there: the kernel may choose the other side's own address as the source of a connection to another
// agent of this machine. Who listens on all of them has connected to itself if both ends have the same address.
bool list::is_own(const net::endpoint& remote, const std::string& source) const {
  auto own = sockets_.tcp->local();
  bool every = own.host == "0.0.0.0" || own.host == "::";
  return remote.port == own.port && remote.host == (every ? source : own.host);
}

// True: the other side was not ourselves.
net::awaitable<result<bool>> list::exchange_state(net::endpoint to, bool join) {
  CO_TRY_ASSIGN(auto stream, co_await net::dial(to));
  auto remote = stream->remote();
  if (is_own(remote, stream->local().host)) co_return false;
  CO_TRY(co_await stream->write_all(pool_.local_state(join)));
  CO_TRY_ASSIGN(auto message, co_await read_message(*stream));
  auto merged = pool_.on_push_pull_answer(now(), to_peer(remote), message, join);
  run_actions();
  CO_TRY(std::move(merged));
  co_return true;
}

net::awaitable<result<bool>> list::push_pull(net::endpoint to, bool join) {
  ++outgoing_;
  struct counted {
    size_t& count;
    ~counted() { --count; }
  } guard{outgoing_};
  co_return co_await net::with_deadline(exchange_state(std::move(to), join), net::after(timing().stream_timeout));
}

net::awaitable<void> list::push_pull_task(push_pull_with a) {
  auto done = co_await push_pull(to_endpoint(a.to), a.join);
  if (!done && done.error().code() != errc::cancelled)
    logger_.debug("state exchange failed", {{"member", a.name}, {"address", to_string(a.to)}, {"error", done.error().text()}});
}

net::awaitable<void> list::stream_ping_task(ping_by_stream a) {
  ++outgoing_;
  struct counted {
    size_t& count;
    ~counted() { --count; }
  } guard{outgoing_};
  auto deadline = instant(a.deadline);
  // A member that does not answer is the usual case here: no words about it.
  (void)co_await net::with_deadline(stream_ping(std::move(a)), deadline);
}

net::awaitable<result<>> list::stream_ping(ping_by_stream a) {
  CO_TRY_ASSIGN(auto stream, co_await net::dial(to_endpoint(a.to)));
  CO_TRY(co_await stream->write_all(a.data));
  CO_TRY_ASSIGN(auto message, co_await read_message(*stream));
  pool_.on_stream_ping_answer(now(), a.sequence, message);
  run_actions();
  co_return result<>();
}

// After a restart: everybody who was there, until somebody is.
net::awaitable<void> list::rejoin() {
  auto known = snapshot_->at_start().alive;
  known.erase(options_.name);
  auto alone = [&] { return pool_.count(member_status::alive) <= 1; };
  for (auto gap = rejoin_gap_min; !known.empty() && alone() && !leaving_; gap = std::min(gap * 2, timing().reconnect_interval)) {
    std::vector<std::string> addresses;
    for (const auto& [name, address] : known) addresses.push_back(address);
    logger_.info("joining the members of before the restart", {{"members", addresses.size()}});
    auto joined = co_await join(std::move(addresses));
    if (joined.joined > 0) co_return;
    co_await net::sleep_for(gap);
  }
}

// --- wishes

net::awaitable<void> list::join_one(std::string address, std::shared_ptr<join_state> state) {
  auto to = parse_join_address(address, options_.default_join_port);
  auto done = to ? co_await push_pull(*to, true) : result<bool>(fail(to.error()));
  if (!done) {
    state->result.failures.emplace_back(address, done.error());
  } else if (!*done) {
    ++state->result.self;
  } else if (++state->result.joined == 1) {
    pool_.announce_join(now());
    run_actions();
  }
  if (--state->left == 0) state->done.set();
}

net::awaitable<join_result> list::join(std::vector<std::string> addresses) {
  join_result refused;
  if (leaving_ || scope_.stopping()) {
    for (auto& a : addresses) refused.failures.emplace_back(std::move(a), error(errc::conflict, "this server is leaving the pool"));
    co_return refused;
  }
  if (addresses.size() > join_addresses_max) {
    refused.failures.emplace_back(addresses[join_addresses_max],
                                  error(errc::too_large, fmt::format("at most {} addresses are joined at a time", join_addresses_max)));
    co_return refused;
  }
  auto state = std::make_shared<join_state>();
  state->left = addresses.size();
  if (addresses.empty()) co_return refused;
  for (auto& a : addresses) scope_.spawn(&list::join_one, this, std::move(a), state);
  // A stopped list drops its tasks; the dials themselves are bounded.
  co_await state->done.wait(net::after(timing().stream_timeout * 2));
  co_return state->result;
}

net::awaitable<result<>> list::leave() {
  if (left_) co_return result<>();
  if (leaving_) co_return fail(errc::conflict, "this server is leaving the pool already");
  leaving_ = true;
  if (snapshot_) co_await snapshot_->note_leave();
  bool alone = pool_.count(member_status::alive) <= 1;
  if (!co_await wait_for(pool_.begin_leave(now()), net::after(timing().broadcast_timeout))) logger_.warn("the leave intent did not reach the others in time");
  if (!co_await wait_for(pool_.finish_leave(now()), net::after(timing().broadcast_timeout))) logger_.warn("the leave message did not reach the others in time");
  // Others may still probe us until they have heard.
  if (!alone) co_await net::sleep_for(timing().leave_propagate_delay);
  left_ = true;
  co_return result<>();
}

net::awaitable<void> list::stop() {
  leaving_ = true;
  sockets_.tcp->close();
  sockets_.udp->close();
  co_await scope_.stop();
  if (snapshot_) co_await snapshot_->stop();
}

net::awaitable<result<>> list::force_leave(std::string name, bool prune) {
  auto handle = pool_.force_leave(now(), name, prune);
  if (!co_await wait_for(handle, net::after(timing().broadcast_timeout))) co_return fail(errc::timeout, "timed out broadcasting node removal");
  co_return result<>();
}

net::awaitable<result<key_response>> list::key_query(std::string what, std::string key) {
  if (!encrypted()) co_return fail(errc::unsupported, "gossip encryption is not enabled: there is no keyring to list or change");
  std::string raw;
  if (what != "list-keys") {
    CO_TRY_ASSIGN(raw, parse_key(key));
  }
  auto request = encode_payload(serf_type::key_request, key_request{.key = bytes(raw)});
  auto handle = pool_.start_query(now(), "_serf_" + what, bytes(std::move(request)));
  if (!handle) co_return fail(std::move(handle).error());
  co_await wait_for(*handle, net::after(pool_.query_timeout() + query_grace));
  auto got = pool_.take_answers(*handle);
  key_response response{.members = static_cast<int>(got.asked), .answers = static_cast<int>(got.answers.size())};
  for (const auto& [from, payload] : got.answers) {
    auto answer = payload.empty() || static_cast<serf_type>(payload.data[0]) != serf_type::key_response
                      ? result<node_key_response>(fail(errc::invalid, "Invalid key query response"))
                      : codec::from_msgpack<node_key_response>(std::string_view(payload.data).substr(1));
    if (!answer) answer = node_key_response{.message = answer.error().text()};
    if (!answer->ok) ++response.errors;
    if (!answer->ok || !answer->message.empty()) response.messages[from] = answer->message;
    for (const auto& each : answer->keys) ++response.keys[each];
    if (!answer->primary_key.empty()) ++response.primary_keys[answer->primary_key];
  }
  if (response.errors > 0) response.failure = fmt::format("{}/{} nodes reported failure", response.errors, response.members);
  else if (response.answers != response.members) response.failure = fmt::format("{}/{} nodes reported success", response.answers, response.members);
  co_return response;
}

}  // namespace

result<std::unique_ptr<member_list>> member_list::create(net::loop& l, options o) {
  TRY(check(o));
  TRY_ASSIGN(auto keys, keyring::create(o.keys));
  TRY_ASSIGN(auto address, advertised(o));
  auto bound = bind_both(l, o.bind_address, o.bind_port);
  if (!bound) return fail(std::move(bound).error());
  // Last, because it runs a task from here on.
  std::unique_ptr<snapshot_writer> snapshot;
  if (!o.snapshot_path.empty()) {
    TRY_ASSIGN(snapshot, snapshot_writer::open(l, o.snapshot_path, o.rejoin_after_leave, log::logger(o.log_name)));
  }
  pool_options p{.name = o.name,
                 .address = address,
                 .port = o.advertise_port == 0 ? bound->tcp->local().port : o.advertise_port,
                 .tags = o.tags,
                 .timing = o.timing,
                 .keys = std::move(keys),
                 .verify_incoming = o.verify_incoming,
                 .verify_outgoing = o.verify_outgoing,
                 .compress = o.compress,
                 .admit = o.admit};
  if (!o.keyring_path.empty()) p.save_keys = [path = o.keyring_path](const keyring& ring) { return write_keyring_file(path, ring.keys()); };
  if (snapshot) {
    p.member_time = snapshot->at_start().clock;
    p.event_time = snapshot->at_start().event_clock;
    p.query_time = snapshot->at_start().query_clock;
  }
  return std::make_unique<list>(l, std::move(o), std::move(p), *std::move(bound), std::move(snapshot));
}

}  // namespace drover::gossip
