// The gossip protocol as a step function: packets, streams and time go in, packets to send, streams to open and events come out. It knows no
// socket, clock or file: member_list drives it on the loop, tests drive fifty of them in virtual time.
//
// Any one thread. `now` is the time since any fixed instant and never goes back. After each call run take_actions() and do them in order;
// call on_timer() when next_timer() has come.
//
// Two layers, as on the wire. memberlist: nodes with an incarnation, alive / suspect / dead / left; the higher incarnation wins, at the same
// one dead beats suspect beats alive; whoever hears ill of itself refutes with a higher incarnation. Serf above it: members with a Lamport
// time, which turn a death after a leave intent into "left" and any other into "failed"; queries for keys.
//
// Ours alone, unseen on the wire: news goes out within milliseconds instead of at the next gossip interval; failed members are dialled soon
// and then ever later; a member whose `identity_tag` stays the same may change its address without being declared dead first.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <variant>

#include "base/log.h"
#include "env/random.h"
#include "gossip/address.h"
#include "gossip/broadcast_queue.h"
#include "gossip/packet.h"
#include "gossip/suspicion.h"
#include "gossip/timing.h"

namespace drover::gossip {

struct pool_options {
  std::string name{};
  std::string address{};  // literal IP that others reach us at
  uint16_t port = 0;
  tag_map tags{};
  gossip::timing timing{};
  keyring keys{};
  bool verify_incoming = true;
  bool verify_outgoing = true;
  bool compress = true;
  std::string identity_tag = "id";
  std::function<result<>(const std::vector<member>&)> admit{};
  std::function<result<>(const keyring&)> save_keys{};
  // Lamport times to go on from.
  uint64_t member_time = 0, event_time = 0, query_time = 0;
};

// What the driver has to do.
struct send_datagram {
  peer to;
  std::string data;
};
// Dial, write local_state(join), read one message, give it to on_push_pull_answer().
struct push_pull_with {
  peer to;
  std::string name;
  bool join = false;
};
// Dial, write `data`, read one message, give it to on_stream_ping_answer(); all before `deadline`.
struct ping_by_stream {
  peer to;
  uint32_t sequence = 0;
  std::string data;
  duration deadline;
};
struct log_line {
  log::level level;
  std::string message;
  std::vector<std::pair<std::string, std::string>> fields;
};
// A broadcast has gone out, or a query has all its answers or no time left.
struct finished {
  uint64_t handle;
};
using action = std::variant<send_datagram, push_pull_with, ping_by_stream, member_event, log_line, finished>;

class pool {
 public:
  // Requires: the name, address and tags fit their limits.
  pool(pool_options options, env::random& random, duration now);

  // --- inputs
  void on_datagram(duration now, const peer& from, std::string_view data);
  void on_timer(duration now);
  // Infinite (duration of INT64_MAX) never: there is always something to do later.
  duration next_timer() const;
  // A whole message of an incoming stream (see stream_reader). The bytes to send back, perhaps none; an error is to be sent with
  // stream_error() and the stream closed.
  result<std::string> on_stream(duration now, const peer& from, std::string_view message);
  std::string local_state(bool join);
  result<> on_push_pull_answer(duration now, const peer& from, std::string_view message, bool join);
  void on_stream_ping_answer(duration now, uint32_t sequence, std::string_view message);
  std::string stream_error(const error& e);
  // Bad input that the driver found (a stream that cannot be read). Rate-limited.
  void note_bad_input(duration now, const peer& from, const error& e);
  std::vector<action> take_actions() { return std::exchange(actions_, {}); }

  // --- wishes. Handles are reported by `finished`; 0: nothing to wait for.
  void announce_join(duration now);
  uint64_t begin_leave(duration now);
  uint64_t finish_leave(duration now);
  result<> set_tags(duration now, tag_map tags);
  uint64_t force_leave(duration now, const std::string& name, bool prune);
  result<uint64_t> start_query(duration now, std::string name, bytes payload);
  struct query_answers {
    size_t asked = 0;
    std::map<std::string, bytes> answers{};
  };
  // What came in for a finished query; forgets it.
  query_answers take_answers(uint64_t handle);

  // --- what is known
  const member* find(std::string_view name) const;
  std::vector<member> members() const;
  const member& local() const { return members_.at(options_.name).info; }
  size_t count(member_status s) const;
  bool leaving() const { return leaving_; }
  int health_score() const { return health_; }
  const keyring& keys() const { return options_.keys; }
  uint64_t member_time() const { return clock_.value; }
  uint64_t event_time() const { return event_clock_.value; }
  uint64_t query_time() const { return query_clock_.value; }
  std::map<std::string, std::string> stats() const;
  const gossip::timing& timing() const { return options_.timing; }
  duration query_timeout() const;
  seal_options sealing() const;
  // For tests of the merge rules: a node's incarnation and state below Serf.
  std::optional<std::pair<uint32_t, node_state>> raw_state(std::string_view name) const;

 private:
  struct lamport_clock {
    uint64_t value = 1;
    uint64_t increment() { return ++value; }
    void witness(uint64_t seen);
  };
  struct node {
    std::string name;
    bytes address;
    uint16_t port = 0;
    bytes meta;
    version_tuple versions{};
    uint32_t incarnation = 0;
    node_state state = node_state::dead;
    duration changed;
    std::optional<gossip::suspicion> suspected{};
    bool gone() const { return state == node_state::dead || state == node_state::left; }
    peer where() const { return {address_text(address), port}; }
  };
  struct member_state {
    member info;
    uint64_t time = 0;   // of the newest intent
    duration left_at{};  // when it failed or left
    std::optional<duration> prune_at{};
    duration redial_at{};  // failed: when to try again
    duration redial_gap{};
  };
  struct intent {
    bool leave = false;
    uint64_t time = 0;
    duration heard;
  };
  struct probe {
    uint32_t sequence = 0;
    std::string node;
    duration indirect_at, ends;
    bool indirect = false;
    bool stream_answered = false;
    int nacks_expected = 0, nacks = 0;
  };
  struct relay {
    peer origin;
    uint32_t sequence = 0;
    bool wants_nack = false;
    duration ends;
  };
  struct query {
    uint32_t id = 0;
    uint64_t handle = 0;
    duration ends;
    bool done = false;
    query_answers got{};
  };
  struct notice {
    duration next;
    uint64_t suppressed = 0;
  };
  // Events or queries of one Lamport time that were seen.
  using recent_ids = std::map<uint64_t, std::set<uint64_t>>;

  // pool.cc
  void add_log(log::level level, std::string message, std::vector<std::pair<std::string, std::string>> fields = {});
  void add_notice(duration now, log::level level, const std::string& kind, const std::string& source, std::string message,
                  std::vector<std::pair<std::string, std::string>> fields);
  void on_message(duration now, const peer& from, message_type type, std::string_view body);
  void send(const peer& to, std::string_view message, const node* n);
  void send_with_news(const peer& to, std::string message, const node* n);
  std::vector<std::string> take_news(size_t room);
  void collect_finished();
  bool has_news() const;
  void spread(duration now);
  void gossip_round(duration now);
  cipher_nonce nonce();
  bool due(duration& next, duration now, duration interval);

  // pool_nodes.cc
  node* find_node(std::string_view name);
  const node* find_node(std::string_view name) const;
  bool acceptable(duration now, const alive_message& a);
  bool may_move(const node& n, const alive_message& a, duration now) const;
  void on_conflict(duration now, node& n, const alive_message& a);
  void on_alive(duration now, const alive_message& a, bool own, uint64_t handle = 0);
  void on_suspect(duration now, const accusation& s);
  void on_dead(duration now, const accusation& d, uint64_t handle = 0);
  void refute(duration now, node& n, uint32_t accused);
  alive_message alive_of(const node& n) const;
  result<> check_versions(const std::vector<node_state_message>& remote) const;
  result<> merge(duration now, const peer& from, const push_pull_state& state, bool join);
  void end_suspicions(duration now);
  std::vector<const node*> random_nodes(size_t count, const std::function<bool(const node&)>& wanted);
  bool any_other_alive() const;
  void forget_dead_nodes(duration now);
  member member_of(const node& n) const;

  // pool_probe.cc
  void start_probe(duration now);
  void probe_others(duration now);
  void end_probe(duration now);
  void on_ping(duration now, const peer& from, const ping_message& p);
  void on_indirect_ping(duration now, const peer& from, const indirect_ping_message& p);
  void on_ack(uint32_t sequence);
  void on_nack(uint32_t sequence);
  void end_relays(duration now);
  void change_health(int delta);

  // pool_serf.cc
  void on_user(duration now, const peer& from, std::string_view body);
  void on_relay(std::string_view body);
  void node_joined(duration now, const node& n);
  void node_gone(duration now, const node& n);
  void node_updated(const node& n);
  bool on_join_intent(duration now, const join_message& m);
  bool on_leave_intent(duration now, const leave_message& m);
  bool keep_intent(duration now, const std::string& name, bool leave, uint64_t time);
  void prune(duration now, member_state& m);
  void erase(const std::string& name);
  void add_event(event_kind kind, const member_state& m);
  void merge_serf(duration now, const serf_state_message& s);
  void reap(duration now);
  void redial(duration now);
  std::string serf_state() const;
  uint64_t broadcast_intent(std::string message, duration now);
  bool on_user_event(const user_event_message& e);

  // pool_query.cc
  bool on_query(duration now, const query_message& q);
  bool asks_us(duration now, const query_message& q);
  void answer_query(duration now, const query_message& q, bytes payload);
  void on_query_response(duration now, const query_response_message& r);
  node_key_response change_keys(std::string_view what, std::string_view payload);
  bytes list_keys_answer(const query_message& q) const;
  void end_queries(duration now);
  static bool first_time(recent_ids& recent, uint64_t time, uint64_t id);

  pool_options options_;
  env::random& random_;
  std::vector<action> actions_;
  std::map<std::string, node, std::less<>> nodes_;
  std::map<std::string, member_state, std::less<>> members_;
  std::map<std::string, intent> intents_;
  std::deque<std::string> probe_order_;
  std::optional<probe> probe_;
  std::map<uint32_t, relay> relays_;
  std::map<uint64_t, query> queries_;  // by Lamport time
  recent_ids recent_queries_, recent_events_;
  std::map<std::string, notice> notices_;
  broadcast_queue node_news_, intent_news_, query_news_, event_news_;
  lamport_clock clock_, event_clock_, query_clock_;
  uint64_t event_time_min_ = 0, query_time_min_ = 0;
  uint32_t sequence_ = 0;
  uint32_t incarnation_ = 0;
  uint64_t next_handle_ = 0;
  int health_ = 0;
  bool leaving_ = false;  // leave() was called
  bool left_ = false;     // and our death was told
  duration next_probe_, next_gossip_, last_gossip_, next_push_pull_, next_reap_, next_move_refute_;
};

}  // namespace drover::gossip
