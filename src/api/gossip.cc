// The gossip pool of this agent's server: joining, letting a failed member go, the keys of its encryption.
#include "api/call.h"
#include "api/http_api.h"
#include "base/text.h"
#include "codec/json.h"

namespace drover::api {
namespace {

using net::awaitable;

result<server::cluster_server*> server_of(const call& c) {
  if (c.with.server == nullptr) return fail(errc::unsupported, "this agent runs no server: ask one that does");
  return c.with.server;
}

reply value_reply(const call& c, const value& v) { return {.body = codec::value_to_json(v, {.pretty = is_pretty(c)})}; }

std::string failures_of(const gossip::join_result& joined) {
  std::string out;
  for (const auto& [address, why] : joined.failures) out += fmt::format("{}failed to join {}: {}", out.empty() ? "" : "; ", address, why.text());
  return out;
}

awaitable<result<reply>> join_pool(call& c) {
  CO_TRY_ASSIGN(auto* server, server_of(c));
  std::vector<std::string> addresses;
  for (auto each : c.request.query.get_all("address")) addresses.emplace_back(each);
  if (addresses.empty()) co_return fail(errc::invalid, "missing address to join");
  value::object out;
  auto joined = co_await server->join(std::move(addresses));
  // Some that were joined make it a success; the rest is a warning.
  size_t count = joined ? joined->joined + joined->self : 0;
  auto problems = joined ? failures_of(*joined) : joined.error().text();
  out.append("error", count == 0 ? problems : std::string());
  out.append("num_joined", static_cast<int64_t>(count));
  out.append("warning", count == 0 ? std::string() : problems);
  co_return value_reply(c, value(std::move(out)));
}

awaitable<result<reply>> force_leave(call& c) {
  CO_TRY_ASSIGN(auto* server, server_of(c));
  std::string node(c.query("node"));
  if (node.empty()) co_return fail(errc::invalid, "missing node to force leave");
  CO_TRY_ASSIGN(bool prune, bool_param(c, "prune"));
  CO_TRY(co_await server->force_leave(std::move(node), prune));
  co_return empty_reply();
}

result<std::string> key_of(const call& c) {
  if (body_is_empty(c)) return fail(errc::invalid, "Request body is empty");
  auto body = codec::value_from_json(c.request.body);
  if (!body) return fail(errc::invalid, "the body is no JSON: {}", body.error().text());
  const auto* key = body->find("Key");
  if (key == nullptr || key->as_string() == nullptr || key->as_string()->empty())
    return fail(errc::invalid, "the body must be {{\"Key\": \"...\"}} with a key of 16, 24 or 32 bytes in base64");
  return *key->as_string();
}

// An error as soon as one member did not do it: the others are in the messages of the log.
result<reply> shown(const call& c, const result<gossip::key_response>& response) {
  if (!response) return fail(response.error());
  if (!response->failure.empty()) {
    auto text = response->failure;
    for (const auto& [member, message] : response->messages) text += fmt::format("\n{}: {}", member, message);
    return fail(errc::unknown, "{}", text);
  }
  value::object messages, keys, primary, out;
  for (const auto& [member, message] : response->messages) messages.append(member, message);
  for (const auto& [key, count] : response->keys) keys.append(key, count);
  for (const auto& [key, count] : response->primary_keys) primary.append(key, count);
  out.append("Messages", value(std::move(messages)));
  out.append("Keys", value(std::move(keys)));
  if (!primary.empty()) out.append("PrimaryKeys", value(std::move(primary)));
  out.append("NumNodes", response->members);
  return value_reply(c, value(std::move(out)));
}

awaitable<result<reply>> list_keys(call& c) {
  CO_TRY_ASSIGN(auto* server, server_of(c));
  co_return shown(c, co_await server->list_keys());
}

template <awaitable<result<gossip::key_response>> (server::cluster_server::*Change)(std::string)>
awaitable<result<reply>> change_key(call& c) {
  CO_TRY_ASSIGN(auto* server, server_of(c));
  CO_TRY_ASSIGN(auto key, key_of(c));
  co_return shown(c, co_await (server->*Change)(std::move(key)));
}

}  // namespace

void add_gossip_routes(std::vector<route>& t) {
  using server::cluster_server;
  t.insert(t.end(), {
                        {.methods = "POST PUT", .path = "/v1/agent/join", .acl = "", .flags = of_agent, .handle = &join_pool},
                        {.methods = "POST PUT", .path = "/v1/agent/force-leave", .acl = "agent:write", .flags = of_agent, .handle = &force_leave},
                        {.methods = "GET PUT POST", .path = "/v1/agent/keyring/list", .acl = "agent:write", .flags = of_agent, .handle = &list_keys},
                        {.methods = "PUT POST",
                         .path = "/v1/agent/keyring/install",
                         .acl = "agent:write",
                         .flags = of_agent | body_required,
                         .handle = &change_key<&cluster_server::install_key>},
                        {.methods = "PUT POST",
                         .path = "/v1/agent/keyring/use",
                         .acl = "agent:write",
                         .flags = of_agent | body_required,
                         .handle = &change_key<&cluster_server::use_key>},
                        {.methods = "PUT POST",
                         .path = "/v1/agent/keyring/remove",
                         .acl = "agent:write",
                         .flags = of_agent | body_required,
                         .handle = &change_key<&cluster_server::remove_key>},
                    });
}

}  // namespace drover::api
