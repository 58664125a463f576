#include "server/peer_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/log.h"
#include "codec/json.h"
#include "crypto/digest.h"
#include "raft/raft.h"
#include "schema/describe_macros.h"
#include "server/file.h"
#include "server/limits.h"

namespace drover::server {

struct stored_peer {
  std::string id;
  std::string name;
  std::string rpc_address;
  std::string serf_address;
  DROVER_RECORD(stored_peer);
};
struct stored_peers {
  std::vector<stored_peer> servers;
  DROVER_RECORD(stored_peers);
};
using namespace schema;
#define SELF stored_peer
DESCRIBE(stored_peer, "StoredPeer", BASES(), FIELD(id), FIELD(name), FIELD(rpc_address), FIELD(serf_address))
#undef SELF
#define SELF stored_peers
DESCRIBE(stored_peers, "StoredPeers", BASES(), FIELD(servers))
#undef SELF

namespace {

const log::logger logger("nomad.peers");

constexpr size_t key_bytes = 32;
constexpr std::string_view title = "drover peers 1";

// "drover peers 1 <hex of the signature>\n<JSON>"
std::string sign(const std::string& key, const std::string& body) { return fmt::format("{} {}\n{}", title, hex_encode(crypto::hmac_sha256(key, body)), body); }

result<std::vector<known_server>> read_signed(const std::string& key, const std::string& content) {
  auto line = content.find('\n');
  if (line == std::string::npos || !content.starts_with(title)) return fail(errc::corrupt, "it is no file of known servers");
  auto body = content.substr(line + 1);
  if (!crypto::same_digest(content, sign(key, body))) return fail(errc::corrupt, "its signature is not this data directory's");
  TRY_ASSIGN(auto stored, codec::from_json<stored_peers>(body));
  std::vector<known_server> out;
  for (auto& each : stored.servers) out.push_back({each.id, each.name, each.rpc_address, each.serf_address});
  return out;
}

result<std::string> load_or_make_key(const std::string& path, env::random& random) {
  auto found = read_small_file(path, key_bytes);
  if (found && found->size() == key_bytes) return *found;
  if (!found && found.error().code() != errc::not_found) return std::unexpected(std::move(found).error());
  std::string key(key_bytes, '\0');
  random.fill(key.data(), key.size());
  TRY(replace_file(path, key));
  return key;
}

}  // namespace

result<peer_file> peer_file::open(std::string directory, env::random& random) {
  peer_file out;
  TRY_ASSIGN(out.key_, load_or_make_key(directory + "/peers.key", random));
  out.directory_ = std::move(directory);
  auto path = out.directory_ + "/peers";
  auto content = read_small_file(path, peer_file_bytes_max);
  if (!content && content.error().code() == errc::not_found) return out;
  auto servers = content ? read_signed(out.key_, *content) : fail(content.error());
  if (servers) out.servers_ = *std::move(servers);
  else logger.warn("the file of known servers is ignored", {{"path", path}, {"error", servers.error().text()}});
  return out;
}

result<std::vector<known_server>> peer_file::read(const std::string& directory) {
  TRY_ASSIGN(auto key, read_small_file(directory + "/peers.key", key_bytes));
  TRY_ASSIGN(auto content, read_small_file(directory + "/peers", peer_file_bytes_max));
  return read_signed(key, content);
}

std::string peer_file::rpc_address_of(uint64_t raft_id) const {
  for (const auto& each : servers_)
    if (raft::id_from_uuid(each.id) == raft_id) return each.rpc_address;
  return {};
}

result<> peer_file::store(std::vector<known_server> servers) {
  std::ranges::sort(servers, {}, &known_server::id);
  if (servers.size() > peer_file_servers_max) servers.resize(peer_file_servers_max);
  if (servers == servers_) return {};
  stored_peers stored;
  for (const auto& each : servers) stored.servers.push_back({each.id, each.name, each.rpc_address, each.serf_address});
  TRY(replace_file(directory_ + "/peers", sign(key_, codec::to_json(stored))));
  servers_ = std::move(servers);
  return {};
}

}  // namespace drover::server
