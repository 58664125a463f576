#include "server/membership.h"

#include <algorithm>

#include "base/text.h"
#include "gossip/keyring.h"
#include "net/stream.h"
#include "raft/raft.h"
#include "server/file.h"
#include "server/peer_tags.h"

namespace drover::server {

using net::awaitable;

namespace {

// Joining is tried again soon at first, because servers of a cluster are mostly started together.
constexpr duration join_pause_first = milliseconds(100);
// After an outage the others may come back at any moment.
constexpr duration join_pause_max_after_outage = seconds(2);
// Changes that come together are written together.
constexpr duration file_pause = milliseconds(100);

std::string_view event_text(gossip::event_kind kind) {
  switch (kind) {
    case gossip::event_kind::join: return "adding server";
    case gossip::event_kind::leave: return "server has left";
    case gossip::event_kind::failed: return "server has failed";
    case gossip::event_kind::update: return "server has changed";
    case gossip::event_kind::reap: return "removing server";
  }
  return "server event";
}

}  // namespace

membership::membership(server_context& context, peer_file file)
    : context_(context), logger_(context.logger.named("serf")), file_(std::move(file)), tasks_(context.loop, logger_) {}

// A server without gossip still knows itself.
void membership::put_self() {
  auto& self = self_;
  self.name = context_.options.name + "." + context_.options.region;
  self.status = gossip::member_status::alive;
  self.tags = tags_of(context_.options, context_.server_id);
  if (auto serf = net::parse_endpoint(context_.options.serf_address)) {
    self.address = serf->host;
    self.port = serf->port;
  }
  self.protocol_min = 1;
  self.protocol_max = 5;
  self.protocol_current = 2;
  self.delegate_min = 2;
  self.delegate_max = 5;
  self.delegate_current = 4;
  if (auto p = peer_of(self)) context_.peers->put(*std::move(p));
}

result<> membership::start() {
  const auto& options = context_.options;
  had_log_ = context_.raft->stats().last_log_index > 0;
  if (!options.gossip) {
    put_self();
    return {};
  }
  const auto& wanted = *options.gossip;
  auto directory = options.data_dir + "/server/serf";
  gossip::options o;
  o.name = options.name + "." + options.region;
  o.bind_address = wanted.bind_address;
  o.bind_port = wanted.bind_port;
  o.advertise_address = wanted.advertise_address;
  o.advertise_port = wanted.advertise_port;
  o.tags = tags_of(options, context_.server_id);
  o.timing = wanted.timing;
  o.keyring_path = options.data_dir + "/server/serf.keyring";
  TRY_ASSIGN(o.keys, gossip::open_keyring(o.keyring_path, wanted.encrypt));
  TRY(make_directory(directory));
  o.snapshot_path = directory + "/snapshot";
  o.rejoin_after_leave = options.rejoin_after_leave;
  o.log_name = "nomad.gossip";
  o.admit = [this](const std::vector<gossip::member>& members) { return admit(members); };
  o.on_event = [this](const gossip::member_event& event) { on_event(event); };
  TRY_ASSIGN(list_, gossip::member_list::create(context_.loop, std::move(o)));
  if (auto self = peer_of(list_->local())) context_.peers->put(*std::move(self));
  tasks_.spawn(keep_file());
  if (!options.start_join.empty()) tasks_.spawn(join_once());
  tasks_.spawn(keep_joining());
  return {};
}

awaitable<void> membership::stop() {
  co_await tasks_.stop();
  if (list_) co_await list_->stop();
  if (file_changed_.is_set()) write_file();
}

awaitable<result<>> membership::leave() {
  if (!list_) co_return result<>{};
  co_return co_await list_->leave();
}

result<gossip::member_list*> membership::need_list() const {
  if (!list_) return fail(errc::unsupported, "this server runs alone and takes part in no gossip");
  return list_.get();
}

std::vector<gossip::member> membership::members() const { return list_ ? list_->members() : std::vector{self_}; }

result<> membership::admit(const std::vector<gossip::member>& members) const {
  for (const auto& member : members) TRY(peer_of(member));
  return {};
}

void membership::on_event(const gossip::member_event& event) {
  auto p = peer_of(event.member);
  if (!p) return logger_.warn("a member is ignored", {{"error", p.error().text()}});
  // While create() runs the local member already has its join event.
  bool self = p->id == context_.server_id;
  if (!self) logger_.info(event_text(event.kind), {{"server", p->name}, {"address", p->rpc_address}, {"region", p->region}});
  if (event.kind == gossip::event_kind::reap) {
    context_.peers->remove(p->name);
  } else {
    report_conflicts(*p);
    context_.peers->put(*std::move(p));
  }
  file_changed_.set();
}

// Names are unique in the pool; ids must be, too.
void membership::report_conflicts(const peer& p) {
  if (p.status != peer_status::alive || p.id.empty()) return;
  for (const auto& [name, other] : context_.peers->all()) {
    if (name == p.name || other.id != p.id || other.status != peer_status::alive || !conflicts_.insert(name + " " + p.name).second) continue;
    logger_.error("two servers have the same id; the data directory of one was copied from the other: stop one of them and empty its data_dir",
                  {{"id", p.id}, {"server", p.name}, {"address", p.rpc_address}, {"other", name}, {"other_address", other.rpc_address}});
  }
}

bool membership::is_self(const std::string& address) const {
  const auto& self = list_->local();
  auto where = net::parse_endpoint(address);
  return where && where->host == self.address && (where->port == 0 || where->port == self.port);
}

bool membership::others_alive() const {
  const auto& all = context_.peers->all();
  return std::ranges::any_of(all, [&](const auto& each) { return each.second.id != context_.server_id && each.second.status == peer_status::alive; });
}

// Addresses at which nobody of the pool is known to be.
std::vector<std::string> membership::unjoined() const {
  std::vector<std::string> wanted = context_.options.retry_join;
  if (had_log_)
    for (const auto& each : file_.servers())
      if (each.id != context_.server_id && !each.serf_address.empty()) wanted.push_back(each.serf_address);
  std::set<std::string> seen;
  for (const auto& [name, each] : context_.peers->all())
    if (each.status == peer_status::alive) seen.insert(each.serf_address);
  std::vector<std::string> out;
  for (auto& address : wanted)
    if (!is_self(address) && seen.insert(address).second) out.push_back(std::move(address));
  return out;
}

awaitable<void> membership::join_once() {
  auto done = co_await list_->join(context_.options.start_join);
  for (const auto& [address, why] : done.failures) logger_.error("start_join failed", {{"address", address}, {"error", why.text()}});
  logger_.info("started joining other servers", {{"initial_servers", done.joined}});
}

// From retry_join and, after an outage, from the file of known servers: until others have answered and, where this server belongs to a cluster
// already, until that has a leader. (The gossip snapshot is tried by the pool itself.)
awaitable<void> membership::keep_joining() {
  const auto& options = context_.options;
  auto begin = net::now();
  auto pause = join_pause_first;
  auto pause_max = had_log_ ? std::min(join_pause_max_after_outage, options.retry_interval) : options.retry_interval;
  for (;;) {
    auto wanted = unjoined();
    if (wanted.empty() && !had_log_) co_return;
    if (!wanted.empty()) {
      auto done = co_await list_->join(wanted);
      for (const auto& [address, why] : done.failures) logger_.debug("could not join", {{"address", address}, {"error", why.text()}});
    }
    if (others_alive() && (!had_log_ || context_.has_leader())) co_return;
    if (options.retry_max > 0 && !options.retry_join.empty() &&
        net::now() - begin >= std::chrono::nanoseconds((options.retry_interval * options.retry_max).ns)) {
      error why(errc::unavailable, fmt::format("no server of retry_join answered in {} attempts of {}", options.retry_max, to_string(options.retry_interval)));
      logger_.error("max join retry exhausted, exiting", {{"error", why.text()}});
      if (options.on_fatal) options.on_fatal(std::move(why));
      co_return;
    }
    co_await net::sleep_for(pause);
    pause = std::min(pause * 2, pause_max);
  }
}

std::vector<std::string> membership::addresses_of(uint64_t raft_id) const {
  std::vector<std::string> out;
  auto add = [&](const std::string& address) {
    if (!address.empty() && std::ranges::find(out, address) == out.end()) out.push_back(address);
  };
  const auto* known = context_.peers->by_raft_id(raft_id);
  if (known != nullptr) add(known->rpc_address);
  if (known == nullptr || known->status != peer_status::alive) add(file_.rpc_address_of(raft_id));
  return out;
}

std::string membership::rpc_address_of(uint64_t raft_id) const {
  auto all = addresses_of(raft_id);
  return all.empty() ? std::string() : all.front();
}

std::string membership::uuid_of(uint64_t raft_id) const {
  if (const auto* known = context_.peers->by_raft_id(raft_id)) return known->id;
  // The "address" in the configuration is the id.
  for (const auto& each : context_.raft->stats().servers)
    if (each.id == raft_id && is_uuid(each.address)) return each.address;
  for (const auto& each : file_.servers())
    if (raft::id_from_uuid(each.id) == raft_id) return each.id;
  return {};
}

bool membership::was_replaced(uint64_t raft_id) const {
  if (context_.peers->by_raft_id(raft_id) != nullptr) return false;
  for (const auto& each : file_.servers()) {
    if (raft::id_from_uuid(each.id) != raft_id) continue;
    const auto* successor = context_.peers->by_name(each.name);
    return successor != nullptr && successor->id != each.id && successor->status == peer_status::alive;
  }
  return false;
}

result<> membership::knows(const std::string& server_id) const {
  auto configured = context_.raft->stats().servers;
  // A server that has nothing yet learns from whoever leads.
  if (configured.empty()) return {};
  auto raft_id = raft::id_from_uuid(server_id);
  bool member = std::ranges::any_of(configured, [&](const raft::server& each) { return each.id == raft_id; });
  const auto* known = context_.peers->by_id(server_id);
  if (member || (known != nullptr && known->region == context_.options.region)) return {};
  return fail(errc::permission_denied, "server {} is unknown: it is neither in this region's gossip pool nor in the Raft configuration", server_id);
}

awaitable<void> membership::keep_file() {
  for (;;) {
    // At once, and then at most so often: who loses power a moment after the cluster has formed must find the others again.
    co_await file_changed_.wait();
    write_file();
    co_await net::sleep_for(file_pause);
  }
}

// Those that gossip sees and those of the Raft configuration that it does not see (yet).
void membership::write_file() {
  file_changed_.reset();
  std::vector<known_server> servers;
  std::set<std::string> listed;
  for (const auto& [name, each] : context_.peers->all()) {
    if (each.region != context_.options.region || each.status == peer_status::left || each.id.empty() || !listed.insert(each.id).second) continue;
    servers.push_back({each.id, each.name, each.rpc_address, each.serf_address});
  }
  auto configured = context_.raft->stats().servers;
  for (const auto& each : file_.servers()) {
    auto raft_id = raft::id_from_uuid(each.id);
    bool member = std::ranges::any_of(configured, [&](const raft::server& s) { return s.id == raft_id; });
    if (member && listed.insert(each.id).second) servers.push_back(each);
  }
  if (auto stored = file_.store(std::move(servers)); !stored)
    logger_.warn("the file of known servers could not be written", {{"error", stored.error().text()}});
}

void membership::remember(const std::vector<listed_server>& servers) {
  auto known = file_.servers();
  for (const auto& each : servers) {
    auto place = std::ranges::find(known, each.id, &known_server::id);
    if (place == known.end()) place = known.insert(known.end(), known_server{.id = each.id, .name = {}, .rpc_address = {}, .serf_address = {}});
    place->rpc_address = each.address;
  }
  if (auto stored = file_.store(std::move(known)); !stored) logger_.warn("the file of known servers could not be written", {{"error", stored.error().text()}});
}

}  // namespace drover::server
