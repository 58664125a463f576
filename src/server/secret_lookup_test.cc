#include "server/secret_lookup.h"

#include <gtest/gtest.h>

#include "state/store.h"

namespace drover::server {
namespace {

constexpr std::string_view secret = "5f3c9a1e-77b2-4c1d-9e0f-0123456789ab";

state::snapshot with_token_and_node() {
  state::store store;
  auto transaction = store.begin(1);
  schema::acl_token token;
  token.accessor_id = "a1";
  token.secret_id = secret;
  transaction.put<state::table::acl_tokens>(schema::share(std::move(token)));
  for (auto id : {"n1", "n2"}) {
    schema::node node;
    node.id = id;
    node.secret_id = std::string("of-") + id;
    transaction.put<state::table::nodes>(schema::share(std::move(node)));
  }
  transaction.commit();
  return store.current();
}

TEST(secret_lookup, finds_whose_the_whole_secret_is) {
  auto state = with_token_and_node();
  ASSERT_TRUE(token_of_secret(state, secret));
  EXPECT_EQ(token_of_secret(state, secret)->accessor_id, "a1");
  ASSERT_TRUE(node_of_secret(state, "of-n2"));
  EXPECT_EQ(node_of_secret(state, "of-n2")->id, "n2");
}

TEST(secret_lookup, no_part_of_it_is_enough) {
  auto state = with_token_and_node();
  for (size_t known = 0; known < secret.size(); ++known) {
    auto guess = std::string(secret.substr(0, known));
    EXPECT_FALSE(token_of_secret(state, guess)) << known;
    guess.resize(secret.size(), 'x');
    EXPECT_FALSE(token_of_secret(state, guess)) << known;
  }
  EXPECT_FALSE(token_of_secret(state, std::string(secret) + "0"));
  EXPECT_FALSE(token_of_secret(state, "of-n1"));
  EXPECT_FALSE(node_of_secret(state, secret));
  EXPECT_FALSE(node_of_secret(state, "of-n"));
}

}  // namespace
}  // namespace drover::server
