// The gossip pool as seen from one server: who is in it, who left, who failed. It speaks Serf over memberlist (UDP and TCP on one port),
// byte for byte what Nomad's servers speak; see protocol.h for the wire facts.
//
// Loop thread only. create() binds and starts; then join() or wait to be joined. To go: `co_await leave()` (others see "left") and
// `co_await stop()`; without leave() others see "failed". Destroy after stop(), when no call is under way (cancel the tasks that wait in
// one). Members of a name are unique; the local member is one of members() and is alive from create() on.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gossip/member.h"
#include "gossip/timing.h"
#include "net/loop.h"

namespace drover::gossip {

struct options {
  std::string name{};                    // unique in the pool: "NODE.REGION"
  std::string bind_address = "0.0.0.0";  // literal IP
  uint16_t bind_port = 4648;             // 0: a free one, see local()
  std::string advertise_address{};       // literal IP; empty: bind_address, or a private address of this machine if that is "any"
  uint16_t advertise_port = 0;           // 0: the bound port
  uint16_t default_join_port = 4648;     // for join addresses without a port
  tag_map tags{};
  gossip::timing timing{};
  std::vector<std::string> keys{};  // AES keys of 16, 24 or 32 bytes, the primary first (see keyring.h); empty: no encryption
  bool verify_incoming = true;      // refuse what is not encrypted; only with keys
  bool verify_outgoing = true;      // encrypt what is sent; only with keys
  std::string keyring_path{};       // key operations are kept there; empty: in memory only
  std::string snapshot_path{};      // remembers members over restarts; empty: none
  bool rejoin_after_leave = false;  // use the snapshot even if it ends with a leave
  bool compress = true;
  std::string log_name = "gossip";
  // Asked before others are merged into the pool: for all members of a push/pull at once, and for each that is heard of. An error refuses
  // them (the peer's whole state, or that one), and is logged with its sentence.
  std::function<result<>(const std::vector<member>&)> admit{};
  // Called on the loop, in the order of changes, for others and for the local member. The list is consistent and may be asked; it must not
  // be stopped or destroyed from here.
  std::function<void(const member_event&)> on_event{};
};

struct join_result {
  size_t joined = 0;                                      // addresses of others that answered with their state
  size_t self = 0;                                        // addresses that are this very server
  std::vector<std::pair<std::string, error>> failures{};  // address -> why not
};

// What the members said to a key operation. `failure` is empty when every member did it.
struct key_response {
  std::map<std::string, std::string> messages{};  // member -> what it said, if it said something
  std::map<std::string, int> keys{};              // list: base64 key -> number of members that have it
  std::map<std::string, int> primary_keys{};      // list: base64 key -> number of members that encrypt with it
  int members = 0;                                // asked (alive)
  int answers = 0;
  int errors = 0;
  std::string failure{};
};

class member_list {
 public:
  // Fails on a bad name, tags, keys or address that cannot be bound. A snapshot's members are joined in the background.
  static result<std::unique_ptr<member_list>> create(net::loop& l, options o);
  virtual ~member_list() = default;

  // "host", "host:port", "[v6]:port" or "name/host:port". All at the same time; each answer is merged at once, and the news goes on to
  // everybody without waiting for the next interval. Names may resolve to several addresses: the first that answers counts. Returns when
  // all have answered or failed, which takes up to timing.stream_timeout for an address that is silent.
  virtual net::awaitable<join_result> join(std::vector<std::string> addresses) = 0;
  // Says good-bye; bounded by timing (about broadcast_timeout * 2 + leave_propagate_delay). The pool can be asked afterwards, join() is refused.
  virtual net::awaitable<result<>> leave() = 0;
  // Closes the sockets and joins all tasks.
  virtual net::awaitable<void> stop() = 0;

  // Sorted by name; failed and left ones too until they are forgotten.
  virtual std::vector<member> members() const = 0;
  // Nothing if unknown.
  virtual const member* find(std::string_view name) const = 0;
  virtual const member& local() const = 0;
  // Replaces the local tags and tells everybody. errc::too_large: more than fits.
  virtual result<> set_tags(tag_map tags) = 0;
  // A failed member is marked as left everywhere; pruned: forgotten at once. Unknown names and alive ones are tolerated as in Serf (an
  // alive member refutes). Returns when the news has gone out, or after broadcast_timeout.
  virtual net::awaitable<result<>> force_leave(std::string name, bool prune) = 0;

  // Key operations on every member, with base64 keys. errc::unsupported: this pool is not encrypted. Bounded by the query timeout.
  virtual net::awaitable<result<key_response>> install_key(std::string key) = 0;
  virtual net::awaitable<result<key_response>> use_key(std::string key) = 0;
  virtual net::awaitable<result<key_response>> remove_key(std::string key) = 0;
  virtual net::awaitable<result<key_response>> list_keys() = 0;

  virtual bool encrypted() const = 0;
  // 0: this server hears and answers in time; up to awareness_max - 1.
  virtual int health_score() const = 0;
  // The "serf" block of agent-info: coordinate_resets encrypted event_queue event_time failed health_score intent_queue left member_time
  // members query_queue query_time.
  virtual std::map<std::string, std::string> stats() const = 0;
};

}  // namespace drover::gossip
