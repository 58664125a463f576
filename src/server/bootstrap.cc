#include "server/bootstrap.h"

#include <algorithm>

#include "raft/raft.h"
#include "server/ask.h"
#include "server/membership.h"
#include "server/peer_tags.h"
#include "server/raft_await.h"

namespace drover::server {

using net::awaitable;

namespace {

constexpr duration ask_timeout = seconds(1);
// Nothing changes while servers wait for each other, but an answer may have been lost.
constexpr duration look_again = seconds(1);
constexpr duration try_again = milliseconds(100);
constexpr duration promise_length = seconds(3);

std::vector<std::string> ids_of(const std::vector<peer>& members) {
  std::vector<std::string> out;
  for (const auto& each : members) out.push_back(each.id);
  std::ranges::sort(out);
  return out;
}

}  // namespace

bootstrapper::bootstrapper(server_context& context) : context_(context), logger_(context.logger.named("bootstrap")), tasks_(context.loop, logger_) {}

void bootstrapper::start() {
  if (has_log()) {
    if (context_.options.bootstrap_expect > 1) logger_.info("this server belongs to a cluster already; bootstrap_expect is without meaning");
    return;
  }
  if (context_.options.bootstrap_expect < 2 || context_.pool == nullptr || !context_.options.gossip) return;
  listener_ = context_.peers->listen([this](const std::string&) { changed_.set(); });
  tasks_.spawn(run());
}

awaitable<void> bootstrapper::stop() {
  if (listener_ != 0) context_.peers->ignore(std::exchange(listener_, 0));
  co_await tasks_.stop();
}

bool bootstrapper::has_log() const { return context_.raft->stats().last_log_index > 0; }

cluster_report bootstrapper::report() const {
  auto stats = context_.raft->stats();
  cluster_report out;
  out.server_id = context_.server_id;
  out.cluster_id = std::string(context_.state().cluster_id());
  out.term = stats.term;
  out.last_index = stats.last_log_index;
  // The address of a member of the Raft configuration is its UUID.
  for (const auto& each : stats.servers) out.members.push_back(each.address);
  out.leader_id = stats.leadership.leader_address;
  return out;
}

void bootstrapper::note_conflict(const std::string& text) {
  if (std::exchange(last_conflict_, text) != text) logger_.error("this server cannot help to form a cluster", {{"error", text}});
}

// The servers that would be in the first configuration, this one among them; empty: not yet, or never.
std::vector<peer> bootstrapper::candidates() {
  std::vector<peer> out;
  int expect = context_.options.bootstrap_expect;
  for (auto& each : context_.peers->alive_in(context_.options.region)) {
    if (!speaks_our_raft(each)) continue;
    if (each.expect != 0 && each.expect != expect) {
      note_conflict(
          fmt::format("server {} has bootstrap_expect {}, this one {}: all servers of a region must have the same number", each.name, each.expect, expect));
      return {};
    }
    bool twice = std::ranges::any_of(out, [&](const peer& other) { return other.id == each.id; });
    if (each.expect == expect && !twice) out.push_back(std::move(each));
  }
  if (out.size() < static_cast<size_t>(expect)) out.clear();
  return out;
}

awaitable<void> bootstrapper::run() {
  while (!has_log()) {
    changed_.reset();
    bool again = co_await attempt();
    if (has_log()) co_return;
    co_await changed_.wait(net::after(again ? try_again : look_again));
  }
}

// True: something was in the way that may be over soon.
awaitable<bool> bootstrapper::attempt() {
  auto members = candidates();
  if (members.empty()) co_return false;
  auto others = context_.peers->alive_in(context_.options.region);
  std::erase_if(others, [&](const peer& p) { return p.id == context_.server_id || !speaks_our_raft(p); });
  auto reports = co_await ask_servers<cluster_report>(context_, others, "Cluster.Report", cluster_report_request{context_.options.region}, ask_timeout);
  bool in_doubt = false, exists = false;
  for (const auto& each : reports) {
    if (!each.answer) {
      logger_.debug("a server did not say what it has", {{"server", each.from.name}, {"error", each.answer.error().text()}});
      in_doubt = true;
      continue;
    }
    const auto& found = *each.answer;
    if (found.last_index == 0) continue;
    exists = true;
    bool only_begun = found.last_index == 1 && found.leader_id.empty();
    if (only_begun && std::ranges::find(found.members, context_.server_id) != found.members.end()) {
      if (co_await write(found.members, false)) logger_.info("took the first configuration that another server has", {{"server", each.from.name}});
      if (has_log()) co_return false;
    }
  }
  if (exists) {
    logger_.info("a cluster exists already; this server waits to be added to it");
    co_return false;
  }
  if (in_doubt) co_return true;
  if (ids_of(members).front() != context_.server_id) co_return false;
  co_return co_await propose(std::move(members));
}

awaitable<bool> bootstrapper::propose(std::vector<peer> members) {
  first_configuration_request request{context_.server_id, ids_of(members)};
  std::erase_if(members, [&](const peer& p) { return p.id == context_.server_id; });
  if (promised_ && net::now() < promised_->until) co_return true;
  struct flag {
    bool& value;
    explicit flag(bool& v) : value(v) { value = true; }
    ~flag() { value = false; }
  } busy(proposing_);
  auto agreed = co_await ask_servers<first_configuration_answer>(context_, members, "Cluster.Prepare", request, ask_timeout);
  for (const auto& each : agreed) {
    if (each.answer && each.answer->refusal.empty()) continue;
    logger_.debug("a server does not agree with the first configuration yet",
                  {{"server", each.from.name}, {"error", each.answer ? each.answer->refusal : each.answer.error().text()}});
    co_return true;
  }
  auto taken = co_await ask_servers<first_configuration_answer>(context_, members, "Cluster.Bootstrap", request, ask_timeout);
  size_t having = 1;
  for (const auto& each : taken) having += each.answer && each.answer->refusal.empty() ? 1 : 0;
  // Alone it would be a configuration that nobody else has; with one other it must go on, for that one has it for good.
  if (having == 1) co_return true;
  auto written = co_await write(request.members, true);
  if (!written) logger_.error("the first configuration could not be written", {{"error", written.error().text()}});
  co_return !written;
}

first_configuration_answer bootstrapper::prepare(const first_configuration_request& request) {
  const auto& self = context_.server_id;
  if (has_log()) return {"it belongs to a cluster already"};
  if (std::ranges::find(request.members, self) == request.members.end()) return {"the configuration lacks it"};
  if (static_cast<int>(request.members.size()) < context_.options.bootstrap_expect) return {"its bootstrap_expect is higher"};
  if (proposing_ || self < request.proposer) return {"it proposes itself"};
  if (promised_ && promised_->proposer != request.proposer && net::now() < promised_->until) return {"it has agreed with another"};
  for (const auto& each : context_.peers->alive_in(context_.options.region))
    if (speaks_our_raft(each) && each.expect == context_.options.bootstrap_expect && each.id < request.proposer)
      return {fmt::format("{} comes first", each.name)};
  promised_ = promise{request.proposer, net::after(promise_length)};
  return {};
}

awaitable<result<first_configuration_answer>> bootstrapper::take(first_configuration_request request) {
  if (!promised_ || promised_->proposer != request.proposer) co_return first_configuration_answer{"it has not agreed"};
  auto written = co_await write(std::move(request.members), false);
  changed_.set();
  co_return first_configuration_answer{written ? "" : written.error().text()};
}

awaitable<result<>> bootstrapper::write(std::vector<std::string> members, bool elect_now) {
  std::ranges::sort(members);
  std::vector<raft::server> servers;
  for (const auto& id : members) servers.push_back({.id = raft::id_from_uuid(id), .address = id});
  auto written = co_await await_raft(*context_.raft_answers, [&](raft::callback done) { context_.raft->bootstrap(servers, elect_now, std::move(done)); });
  if (written) logger_.info("first configuration written", {{"servers", members.size()}});
  context_.membership->note_raft_change();
  co_return written;
}

}  // namespace drover::server
