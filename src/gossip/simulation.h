// For tests: many pools in virtual time over a network that delays, loses and parts. Deterministic for a seed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gossip/pool.h"

namespace drover::gossip {

class seeded_random final : public env::random {
 public:
  explicit seeded_random(uint64_t seed) : state_(seed) {}
  void fill(void* out, size_t size) override {
    for (size_t i = 0; i < size; ++i) static_cast<unsigned char*>(out)[i] = static_cast<unsigned char>(next() >> 32);
  }

 private:
  // SplitMix64.
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
  }
  uint64_t state_;
};

class simulation {
 public:
  explicit simulation(uint64_t seed) : random_(seed) {}

  // Named n0, n1, ... at 10.0.0.1, ...; not in anybody's pool yet.
  pool& add(pool_options o = {.compress = false}) {
    size_t i = machines_.size();
    if (o.name.empty()) o.name = "n" + std::to_string(i);
    o.address = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1);
    o.port = 4648;
    auto m = std::make_unique<machine>();
    m->address = o.address;
    by_address_[o.address] = i;
    m->pool = std::make_unique<pool>(std::move(o), random_, now_);
    machines_.push_back(std::move(m));
    settle(i);
    return *machines_.back()->pool;
  }
  pool& operator[](size_t i) { return *machines_[i]->pool; }
  size_t size() const { return machines_.size(); }
  duration now() const { return now_; }
  void kill(size_t i) { machines_[i]->up = false; }
  bool up(size_t i) const { return machines_[i]->up; }
  // Which machines hear each other; all do without it.
  std::function<bool(size_t, size_t)> connected{};
  unsigned loss_percent = 0;
  std::vector<member_event>& events(size_t i) { return machines_[i]->events; }

  void join(size_t i, size_t to) {
    exchange(i, {.to = {address(to), 4648}, .name = {}, .join = true}, [this, i] {
      (*this)[i].announce_join(now_);
      settle(i);
    });
  }
  // Runs wishes of a test and what comes of them.
  void with(size_t i, const std::function<void(pool&, duration)>& wish) {
    wish((*this)[i], now_);
    settle(i);
  }
  void run_for(duration d) {
    run_until(d, [] { return false; });
  }
  // True: it came to hold within `d`.
  bool run_until(duration d, const std::function<bool()>& holds) {
    for (auto end = now_ + d; now_ < end;) {
      if (holds()) return true;
      step(end);
    }
    return holds();
  }
  bool all_see(std::string_view name, member_status s) {
    for (size_t i = 0; i < size(); ++i) {
      if (!up(i) || (*this)[i].local().name == name) continue;
      const auto* m = (*this)[i].find(name);
      if ((m ? m->status : member_status::none) != s) return false;
    }
    return true;
  }
  bool all_alive() {
    for (size_t i = 0; i < size(); ++i)
      if (up(i) && !all_see((*this)[i].local().name, member_status::alive)) return false;
    return true;
  }

 private:
  struct machine {
    std::unique_ptr<gossip::pool> pool;
    std::string address;
    std::vector<member_event> events;
    duration next;  // its next timer
    bool up = true;
  };
  const std::string& address(size_t i) const { return machines_[i]->address; }
  size_t at(const peer& p) const {
    auto found = by_address_.find(p.host);
    return found == by_address_.end() ? SIZE_MAX : found->second;
  }
  bool reaches(size_t from, size_t to) const { return to != SIZE_MAX && machines_[from]->up && machines_[to]->up && (!connected || connected(from, to)); }
  duration delay() { return microseconds(500 + static_cast<int64_t>(random_.below(20'000))); }
  void later(duration d, std::function<void()> what) { queue_.emplace(now_ + d, std::move(what)); }

  void settle(size_t i) {
    auto& m = *machines_[i];
    for (auto& a : m.pool->take_actions()) {
      if (auto* packet = std::get_if<send_datagram>(&a)) deliver(i, *packet);
      else if (auto* state = std::get_if<push_pull_with>(&a)) exchange(i, *state, {});
      else if (auto* ping = std::get_if<ping_by_stream>(&a)) stream_ping(i, *ping);
      else if (auto* event = std::get_if<member_event>(&a)) m.events.push_back(*event);
    }
    m.next = m.pool->next_timer();
  }
  void deliver(size_t i, send_datagram packet) {
    size_t to = at(packet.to);
    if (!reaches(i, to) || random_.below(100) < loss_percent) return;
    later(delay(), [this, i, to, data = std::move(packet.data)] {
      if (!reaches(i, to)) return;
      (*this)[to].on_datagram(now_, {address(i), 4648}, data);
      settle(to);
    });
  }
  std::string read(size_t i, std::string_view bytes) {
    auto message = stream_reader((*this)[i].sealing()).feed(bytes);
    return message && *message ? **message : std::string();
  }
  void exchange(size_t i, push_pull_with a, std::function<void()> then) {
    size_t to = at(a.to);
    if (!reaches(i, to)) return;
    later(delay(), [this, i, to, join = a.join, then, bytes = (*this)[i].local_state(a.join)] {
      auto message = read(to, bytes);
      if (!reaches(i, to) || message.empty()) return;
      auto reply = (*this)[to].on_stream(now_, {address(i), 40000}, message);
      settle(to);
      if (!reply) return;
      later(delay(), [this, i, to, join, then, bytes = *reply] {
        auto message = read(i, bytes);
        if (!reaches(i, to) || message.empty()) return;
        bool merged = (*this)[i].on_push_pull_answer(now_, {address(to), 4648}, message, join).has_value();
        settle(i);
        if (merged && then) then();
      });
    });
  }
  void stream_ping(size_t i, ping_by_stream a) {
    size_t to = at(a.to);
    if (!reaches(i, to)) return;
    later(delay(), [this, i, to, sequence = a.sequence, data = std::move(a.data)] {
      auto message = read(to, data);
      if (!reaches(i, to) || message.empty()) return;
      auto reply = (*this)[to].on_stream(now_, {address(i), 40000}, message);
      if (!reply) return;
      later(delay(), [this, i, sequence, bytes = *reply] {
        (*this)[i].on_stream_ping_answer(now_, sequence, read(i, bytes));
        settle(i);
      });
    });
  }
  void step(duration end) {
    auto next = end;
    if (!queue_.empty()) next = std::min(next, queue_.begin()->first);
    for (const auto& m : machines_)
      if (m->up) next = std::min(next, m->next);
    now_ = std::max(now_, next);
    while (!queue_.empty() && queue_.begin()->first <= now_) {
      auto what = std::move(queue_.begin()->second);
      queue_.erase(queue_.begin());
      what();
    }
    for (size_t i = 0; i < machines_.size(); ++i) {
      if (!machines_[i]->up || machines_[i]->next > now_) continue;
      machines_[i]->pool->on_timer(now_);
      settle(i);
    }
  }

  seeded_random random_;
  duration now_;
  std::vector<std::unique_ptr<machine>> machines_;
  std::map<std::string, size_t> by_address_;
  std::multimap<duration, std::function<void()>> queue_;
};

}  // namespace drover::gossip
