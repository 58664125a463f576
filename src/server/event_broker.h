// The event stream: keeps the latest batches of events, and hands every subscriber what it asked for, in order. An event is encoded once,
// however many read it, and not at all when nobody does.
//
// A subscriber that is too far behind is cut off and told so; so is everybody when the state is replaced as a whole.
// Loop thread only. Life: the broker outlives its subscriptions. note() is called for every commit in order.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/event.h"
#include "net/loop.h"
#include "rpc/channel.h"
#include "server/state_event.h"

namespace drover::server {

// What a subscriber wants. An event passes with one of its topic's keys, or one of the topic "*"; the key "*" is every key.
struct event_filter {
  std::map<std::string, std::vector<std::string>> topics;
  std::string namespace_ = "default";  // "*": all of them
  // What the caller may see; null: everything.
  std::function<bool(const state_event&)> may_see{};
  // Whether what is secret in a job is shown too; null: always.
  std::function<bool(const state_event&)> reveals{};
  // Asked after tokens or policies changed: may the caller have this subscription still? Null: always.
  std::function<bool()> still_may{};

  bool passes(const state_event& e) const;
};

class event_subscription;
class event_broker;
struct server_context;

// Event.Stream; without a broker it says that this server has no event stream.
void add_event_methods(rpc::method_table& table, server_context& context, event_broker* broker);

class event_broker {
 public:
  // `kept`: batches for those who come later.
  event_broker(net::loop& l, size_t kept);
  ~event_broker();
  event_broker(const event_broker&) = delete;
  event_broker& operator=(const event_broker&) = delete;

  void note(const fsm::commit_event& commit);
  // Ends every subscription that may no longer be, after tokens or policies changed.
  void close_refused();
  // Ends every subscription that `refuses`.
  void close_if(const std::function<bool(const event_filter&)>& refuses);
  // Begins with the first kept batch that is not older than `index`.
  std::unique_ptr<event_subscription> subscribe(event_filter filter, uint64_t index);
  size_t subscribers() const { return subscriptions_.size(); }

 private:
  friend class event_subscription;
  void cut_off_laggards();
  void keep_text_of(const std::shared_ptr<event_batch>& batch, size_t new_bytes);
  void wake();

  net::loop& loop_;
  size_t kept_max_;
  uint64_t sequence_ = 0;
  std::deque<std::shared_ptr<event_batch>> kept_;
  std::shared_ptr<event_batch> last_;
  std::list<event_subscription*> subscriptions_;
  net::event published_;
  // Batches whose texts are kept, the oldest first.
  std::deque<std::weak_ptr<event_batch>> encoded_;
  size_t text_bytes_ = 0;
  std::shared_ptr<bool> wake_posted_ = std::make_shared<bool>(false);
};

class event_subscription {
 public:
  ~event_subscription();
  event_subscription(const event_subscription&) = delete;
  event_subscription& operator=(const event_subscription&) = delete;

  // Lines of JSON, {"Index": n, "Events": [...]}, each within event_line_bytes_max as far as a single event is; "{}" when nothing came until
  // `deadline`. errc::closed: this subscription is over, with the reason.
  net::awaitable<result<std::string>> next(net::time_point deadline);

 private:
  friend class event_broker;
  event_subscription(event_broker& broker, event_filter filter, std::shared_ptr<event_batch> at);
  // The next line of the batch that is being read; empty: it has no more.
  std::string take_line();

  event_broker& broker_;
  event_filter filter_;
  // The batch that was read last; null once it was cut off.
  std::shared_ptr<event_batch> at_;
  size_t next_event_ = 0;
  std::string why_closed_;
  std::list<event_subscription*>::iterator place_;
};

}  // namespace drover::server
