#include "server/keyring.h"

#include <algorithm>
#include <array>

#include "base/ensure.h"
#include "base/text.h"
#include "crypto/seal.h"
#include "jwt/jwt.h"
#include "server/limits.h"
#include "server/replicator.h"
#include "state/tables.h"

namespace drover::server {
namespace {

using jwt::signature_algorithm;
using state::table;

constexpr std::string_view aes256_gcm = "aes256-gcm";
constexpr std::string_view aead = "aead";
// What Nomad's clusters sign with: RS256, and EdDSA with keys from before 1.7.
constexpr std::array identity_algorithms{signature_algorithm::rs256, signature_algorithm::eddsa};

// As Nomad's "aead" provider wraps a key: sealed with a key of its own that lies beside it.
state::wrapped_key wrap_key(std::string_view key, std::string_view rsa_key) {
  state::wrapped_key out;
  out.provider = aead;
  out.provider_id = aead;
  out.key_encryption_key = bytes(crypto::make_seal_key());
  out.wrapped_data_key = bytes(crypto::seal(out.key_encryption_key.data, key, {}));
  if (!rsa_key.empty()) out.wrapped_rsa_key = bytes(crypto::seal(out.key_encryption_key.data, rsa_key, {}));
  return out;
}

struct key_texts {
  std::string seal_key, rsa_key;
};
result<key_texts> unwrap_key(const state::root_key& stored) {
  for (const auto& wrapped : stored.wrapped_keys) {
    if (wrapped.key_encryption_key.empty()) continue;
    key_texts out;
    TRY_ASSIGN(out.seal_key, crypto::open_sealed(wrapped.key_encryption_key.data, wrapped.wrapped_data_key.data, {}));
    if (!wrapped.wrapped_rsa_key.empty()) {
      TRY_ASSIGN(out.rsa_key, crypto::open_sealed(wrapped.key_encryption_key.data, wrapped.wrapped_rsa_key.data, {}));
    }
    return out;
  }
  return fail(errc::corrupt, "it is stored without its key-encryption key");
}

// Slow: searches for primes.
result<state::root_key> make_root_key(std::string id, int64_t now_ns, const keyring::rotation& how) {
  state::root_key out;
  out.key_id = std::move(id);
  out.algorithm = aes256_gcm;
  out.create_time = now_ns;
  out.state = how.publish_time > 0 ? "prepublished" : "active";
  out.publish_time = how.publish_time;
  TRY_ASSIGN(auto rsa, crypto::private_key::make_rsa());
  out.wrapped_keys.push_back(wrap_key(crypto::make_seal_key(), rsa.rsa_der()));
  return out;
}

}  // namespace

struct keyring::open_key {
  std::string id, seal_key;
  int64_t create_time;
  crypto::private_key signer;
  signature_algorithm algorithm;
};

keyring::keyring(server_context& context) : context_(context), pool_(context.loop, 1), scope_(context.loop, context.logger.named("keyring")) {
  scope_.spawn(lead());
}
keyring::~keyring() = default;
net::awaitable<void> keyring::stop() { co_await scope_.stop(); }

result<keyring::key_ref> keyring::key(const state::snapshot& state, const std::string& id) {
  auto stored = state::find<table::root_keys>(state, {id, {}, {}});
  if (!stored) {
    opened_.erase(id);
    return fail(errc::corrupt, "no such key \"{}\" in keyring", id);
  }
  if (auto found = opened_.find(id); found != opened_.end()) return found->second;
  auto texts = unwrap_key(*stored);
  if (!texts) return wrap(std::move(texts).error(), fmt::format("root key {} cannot be opened", id));
  bool is_rsa = !texts->rsa_key.empty();
  auto signer = is_rsa ? crypto::private_key::from_rsa_der(texts->rsa_key) : crypto::private_key::from_ed25519_seed(texts->seal_key);
  if (!signer) return wrap(std::move(signer).error(), fmt::format("root key {} cannot be opened", id));
  auto opened = std::make_shared<const open_key>(open_key{.id = id,
                                                          .seal_key = std::move(texts->seal_key),
                                                          .create_time = stored->create_time,
                                                          .signer = *std::move(signer),
                                                          .algorithm = is_rsa ? signature_algorithm::rs256 : signature_algorithm::eddsa});
  opened_[id] = opened;
  return opened;
}

result<keyring::key_ref> keyring::active(const state::snapshot& state) {
  std::string id;
  state::visit<table::root_keys>(state, state::starting({}), [&](const auto& each) {
    if (each->state == "active") id = each->key_id;
    return id.empty();
  });
  if (id.empty()) return fail(errc::unavailable, "keyring has not been initialized yet");
  return key(state, id);
}

net::awaitable<result<keyring::key_ref>> keyring::await_active() {
  auto give_up = net::after(first_key_timeout);
  for (;;) {
    auto state = context_.state();
    auto found = active(state);
    if (found || found.error().code() != errc::unavailable) co_return found;
    net::remote_event changed(context_.loop);
    CO_TRY_ASSIGN(auto handle, context_.store.watch(state, {state::watch_table(table::root_keys)}, changed.setter()));
    if (!co_await changed.wait(give_up)) co_return found;
  }
}

result<sealed_text> keyring::seal(const state::snapshot& state, std::string_view text) {
  TRY_ASSIGN(auto with, active(state));
  return sealed_text{bytes(crypto::seal(with->seal_key, text, with->id)), with->id};
}

result<std::string> keyring::open(const state::snapshot& state, const bytes& data, const std::string& key_id) {
  TRY_ASSIGN(auto with, key(state, key_id));
  return crypto::open_sealed(with->seal_key, data.data, key_id);
}

net::awaitable<result<std::vector<signed_token>>> keyring::sign(std::vector<value> claims) {
  CO_TRY_ASSIGN(auto with, co_await await_active());
  for (auto& each : claims)
    if (const auto& issuer = context_.options.keyring.oidc_issuer; !issuer.empty()) each.as_object()->set("iss", issuer);
  co_return co_await pool_.run([with, &claims]() -> result<std::vector<signed_token>> {
    std::vector<signed_token> out;
    for (const auto& each : claims) {
      TRY_ASSIGN(auto text, jwt::sign(with->signer, with->algorithm, with->id, each));
      out.push_back({std::move(text), with->id});
    }
    return out;
  });
}

net::awaitable<result<std::string>> keyring::sign_with_header(value::object header, value claims) {
  CO_TRY_ASSIGN(auto with, co_await await_active());
  header.set("kid", with->id);
  co_return co_await pool_.run([with, &header, &claims] { return jwt::sign_with_header(with->signer, with->algorithm, std::move(header), claims); });
}

result<value> keyring::verify_signature(const state::snapshot& state, std::string_view text, std::string* key_id) {
  auto token = jwt::parse(text);
  if (!token) return fail(errc::permission_denied, "failed to parse signed token: {}", token.error().text());
  if (!is_uuid(token->key_id)) return fail(errc::permission_denied, "the token does not name a key of this cluster");
  auto with = key(state, token->key_id);
  if (!with) return fail(errc::permission_denied, "{}", with.error().text());
  TRY(jwt::check_signature(*token, (*with)->signer.to_public(), identity_algorithms));
  if (key_id != nullptr) *key_id = token->key_id;
  return std::move(token->claims);
}

result<value> keyring::verify(const state::snapshot& state, std::string_view text) {
  TRY_ASSIGN(auto claims, verify_signature(state, text));
  if (auto timely = jwt::check_times(claims, context_.clock.now()); !timely) return fail(errc::permission_denied, "invalid claims: {}", timely.error().text());
  return claims;
}

result<std::vector<schema::keyring_public_key>> keyring::public_keys(const state::snapshot& state) {
  std::vector<schema::keyring_public_key> out;
  for (const auto& stored : state::collect<table::root_keys>(state, state::tree_of(table::root_keys), state::starting({}))) {
    if (stored->state == "deprecated") continue;
    TRY_ASSIGN(auto opened, key(state, stored->key_id));
    auto& shown = out.emplace_back();
    shown.key_id = opened->id;
    shown.algorithm = crypto::name(opened->algorithm);
    shown.use = "sig";
    shown.create_time = opened->create_time;
    auto public_key = opened->signer.to_public();
    if (opened->algorithm == signature_algorithm::rs256) {
      shown.public_key = bytes(public_key.rsa_der());
    } else {
      TRY_ASSIGN(auto numbers, public_key.numbers());
      shown.public_key = bytes(numbers.a);
    }
  }
  return out;
}

result<schema::unwrapped_root_key> keyring::unwrapped(const state::snapshot& state, const std::string& key_id) {
  auto stored = state::find<table::root_keys>(state, {key_id, {}, {}});
  if (!stored) return fail(errc::not_found, "root key not found");
  TRY_ASSIGN(auto texts, unwrap_key(*stored));
  schema::unwrapped_root_key out;
  out.meta = static_cast<const schema::root_key_meta&>(*stored);
  out.key = bytes(std::move(texts.seal_key));
  out.rsa_key = bytes(std::move(texts.rsa_key));
  return out;
}

net::awaitable<result<uint64_t>> keyring::put(state::root_key key, bool rekey) {
  fsm::root_key_upsert_request request;
  request.key = std::move(key);
  request.rekey = rekey;
  co_return co_await context_.replicate->apply<fsm::command_type::root_key_upsert>(request);
}

net::awaitable<result<schema::keyring_rotate_root_key_response>> keyring::rotate(rotation how) {
  auto id = context_.random.uuid();
  auto now = context_.now_ns();
  CO_TRY_ASSIGN(auto made, co_await pool_.run([id, now, how] { return make_root_key(id, now, how); }));
  schema::keyring_rotate_root_key_response out;
  out.key = static_cast<const schema::root_key_meta&>(made);
  CO_TRY_ASSIGN(out.index, co_await put(std::move(made), how.full));
  out.key->create_index = out.key->modify_index = out.index;
  context_.logger.info("root key rotated", {{"key_id", id}, {"state", out.key->state}, {"full", how.full}});
  if (how.full) wake_.set();
  co_return out;
}

net::awaitable<result<uint64_t>> keyring::store(const schema::unwrapped_root_key& key) {
  state::root_key stored;
  static_cast<schema::root_key_meta&>(stored) = *key.meta;
  stored.wrapped_keys.push_back(wrap_key(key.key.data, key.rsa_key.data));
  co_return co_await put(std::move(stored), false);
}

void keyring::establish() {
  leading_ = true;
  wake_.set();
}
void keyring::revoke() { leading_ = false; }

net::awaitable<void> keyring::lead() {
  for (;;) {
    co_await wake_.wait(net::after(leading_ ? context_.options.keyring.gc_interval : hours(1)));
    wake_.reset();
    while (leading_) {
      auto done = co_await make_first();
      if (done) done = co_await tend(false);
      if (done) break;
      if (leading_) context_.logger.warn("the keyring could not be tended; it is tried again", {{"error", done.error().text()}});
      co_await wake_.wait(net::after(keyring_retry));
      wake_.reset();
    }
  }
}

net::awaitable<result<>> keyring::make_first() {
  if (auto found = active(context_.state()); found || found.error().code() != errc::unavailable) co_return result<>{};
  CO_TRY(co_await context_.replicate->barrier());
  if (auto found = active(context_.state()); found || found.error().code() != errc::unavailable) co_return result<>{};
  CO_TRY_ASSIGN(auto made, co_await rotate({}));
  context_.logger.info("initialized keyring", {{"id", made.key->key_id}});
  co_return result<>{};
}

net::awaitable<result<>> keyring::tend(bool force) {
  const auto& options = context_.options.keyring;
  auto state = context_.state();
  auto work = find_key_work(state, {.gc = options.gc_threshold, .rotation = options.rotation_threshold}, context_.clock.now(), force);
  if (!work.promote.empty()) {
    auto promoted = *state::find<table::root_keys>(state, {work.promote, {}, {}});
    promoted.state = "active";
    promoted.publish_time = 0;
    CO_TRY(co_await put(std::move(promoted), false));
    context_.logger.info("root key is active now", {{"key_id", work.promote}});
  }
  if (work.prepublish) CO_TRY(co_await rotate({.full = false, .publish_time = work.publish_time}));
  for (auto& id : work.rekey) CO_TRY(co_await seal_anew(state, id));
  for (auto& id : work.remove) {
    CO_TRY(co_await context_.replicate->apply<fsm::command_type::root_key_delete>({{}, id}));
    context_.logger.info("root key removed: nothing needs it any more", {{"key_id", id}});
  }
  co_return result<>{};
}

// Variables that change meanwhile are sealed with the active key anyway.
net::awaitable<result<>> keyring::seal_anew(state::snapshot state, std::string key_id) {
  for (int round = 0; round < rekey_rounds_max; ++round) {
    auto left = state::collect<table::variables>(state, state::tree_id::variables_by_key, state::within(key_id));
    if (left.empty()) {
      auto done = *state::find<table::root_keys>(state, {key_id, {}, {}});
      done.state = "inactive";
      CO_TRY(co_await put(std::move(done), false));
      context_.logger.info("all variables of a root key are sealed with the new one", {{"key_id", key_id}});
      co_return result<>{};
    }
    for (const auto& each : left) {
      CO_TRY_ASSIGN(auto text, open(state, each->data, each->key_id));
      CO_TRY_ASSIGN(auto sealed, seal(context_.state(), text));
      fsm::variable_apply_request request;
      request.op = "cas";
      request.var = *each;
      request.var.data = std::move(sealed.data);
      request.var.key_id = std::move(sealed.key_id);
      CO_TRY(co_await context_.replicate->apply<fsm::command_type::variable_apply>(request));
    }
    state = context_.state();
  }
  co_return fail(errc::unavailable, "variables of root key {} are still sealed with it after {} rounds", key_id, rekey_rounds_max);
}

}  // namespace drover::server
