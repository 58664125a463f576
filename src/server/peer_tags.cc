#include "server/peer_tags.h"

#include "base/text.h"
#include "net/stream.h"
#include "raft/raft.h"

namespace drover::server {
namespace {

constexpr const char* raft_tag = "drover";
constexpr const char* raft_version = "1";

peer_status status_of(gossip::member_status s) {
  switch (s) {
    case gossip::member_status::leaving: return peer_status::leaving;
    case gossip::member_status::left: return peer_status::left;
    case gossip::member_status::failed: return peer_status::failed;
    case gossip::member_status::none:
    case gossip::member_status::alive: break;
  }
  return peer_status::alive;
}

result<uint16_t> port_of(const gossip::member& member) {
  auto port = parse_uint(member.tag("port"));
  if (!port || *port == 0 || *port > 65535) return fail(errc::invalid, "the member {} has \"{}\" as its RPC port (tag port)", member.name, member.tag("port"));
  return static_cast<uint16_t>(*port);
}

}  // namespace

gossip::tag_map tags_of(const server_options& options, const std::string& server_id) {
  gossip::tag_map tags = {{"role", "nomad"}, {"region", options.region}, {"dc", options.datacenter}, {"build", DROVER_NOMAD_VERSION}, {"revision", ""},
                          {"vsn", "1"},      {"raft_vsn", "3"},          {"id", server_id},          {raft_tag, raft_version}};
  auto rpc = net::parse_endpoint(options.rpc_address);
  tags["rpc_addr"] = rpc ? rpc->host : "";
  tags["port"] = rpc ? fmt::format("{}", rpc->port) : "";
  if (options.bootstrap_expect == 1) tags["bootstrap"] = "1";
  if (options.bootstrap_expect > 0) tags["expect"] = fmt::format("{}", options.bootstrap_expect);
  return tags;
}

result<peer> peer_of(const gossip::member& member) {
  if (member.tag("role") != "nomad") return fail(errc::invalid, "the member {} is no server (tag role is \"{}\")", member.name, member.tag("role"));
  if (member.tag("region").empty()) return fail(errc::invalid, "the member {} names no region (tag region)", member.name);
  TRY_ASSIGN(uint16_t port, port_of(member));
  const auto& host = member.tag("rpc_addr").empty() ? member.address : member.tag("rpc_addr");
  peer out;
  out.name = member.name;
  out.id = member.tag("id");
  out.raft_id = out.id.empty() ? 0 : raft::id_from_uuid(out.id);
  out.region = member.tag("region");
  out.datacenter = member.tag("dc");
  out.rpc_address = net::to_string({.host = host, .port = port});
  out.serf_address = net::to_string({.host = member.address, .port = member.port});
  out.build = member.tag("build");
  out.expect = static_cast<int>(parse_int(member.tag("expect")).value_or(0));
  out.bootstrap = member.tag("bootstrap") == "1";
  out.status = status_of(member.status);
  out.tags = member.tags;
  return out;
}

bool speaks_our_raft(const peer& p) {
  auto tag = p.tags.find(raft_tag);
  return tag != p.tags.end() && tag->second == raft_version && p.raft_id != 0;
}

}  // namespace drover::server
