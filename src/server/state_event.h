// What a command of the log changed, as the events that people subscribe to: topic, type, keys, and the record itself. Pure; made from a
// commit in order, encoded only when somebody wants to read it. Immutable once made, but for the texts that are kept (loop thread only).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fsm/machine.h"

namespace drover::server {

struct state_event {
  std::string_view topic;
  std::string_view type;
  std::string key;
  std::string namespace_;  // empty: it belongs to none
  std::vector<std::string> filter_keys;
  // The record that the payload shows, and of which table it is.
  state::table table = {};
  state::entry record;
  bool deleted = false;
};

// The events of one command. Only what can become one is kept, and that is looked at in detail when somebody reads.
class event_batch {
 public:
  event_batch() = default;
  event_batch(uint64_t index, uint64_t sequence) : index(index), sequence(sequence) {}
  ~event_batch();
  event_batch(const event_batch&) = delete;
  event_batch& operator=(const event_batch&) = delete;

  uint64_t index = 0;     // of the state
  uint64_t sequence = 0;  // counted over all batches
  std::shared_ptr<event_batch> next;

  // Each record once, as it was at the end.
  const std::vector<state_event>& events();
  // One event as JSON; the text is kept.
  const std::string& text(size_t event);
  // The same for who may not see what is secret in a job; made each time. Requires: the event is of a job.
  std::string text_without_secrets(size_t event);
  // Bytes of the texts that are kept.
  size_t text_bytes() const { return text_bytes_; }
  void forget_texts();

 private:
  friend std::shared_ptr<event_batch> batch_of(const fsm::commit_event& commit, uint64_t sequence);
  struct changed {
    state::table table;
    state::entry record;
    bool deleted;
  };
  std::string_view type_;
  std::vector<changed> changes_;
  std::vector<state_event> events_;
  std::vector<std::string> texts_;
  size_t text_bytes_ = 0;
};

// Null: nothing in it is an event.
std::shared_ptr<event_batch> batch_of(const fsm::commit_event& commit, uint64_t sequence);

// Whether there is a topic of that name; "*" is one.
bool is_topic(std::string_view name);

}  // namespace drover::server
