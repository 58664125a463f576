#include "server/recovery_plan.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "server/file.h"

namespace drover::server {
namespace {

constexpr size_t id_file_bytes_max = 256;

std::string parent_of(const std::string& directory) {
  auto slash = directory.rfind('/');
  return slash == std::string::npos ? "." : directory.substr(0, slash);
}

const survivor* of_member(const std::vector<survivor>& survivors, uint64_t raft_id) {
  for (const auto& s : survivors)
    if (raft::id_from_uuid(s.id) == raft_id) return &s;
  return nullptr;
}

const known_server* known_of(const std::vector<survivor>& survivors, uint64_t raft_id) {
  for (const auto& s : survivors)
    for (const auto& k : s.known)
      if (raft::id_from_uuid(k.id) == raft_id) return &k;
  return nullptr;
}

result<> check(const std::vector<survivor>& survivors) {
  if (survivors.empty()) return fail(errc::invalid, "no data directory was given");
  std::set<std::string> ids;
  for (const auto& s : survivors) {
    if (!ids.insert(s.id).second) return fail(errc::invalid, "server {} is given twice ({})", s.id, s.raft_directory);
    if (s.log.last_index == 0) return fail(errc::invalid, "{} holds no log: that server never was in a cluster", s.raft_directory);
    if (s.log.owner != 0 && s.log.owner != raft::id_from_uuid(s.id))
      return fail(errc::invalid, "{} is the log of another server than {}: the directory was put together from two", s.raft_directory, s.id);
  }
  return {};
}

void describe_losses(recovery_plan& plan, const std::vector<survivor>& survivors) {
  const auto& newest = survivors[plan.newest];
  for (const auto& m : plan.members)
    if (!m.survives)
      plan.losses.push_back(
          fmt::format("Server {}{} is no member any more. It must not be started again with its old data.", m.id, m.name.empty() ? "" : " (" + m.name + ")"));
  if (plan.needed)
    plan.losses.push_back(
        fmt::format("Writes after entry {} of term {} that were acknowledged by servers that are lost. Whether there were any cannot be "
                    "known from what is left: {} of {} voters had to store a write, and {} of them may all be among the lost.",
                    newest.log.last_index, newest.log.last_term, plan.quorum, plan.voters, plan.quorum));
  for (const auto& s : survivors) {
    if (s.id == newest.id) continue;
    if (s.log.last_term < newest.log.last_term && s.log.last_index >= newest.log.last_index)
      plan.losses.push_back(
          fmt::format("Entries of term {} on server {} that the newest log does not have: they were never committed.", s.log.last_term, s.id));
  }
  for (const auto& text : newest.log.repairs) plan.losses.push_back(text);
}

}  // namespace

// Accepts the three levels at which people point.
result<std::string> find_raft_directory(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  for (const auto& candidate : {path + "/server/raft", path + "/raft", path})
    if (::access((candidate + "/lock").c_str(), F_OK) == 0) return candidate;
  return fail(errc::not_found, "{} is no data directory of a server: there is no server/raft in it", path);
}

result<survivor> look_at(const std::string& path) {
  survivor out;
  TRY_ASSIGN(out.raft_directory, find_raft_directory(path));
  auto server_directory = parent_of(out.raft_directory);
  TRY_ASSIGN(auto id, read_small_file(server_directory + "/node-id", id_file_bytes_max));
  out.id = std::string(trim(id));
  if (!is_uuid(out.id)) return fail(errc::corrupt, "{}/node-id holds \"{}\", which is no server id", server_directory, out.id);
  TRY_ASSIGN(out.log, raft::survey(out.raft_directory));
  if (auto known = peer_file::read(server_directory)) out.known = *std::move(known);
  return out;
}

result<recovery_plan> plan_recovery(const std::vector<survivor>& survivors) {
  TRY(check(survivors));
  recovery_plan plan;
  for (size_t i = 1; i < survivors.size(); ++i)
    if (raft::is_newer(survivors[i].log, survivors[plan.newest].log)) plan.newest = i;
  const auto& newest = survivors[plan.newest];
  for (const auto& s : newest.log.servers) {
    const auto* alive = of_member(survivors, s.id);
    const auto* known = known_of(survivors, s.id);
    member_fate fate{.id = alive != nullptr ? alive->id : s.address,
                     .name = known != nullptr ? known->name : "",
                     .address = known != nullptr ? known->rpc_address : "",
                     .voter = s.role == raft::role::voter,
                     .survives = alive != nullptr};
    plan.voters += fate.voter ? 1 : 0;
    plan.surviving_voters += fate.voter && fate.survives ? 1 : 0;
    plan.members.push_back(std::move(fate));
  }
  plan.quorum = plan.voters / 2 + 1;
  plan.needed = plan.surviving_voters < plan.quorum;
  for (const auto& s : survivors) {
    auto raft_id = raft::id_from_uuid(s.id);
    bool member = std::ranges::any_of(newest.log.servers, [&](const raft::server& m) { return m.id == raft_id; });
    if (!member)
      return fail(errc::invalid,
                  "server {} ({}) is no member of the configuration in the newest log ({}): it is of another cluster, or was removed; leave it out", s.id,
                  s.raft_directory, newest.raft_directory);
    const auto* known = known_of(survivors, raft_id);
    plan.servers.push_back({s.id, known != nullptr ? known->rpc_address : "", false});
  }
  std::ranges::sort(plan.servers, {}, &listed_server::id);
  describe_losses(plan, survivors);
  return plan;
}

}  // namespace drover::server
