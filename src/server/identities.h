// Identities: what the tokens say that the cluster gives to tasks, services and nodes, and whose a token is.
//
// Identities are not stored. A task's own token is signed when its node fetches the allocation (Alloc.GetAllocs), the others when the node asks for
// them (Alloc.SignIdentities), so neither the log nor a snapshot holds a token that somebody could use.
// Claims are functions of their arguments; the rest is for the loop thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/value.h"
#include "schema/alloc.h"
#include "schema/node.h"
#include "server/context.h"
#include "server/keyring.h"

namespace drover::server {

inline constexpr std::string_view default_audience = "nomadproject.io";

// When and as what a token is made.
struct token_stamp {
  timestamp now;
  std::string id;  // "jti"
};

// What a workload's claims are made of. `definition` and `node` may be null.
struct workload {
  const schema::job& job;
  const schema::allocation& alloc;
  const schema::namespace_definition* definition;
  const schema::node* node;
};
// `identity` null: the default one. `shown_name`: of a service, with its variables filled in; "" otherwise.
value task_claims(const workload& of, const schema::task& task, const schema::workload_identity* identity, const token_stamp& stamp);
value service_claims(const workload& of, const schema::service& service, const schema::task* task, std::string_view shown_name, const token_stamp& stamp);
value node_claims(const schema::node& node, std::string_view region, duration ttl, const token_stamp& stamp);
value introduction_claims(std::string_view name, std::string_view pool, std::string_view region, duration ttl, const token_stamp& stamp);

// The node that proves itself with this token: its secret, or an identity that the cluster signed for it. Nothing: no node's.
std::optional<std::string> node_of_token(server_context& context, const state::snapshot& state, const std::string& token);

// A copy of each allocation that runs on `node_id`, with its tasks' default identities.
net::awaitable<result<>> add_default_identities(server_context& context, std::string node_id, std::vector<schema::ref<schema::allocation>>& allocs);

// A node that registers or sends a heartbeat: whether it is to have a new identity, and which.
struct node_identity_request {
  std::string token;   // what it came with
  bool force = false;  // the operator asked for a new one
};
net::awaitable<std::optional<signed_token>> identity_for(server_context& context, schema::ref<schema::node> node, node_identity_request request);

// Whether a node that is new may register with this token (client_introduction).
result<> check_introduction(server_context& context, const schema::node& node, const std::string& token);

}  // namespace drover::server
