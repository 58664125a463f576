// server join, server force-leave, operator raft remove-peer and transfer-leadership, node config: who belongs to a cluster.
#include "base/text.h"
#include "cli/command/all.h"
#include "schema/operator_rpc.h"

namespace drover::cli::commands {
namespace {

struct join_answer {
  std::string error;
  int64_t joined = 0;
};

result<join_answer> read_join_answer(std::string_view body) {
  TRY_ASSIGN(auto answer, codec::value_from_json(body));
  join_answer out;
  if (const auto* text = answer.find("error"); text != nullptr && text->as_string() != nullptr) out.error = *text->as_string();
  if (const auto* count = answer.find("num_joined"); count != nullptr && count->as_int() != nullptr) out.joined = *count->as_int();
  return out;
}

result<int> run_join(context& c) {
  if (c.arguments.empty()) return c.misused("One or more node addresses must be given as arguments");
  api_request ask{.method = "PUT", .path = "/v1/agent/join"};
  for (const auto& each : c.arguments) ask.query.emplace_back("address", each);
  auto answer = c.api.send(std::move(ask));
  if (!answer) return fail(answer.error().code(), "Error joining: failed joining: {}", answer.error().text());
  TRY_ASSIGN(auto joined, read_join_answer(answer->body));
  if (!joined.error.empty()) return fail(errc::unavailable, "Error joining: failed joining: {}", joined.error);
  c.say(fmt::format("Joined {} servers successfully", joined.joined));
  return 0;
}

constexpr flag_spec force_leave_flags[] = {{"prune", flag_kind::boolean, "Forget the member at once instead of showing it as left."}};

result<int> run_force_leave(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <node>");
  api_request ask{.method = "PUT", .path = "/v1/agent/force-leave", .query = {{"node", c.arguments[0]}}};
  if (c.flags.on("prune")) ask.query.emplace_back("prune", "1");
  auto done = c.api.send(std::move(ask));
  if (!done) return fail(done.error().code(), "Error force-leaving server {}: {}", c.arguments[0], done.error().text());
  return 0;
}

constexpr flag_spec remove_peer_flags[] = {{"peer-id", flag_kind::text, "Id of the server, as `operator raft list-peers` shows it."}};

result<int> run_remove_peer(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto id = c.flags.text("peer-id");
  if (id.empty()) return fail(errc::invalid, "Missing peer id required");
  auto done = c.api.send({.method = "DELETE", .path = "/v1/operator/raft/peer", .query = {{"id", id}}});
  if (!done) return context::failed("removing peer", done.error());
  c.say(fmt::format("Removed peer with id \"{}\"", id));
  return 0;
}

constexpr flag_spec transfer_flags[] = {{"peer-address", flag_kind::text, "Address (IP:port) of the server that is to lead."},
                                        {"peer-id", flag_kind::text, "Id of the server that is to lead."}};

result<int> run_transfer(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  constexpr std::string_view doing = "Error transferring leadership to peer";
  auto id = c.flags.text("peer-id"), address = c.flags.text("peer-address");
  if (id.empty() && address.empty()) return fail(errc::invalid, "{}: an address or id is required for the destination peer", doing);
  if (!id.empty() && !address.empty()) return fail(errc::invalid, "{}: cannot give both an address and id", doing);
  api_request ask{.method = "PUT", .path = "/v1/operator/raft/transfer-leadership"};
  ask.query.emplace_back(id.empty() ? "address" : "id", id.empty() ? address : id);
  auto done = c.api.send(std::move(ask));
  if (!done) return fail(done.error().code(), "{}: {}", doing, done.error().text());
  c.say(fmt::format("Transferred leadership to peer with {} \"{}\"", id.empty() ? "address" : "id", id.empty() ? address : id));
  return 0;
}

constexpr flag_spec node_config_flags[] = {{"servers", flag_kind::boolean, "Show the servers that the node knows."},
                                           {"update-servers", flag_kind::boolean, "Replace them by the arguments, host or host:port."}};

result<int> run_node_config(context& c) {
  bool show = c.flags.on("servers"), update = c.flags.on("update-servers");
  if (!show && !update) return c.misused("The '-servers' or '-update-servers' flag(s) must be set");
  if (update) {
    if (c.arguments.empty()) return c.misused("If the '-update-servers' flag is set, at least one server argument must be provided");
    api_request ask{.method = "PUT", .path = "/v1/agent/servers"};
    for (const auto& each : c.arguments) ask.query.emplace_back("address", each);
    auto done = c.api.send(std::move(ask));
    if (!done) return context::failed("updating server list", done.error());
    c.say("Updated server list");
    return 0;
  }
  auto servers = c.api.get<std::vector<std::string>>("/v1/agent/servers");
  if (!servers) return context::failed("querying server list", servers.error());
  for (const auto& each : *servers) c.say(each);
  return 0;
}

}  // namespace

const command server_join = {.name = "server join",
                             .synopsis = "Join a server to others",
                             .usage = "[options] <address> [<address>...]",
                             .help = "Adds the server that is asked to the gossip pool of the others, also over regions.",
                             .flags = {},
                             .run = &run_join};
const command server_force_leave = {.name = "server force-leave",
                                    .synopsis = "Let a failed server go",
                                    .usage = "[options] <node>",
                                    .help = "A failed member counts as left, so that nobody waits for it. One that is alive stays.",
                                    .flags = force_leave_flags,
                                    .run = &run_force_leave};
const command operator_raft_remove_peer = {.name = "operator raft remove-peer",
                                           .synopsis = "Remove a server from the replication group",
                                           .usage = "[options]",
                                           .help = "For a server that is gone for good and was not removed by itself.",
                                           .flags = remove_peer_flags,
                                           .run = &run_remove_peer};
const command operator_raft_transfer_leadership = {.name = "operator raft transfer-leadership",
                                                   .synopsis = "Hand the lead to another server",
                                                   .usage = "[options]",
                                                   .help = "The server named by id or address leads from then on.",
                                                   .flags = transfer_flags,
                                                   .run = &run_transfer};
const command node_config = {.name = "node config",
                             .synopsis = "Show or change the servers that a node knows",
                             .usage = "[options] [<server>...]",
                             .help = "Of the client agent that is asked.",
                             .flags = node_config_flags,
                             .run = &run_node_config};

}  // namespace drover::cli::commands
