// The keyring: the root keys that seal variables and sign identities.
//
// Keys rest in the replicated state, each sealed with a key-encryption key of its own that lies beside it, as Nomad keeps them since 1.9: every
// server, and a new cluster that is made from a snapshot, opens what another one sealed, and there is no file to lose. Who can read a server's data
// directory or a snapshot can therefore read the secrets; protect both.
//
// The first leader makes the first key. The leader also replaces keys that are old, publishing the new one some time before it signs, seals anew
// what a full rotation left behind, and removes keys that nothing needs (find_key_work()).
//
// Loop thread only; RSA work runs on a thread of its own. Life: create, establish()/revoke() with the leadership, co_await stop(), destroy.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/value.h"
#include "net/blocking.h"
#include "net/event.h"
#include "net/task_scope.h"
#include "schema/acl.h"
#include "server/context.h"

namespace drover::server {

struct signed_token {
  std::string jwt;
  std::string key_id;
};

struct sealed_text {
  bytes data;
  std::string key_id;
};

class keyring {
 public:
  explicit keyring(server_context& context);
  ~keyring();

  // With the active key. errc::unavailable: the cluster has none yet (its first leader is making it).
  result<sealed_text> seal(const state::snapshot& state, std::string_view text);
  // errc::corrupt: the key is not here any more, or these bytes were not sealed with it.
  result<std::string> open(const state::snapshot& state, const bytes& data, const std::string& key_id);

  // Signed with the active key, with "iss" added where the operator named an issuer. Waits for the first key. `claims` are objects; one token for
  // each, in their order.
  net::awaitable<result<std::vector<signed_token>>> sign(std::vector<value> claims);
  // One token as it is, with these members in its header besides "kid".
  net::awaitable<result<std::string>> sign_with_header(value::object header, value claims);
  // Whether this cluster signed the token and it is neither expired nor too young: its claims. Errors: permission_denied.
  result<value> verify(const state::snapshot& state, std::string_view jwt);
  // The signature alone: for a node that renews an identity that has just expired.
  result<value> verify_signature(const state::snapshot& state, std::string_view jwt, std::string* key_id = nullptr);

  result<std::vector<schema::keyring_public_key>> public_keys(const state::snapshot& state);
  // With the key itself: for other servers only.
  result<schema::unwrapped_root_key> unwrapped(const state::snapshot& state, const std::string& key_id);

  struct rotation {
    bool full = false;         // what other keys sealed is sealed anew
    int64_t publish_time = 0;  // nanoseconds; 0: the key is active at once
  };
  // Leader only: makes and stores a new key.
  net::awaitable<result<schema::keyring_rotate_root_key_response>> rotate(rotation how);
  // Leader only: stores a key that somebody else made.
  net::awaitable<result<uint64_t>> store(const schema::unwrapped_root_key& key);

  const keyring_options& options() const { return context_.options.keyring; }

  // The leader's duties.
  void establish();
  void revoke();
  // Looks at once for keys to promote, rotate, seal anew or remove; `force`: whatever their age.
  net::awaitable<result<>> tend(bool force);
  net::awaitable<void> stop();

 private:
  struct open_key;
  using key_ref = std::shared_ptr<const open_key>;
  result<key_ref> key(const state::snapshot& state, const std::string& id);
  result<key_ref> active(const state::snapshot& state);
  net::awaitable<result<key_ref>> await_active();
  net::awaitable<result<uint64_t>> put(state::root_key key, bool rekey);
  net::awaitable<void> lead();
  net::awaitable<result<>> make_first();
  net::awaitable<result<>> seal_anew(state::snapshot state, std::string key_id);

  server_context& context_;
  net::blocking_pool pool_;
  std::map<std::string, key_ref> opened_;
  net::event key_came_, wake_;
  bool leading_ = false;
  net::task_scope scope_;
};

struct keyring_thresholds {
  duration gc, rotation;
};
// What the leader should do about its keys now. Pure.
struct key_work {
  std::string promote;              // a prepublished key whose time has come
  bool prepublish = false;          // a new key is due; it signs from `publish_time` on
  int64_t publish_time = 0;         // nanoseconds
  std::vector<std::string> rekey;   // keys whose variables are to be sealed anew
  std::vector<std::string> remove;  // keys that nothing needs
};
key_work find_key_work(const state::snapshot& state, const keyring_thresholds& thresholds, timestamp now, bool force);

}  // namespace drover::server
