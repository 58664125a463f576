// node identity get, renew; node intro create.
#include <algorithm>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/table.h"
#include "cli/resolve.h"
#include "schema/acl.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec get_flags[] = {json_flag, template_flag};

std::string shown_claim(const value& claim) {
  double number = 0;
  if (claim.number(number)) return format::clock_time(timestamp(static_cast<int64_t>(number) * 1'000'000'000));
  if (const auto* text = claim.as_string()) return *text;
  std::vector<std::string> parts;
  if (const auto* list = claim.as_list())
    for (const auto& each : *list) parts.push_back(shown_claim(each));
  return "[" + join(parts, " ") + "]";
}

result<int> run_get(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <node_id>");
  TRY_ASSIGN(auto node, find_node(c, c.arguments[0]));
  auto answer = c.api.get<schema::node_identity_get_resp>(api_request{.path = "/v1/client/identity", .query = {{"node_id", node.id}}});
  if (!answer) return context::failed("requesting node identity", answer.error());
  if (c.wants_raw()) return c.raw(codec::to_json(schema::view(answer->claims)));
  format::table t({"Claim Key", "Claim Value"});
  for (bool of_nomad : {false, true})
    for (const auto& [key, claim] : answer->claims)
      if (key.starts_with("nomad") == of_nomad) t.add({key, shown_claim(claim)});
  c.say(t.text());
  return 0;
}

result<int> run_renew(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <node_id>");
  TRY_ASSIGN(auto node, find_node(c, c.arguments[0]));
  schema::node_identity_renew_req request;
  request.node_id = node.id;
  auto done = c.api.send({.method = "POST", .path = "/v1/client/identity/renew", .query = {{"node_id", node.id}}, .body = codec::to_json(request)});
  if (!done) return context::failed("requesting node identity renewal", done.error());
  return 0;
}

constexpr flag_spec intro_flags[] = {{"ttl", flag_kind::text, "How long the token is good; the servers limit it."},
                                     {"node-name", flag_kind::text, "Only a node of this name may use it."},
                                     {"node-pool", flag_kind::text, "The pool that the node must be in; default: \"default\"."},
                                     json_flag,
                                     template_flag};

result<int> run_intro(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  schema::acl_create_client_introduction_token_request request;
  if (c.flags.has("ttl")) {
    auto ttl = parse_duration(c.flags.text("ttl"));
    if (!ttl) return fail(errc::invalid, "Error parsing TTL: {}", ttl.error().text());
    request.ttl = *ttl;
  }
  request.node_name = c.flags.text("node-name");
  request.node_pool = c.flags.text("node-pool");
  auto answer = c.api.send({.method = "POST", .path = "/v1/acl/identity/client-introduction-token", .body = codec::to_json(request)});
  if (!answer) return context::failed("generating introduction token", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto made, api_client::decode<schema::acl_create_client_introduction_token_response>(answer->body));
  c.say("Successfully generated client introduction token:\n\n" + made.jwt);
  return 0;
}

}  // namespace

const command node_identity_get = {.name = "node identity get",
                                   .synopsis = "Show what a node's identity says",
                                   .usage = "[options] <node id>",
                                   .help = "The claims of the token with which the node proves itself to the servers.",
                                   .flags = get_flags,
                                   .run = &run_get};
const command node_identity_renew = {.name = "node identity renew",
                                     .synopsis = "Give a node a new identity",
                                     .usage = "[options] <node id>",
                                     .help = "The node asks for it with its next heartbeat, which it sends at once.",
                                     .flags = {},
                                     .run = &run_renew};
const command node_intro_create = {.name = "node intro create",
                                   .synopsis = "Make a token with which a new node may register",
                                   .usage = "[options]",
                                   .help =
                                       "For clusters whose servers set client_introduction. The agent takes it from -client-intro-token or "
                                       "NOMAD_CLIENT_INTRO_TOKEN.",
                                   .flags = intro_flags,
                                   .run = &run_intro};

}  // namespace drover::cli::commands
