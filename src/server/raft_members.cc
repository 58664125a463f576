#include "server/raft_members.h"

#include <algorithm>

#include "server/ask.h"
#include "server/cluster_messages.h"
#include "server/membership.h"
#include "server/peer_tags.h"
#include "server/raft_await.h"
#include "state/tables.h"

namespace drover::server {

using net::awaitable;

namespace {

constexpr duration observe_interval = seconds(2);
constexpr duration ask_timeout = seconds(1);

bool is_member(const std::vector<raft::server>& servers, uint64_t raft_id) {
  return std::ranges::any_of(servers, [&](const raft::server& s) { return s.id == raft_id; });
}

std::string_view text_of(peer_status s) {
  switch (s) {
    case peer_status::alive: return "alive";
    case peer_status::leaving: return "leaving";
    case peer_status::left: return "left";
    case peer_status::failed: return "failed";
  }
  return "none";
}

// "12.3ms", "0", "never": how servers say when they heard from their leader.
duration parse_last_contact(const std::string& text) {
  if (text == "0" || text == "0s") return {};
  auto parsed = parse_duration(text);
  return parsed ? *parsed : nanoseconds(-1);
}

}  // namespace

raft_members::raft_members(server_context& context) : context_(context), logger_(context.logger.named("autopilot")), tasks_(context.loop, logger_) {}

void raft_members::start() {
  listener_ = context_.peers->listen([this](const std::string&) { wake_.set(); });
  tasks_.spawn(run());
}

awaitable<void> raft_members::stop() {
  if (listener_ != 0) context_.peers->ignore(std::exchange(listener_, 0));
  co_await tasks_.stop();
}

void raft_members::establish() {
  leading_ = true;
  autopilot_.clear();
  refused_.clear();
  wake_.set();
}

void raft_members::revoke() { leading_ = false; }

schema::autopilot_config raft_members::config() const {
  auto stored = state::find<state::table::autopilot_config>(context_.state(), {});
  return stored ? *stored : context_.options.default_autopilot_config;
}

awaitable<void> raft_members::run() {
  for (;;) {
    co_await wake_.wait(net::after(observe_interval));
    wake_.reset();
    if (!leading_ || context_.pool == nullptr || !context_.options.gossip) continue;
    co_await reconcile();
  }
}

awaitable<void> raft_members::reconcile() {
  co_await remove_left();
  co_await add_missing();
  if (!leading_) co_return;
  co_await observe();
  co_await act();
}

// One change at a time, also those that an operator asks for.
awaitable<result<>> raft_members::change(std::string doing, std::function<void(raft::callback)> start) {
  while (changing_) co_await change_ended_.wait();
  struct guard {
    raft_members& owner;
    explicit guard(raft_members& o) : owner(o) {
      owner.changing_ = true;
      owner.change_ended_.reset();
    }
    ~guard() {
      owner.changing_ = false;
      owner.change_ended_.set();
    }
  } only(*this);
  auto done = co_await await_raft(*context_.raft_answers, std::move(start));
  if (!done) logger_.warn("the Raft configuration could not be changed", {{"change", doing}, {"error", done.error().text()}});
  context_.membership->note_raft_change();
  co_return done;
}

awaitable<result<>> raft_members::remove(uint64_t raft_id) {
  if (!is_member(context_.raft->stats().servers, raft_id)) co_return fail(errc::not_found, "no such server in the Raft configuration");
  co_return co_await change("remove", [this, raft_id](raft::callback done) { context_.raft->remove(raft_id, std::move(done)); });
}

awaitable<void> raft_members::remove_left() {
  for (const auto& member : context_.raft->stats().servers) {
    const auto* known = context_.peers->by_raft_id(member.id);
    if (!leading_ || known == nullptr || known->status != peer_status::left || known->id == context_.server_id) continue;
    std::string name = known->name;
    if (co_await remove(member.id)) logger_.info("removed a server that left", {{"server", name}});
  }
}

awaitable<void> raft_members::add_missing() {
  for (auto& each : context_.peers->alive_in(context_.options.region)) {
    if (!leading_) co_return;
    auto members = context_.raft->stats().servers;
    auto member = std::ranges::find_if(members, [&](const raft::server& s) { return s.id == each.raft_id; });
    if (member != members.end() && member->role != raft::role::spare) continue;
    if (member == members.end() && !co_await may_join(each)) continue;
    co_await add(std::move(each));
  }
}

// A server with the log of another cluster must not get ours.
awaitable<bool> raft_members::may_join(peer p) {
  if (!speaks_our_raft(p)) {
    if (refused_.emplace(p.id + p.name, "").second)
      logger_.error("a server of this region does not speak Drover's Raft and cannot join the cluster; give it a region of its own", {{"server", p.name}});
    co_return false;
  }
  auto asked = co_await ask_servers<cluster_report>(context_, {p}, "Cluster.Report", cluster_report_request{context_.options.region}, ask_timeout);
  const auto& answer = asked.front().answer;
  if (!answer) {
    logger_.debug("a new server does not answer yet", {{"server", p.name}, {"error", answer.error().text()}});
    co_return false;
  }
  auto ours = context_.state().cluster_id();
  std::string why;
  if (answer->server_id != p.id) why = "another server answers at its address";
  else if (!answer->cluster_id.empty() && !ours.empty() && answer->cluster_id != ours)
    why = "it belongs to another cluster; empty its data_dir, or give it another region";
  if (why.empty()) co_return leading_;
  if (std::exchange(refused_[p.id], why) != why)
    logger_.error("a server cannot join this cluster", {{"server", p.name}, {"error", why}, {"its_cluster", answer->cluster_id}, {"cluster", ours}});
  co_return false;
}

awaitable<void> raft_members::add(peer p) {
  if (!is_member(context_.raft->stats().servers, p.raft_id)) {
    auto added = co_await change("add " + p.name, [&](raft::callback done) { context_.raft->add(p.raft_id, p.id, std::move(done)); });
    if (!added) co_return;
  }
  auto assigned = co_await change("let follow " + p.name, [&](raft::callback done) { context_.raft->assign(p.raft_id, raft::role::standby, std::move(done)); });
  if (assigned) logger_.info("added a server; it becomes a voter when it has been stable", {{"server", p.name}, {"address", p.rpc_address}});
}

observed_server raft_members::describe(const raft::server& member) const {
  observed_server out;
  out.raft_id = member.id;
  out.role = member.role;
  out.id = context_.membership->uuid_of(member.id);
  out.leader = member.id == raft::id_from_uuid(context_.server_id);
  out.address = context_.membership->rpc_address_of(member.id);
  const auto* known = context_.peers->by_raft_id(member.id);
  out.replaced = context_.membership->was_replaced(member.id);
  if (known == nullptr) return out;
  out.name = known->name;
  out.build = known->build;
  out.gossip_status = text_of(known->status);
  return out;
}

awaitable<void> raft_members::observe() {
  std::vector<observed_server> servers;
  std::vector<peer> asked;
  auto stats = context_.raft->stats();
  for (const auto& member : stats.servers) {
    auto& s = servers.emplace_back(describe(member));
    if (s.leader) {
      s.answered = true;
      s.last_contact = {};
      s.last_term = stats.term;
      s.last_index = stats.last_log_index;
      s.gossip_status = "alive";
    } else if (s.gossip_status == "alive") {
      asked.push_back(*context_.peers->by_raft_id(member.id));
    }
  }
  auto replies = co_await ask_servers<schema::raft_stats>(context_, std::move(asked), "Status.RaftStats", schema::generic_request(), ask_timeout);
  for (auto& each : replies) {
    auto s = std::ranges::find_if(servers, [&](const observed_server& o) { return o.raft_id == each.from.raft_id; });
    if (s == servers.end() || !each.answer) continue;
    s->answered = true;
    s->last_contact = parse_last_contact(each.answer->last_contact);
    s->last_term = each.answer->last_term;
    s->last_index = each.answer->last_index;
  }
  autopilot_.observe(std::move(servers), config(), context_.clock.now());
}

awaitable<void> raft_members::act() {
  auto promotions = autopilot_.promotions();
  auto removals = autopilot_.removals();
  for (auto id : promotions) {
    if (!leading_) co_return;
    auto done = co_await change("make a voter", [&](raft::callback answer) { context_.raft->assign(id, raft::role::voter, std::move(answer)); });
    if (done) logger_.info("a server became a voter", {{"server", context_.membership->uuid_of(id)}});
  }
  for (auto id : removals) {
    if (!leading_) co_return;
    const auto* known = context_.peers->by_raft_id(id);
    std::string name = known != nullptr ? known->name : context_.membership->uuid_of(id);
    if (co_await remove(id)) logger_.info("removed a dead server", {{"server", name}});
  }
}

awaitable<result<schema::operator_health_reply>> raft_members::health() {
  if (!leading_) co_return fail(errc::unavailable, "No cluster leader");
  co_await observe();
  co_return autopilot_.health();
}

}  // namespace drover::server
