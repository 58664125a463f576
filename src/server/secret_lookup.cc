#include "server/secret_lookup.h"

#include "crypto/digest.h"
#include "state/tables.h"

namespace drover::server {
namespace {

template <state::table T>
schema::ref<state::record_of<T>> owner_of(const state::snapshot& state, state::tree_id by_secret, std::string_view secret) {
  schema::ref<state::record_of<T>> out;
  if (secret.empty()) return out;
  state::visit<T>(state, by_secret, state::within2(secret, {}), [&](const auto& each) {
    if (crypto::same_digest(each->secret_id, secret)) out = each;
    return !out;
  });
  return out;
}

}  // namespace

schema::ref<schema::acl_token> token_of_secret(const state::snapshot& state, std::string_view secret) {
  return owner_of<state::table::acl_tokens>(state, state::tree_id::acl_tokens_by_secret, secret);
}

schema::ref<schema::node> node_of_secret(const state::snapshot& state, std::string_view secret) {
  return owner_of<state::table::nodes>(state, state::tree_id::nodes_by_secret, secret);
}

}  // namespace drover::server
