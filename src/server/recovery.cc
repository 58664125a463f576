#include "server/recovery.h"

#include <cstdio>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "codec/json.h"
#include "net/stream.h"
#include "raft/offline.h"
#include "schema/describe_macros.h"
#include "server/file.h"
#include "server/limits.h"

namespace drover::server {

struct peers_json_entry {
  std::string id;
  std::string address;
  bool non_voter = false;
  DROVER_RECORD(peers_json_entry);
};
using namespace schema;
#define SELF peers_json_entry
DESCRIBE(peers_json_entry, "PeersJSONEntry", BASES(), FIELD_AS(id, "id"), FIELD_AS(address, "address"), FIELD_AS(non_voter, "non_voter"))
#undef SELF

namespace {

const log::logger logger("nomad.recovery");

}  // namespace

result<std::vector<listed_server>> parse_peers_json(std::string_view text) {
  auto entries = codec::from_json<std::vector<peers_json_entry>>(text);
  if (!entries) return wrap(std::move(entries).error(), "peers.json is no list of servers such as [{\"id\": ..., \"address\": ..., \"non_voter\": false}]");
  if (entries->empty()) return fail(errc::invalid, "peers.json names no server");
  std::vector<listed_server> out;
  std::set<std::string> ids;
  for (auto& each : *entries) {
    if (!is_uuid(each.id))
      return fail(errc::invalid, "peers.json: entry {} has the id \"{}\"; it must be the server's UUID, as its file server/node-id has it", out.size() + 1,
                  each.id);
    auto where = net::parse_endpoint(each.address);
    if (!where || where->is_unix() || where->port == 0)
      return fail(errc::invalid, "peers.json: server {} has the address \"{}\"; it must be the host and RPC port, such as 10.0.0.1:4647", each.id,
                  each.address);
    if (!ids.insert(each.id).second) return fail(errc::invalid, "peers.json names server {} twice", each.id);
    out.push_back({std::move(each.id), std::move(each.address), each.non_voter});
  }
  return out;
}

std::string peers_json(const std::vector<listed_server>& servers) {
  std::vector<peers_json_entry> entries;
  for (const auto& each : servers) entries.push_back({each.id, each.address, each.non_voter});
  return codec::list_to_json(entries, {.pretty = true});
}

std::vector<raft::server> to_raft(const std::vector<listed_server>& servers) {
  std::vector<raft::server> out;
  for (const auto& each : servers) out.push_back({raft::id_from_uuid(each.id), each.id, each.non_voter ? raft::role::standby : raft::role::voter});
  return out;
}

result<std::vector<listed_server>> apply_peers_json(const std::string& raft_directory, const std::string& server_id) {
  auto path = raft_directory + "/peers.json";
  auto text = read_small_file(path, peer_file_bytes_max);
  if (!text && text.error().code() == errc::not_found) return std::vector<listed_server>();
  if (!text) return std::unexpected(std::move(text).error());
  TRY_ASSIGN(auto servers, parse_peers_json(*text));
  bool named = false;
  for (const auto& each : servers) named = named || each.id == server_id;
  if (!named) return fail(errc::invalid, "{} does not name this server, {}; add it, or remove the file", path, server_id);
  auto done = raft::recover({raft_directory, to_raft(servers)});
  if (!done) return wrap(std::move(done).error(), "recovering from " + path);
  if (std::rename(path.c_str(), (path + ".used").c_str()) != 0) return fail(system_error(errno, "renaming " + path));
  logger.warn("the Raft configuration was recovered from peers.json", {{"servers", servers.size()}});
  return servers;
}

}  // namespace drover::server
