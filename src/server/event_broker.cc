#include "server/event_broker.h"

#include <boost/asio/post.hpp>

#include <algorithm>

#include "server/event_limits.h"

namespace drover::server {
namespace {

constexpr std::string_view closed_text = "subscription closed by server, client should resubscribe";

bool key_passes(const std::vector<std::string>& keys, const state_event& e) {
  return std::ranges::any_of(
      keys, [&](const std::string& key) { return key == "*" || key == e.key || std::ranges::find(e.filter_keys, key) != e.filter_keys.end(); });
}

}  // namespace

bool event_filter::passes(const state_event& e) const {
  if (!e.namespace_.empty() && namespace_ != "*" && namespace_ != e.namespace_) return false;
  auto wanted = [&](std::string_view topic) {
    auto found = topics.find(std::string(topic));
    return found != topics.end() && key_passes(found->second, e);
  };
  return (wanted("*") || wanted(e.topic)) && (!may_see || may_see(e));
}

event_broker::event_broker(net::loop& l, size_t kept) : loop_(l), kept_max_(std::max<size_t>(kept, 1)), last_(std::make_shared<event_batch>()) {}

event_broker::~event_broker() { ENSURE(subscriptions_.empty(), "the event broker outlives its subscriptions"); }

void event_broker::note(const fsm::commit_event& commit) {
  if (commit.restored) {
    kept_.clear();
    last_ = std::make_shared<event_batch>(commit.index, ++sequence_);
    close_if([](const event_filter&) { return true; });
    return;
  }
  auto batch = batch_of(commit, sequence_ + 1);
  if (!batch) return;
  ++sequence_;
  last_->next = batch;
  last_ = batch;
  kept_.push_back(std::move(batch));
  if (kept_.size() > kept_max_) kept_.pop_front();
  if (subscriptions_.empty()) return;
  if (sequence_ % event_lag_check_interval == 0) cut_off_laggards();
  wake();
}

// Several commits in one turn of the loop wake everybody once.
void event_broker::wake() {
  if (*wake_posted_) return;
  *wake_posted_ = true;
  boost::asio::post(loop_, [this, posted = std::weak_ptr(wake_posted_)] {
    auto alive = posted.lock();
    if (!alive) return;
    *alive = false;
    published_.notify_all();
  });
}

void event_broker::close_if(const std::function<bool(const event_filter&)>& refuses) {
  for (auto* each : subscriptions_) {
    if (!refuses(each->filter_)) continue;
    each->why_closed_ = closed_text;
    each->at_ = nullptr;
  }
  published_.notify_all();
}

void event_broker::close_refused() {
  close_if([](const event_filter& f) { return f.still_may && !f.still_may(); });
}

void event_broker::cut_off_laggards() {
  for (auto* each : subscriptions_) {
    if (!each->at_ || sequence_ - each->at_->sequence <= event_lag_max) continue;
    each->why_closed_ = fmt::format("{}: it is more than {} changes behind", closed_text, event_lag_max);
    each->at_ = nullptr;
  }
}

void event_broker::keep_text_of(const std::shared_ptr<event_batch>& batch, size_t new_bytes) {
  if (new_bytes == 0) return;
  text_bytes_ += new_bytes;
  if (encoded_.empty() || encoded_.back().lock() != batch) encoded_.push_back(batch);
  while (text_bytes_ > event_text_bytes_max && encoded_.size() > 1) {
    if (auto oldest = encoded_.front().lock()) oldest->forget_texts();
    encoded_.pop_front();
    text_bytes_ = 0;
    for (const auto& each : encoded_)
      if (auto kept = each.lock()) text_bytes_ += kept->text_bytes();
  }
}

std::unique_ptr<event_subscription> event_broker::subscribe(event_filter filter, uint64_t index) {
  auto first = std::ranges::find_if(kept_, [&](const auto& batch) { return batch->index >= index; });
  auto at = last_;
  if (first != kept_.end()) {
    at = std::make_shared<event_batch>(0, (*first)->sequence - 1);
    at->next = *first;
  }
  return std::unique_ptr<event_subscription>(new event_subscription(*this, std::move(filter), std::move(at)));
}

event_subscription::event_subscription(event_broker& broker, event_filter filter, std::shared_ptr<event_batch> at)
    : broker_(broker), filter_(std::move(filter)), at_(std::move(at)), next_event_(SIZE_MAX) {
  place_ = broker_.subscriptions_.insert(broker_.subscriptions_.end(), this);
}

event_subscription::~event_subscription() { broker_.subscriptions_.erase(place_); }

std::string event_subscription::take_line() {
  const auto& events = next_event_ == SIZE_MAX ? std::vector<state_event>() : at_->events();
  const auto kept_before = at_->text_bytes();
  std::string line;
  for (; next_event_ < events.size(); ++next_event_) {
    if (!filter_.passes(events[next_event_])) continue;
    const auto& event = events[next_event_];
    const bool hides = event.topic == "Job" && filter_.reveals && !filter_.reveals(event);
    const auto redacted = hides ? at_->text_without_secrets(next_event_) : std::string();
    const auto& text = hides ? redacted : at_->text(next_event_);
    if (!line.empty() && line.size() + text.size() > event_line_bytes_max) break;
    line += line.empty() ? fmt::format("{{\"Index\":{},\"Events\":[", at_->index) : ",";
    line += text;
  }
  if (!line.empty()) line += "]}";
  broker_.keep_text_of(at_, at_->text_bytes() - kept_before);
  return line;
}

net::awaitable<result<std::string>> event_subscription::next(net::time_point deadline) {
  for (;;) {
    if (!at_) co_return fail(errc::closed, "{}", why_closed_);
    if (auto line = take_line(); !line.empty()) co_return line;
    if (at_->next) {
      at_ = std::shared_ptr(at_->next);
      next_event_ = 0;
      continue;
    }
    if (!co_await broker_.published_.wait(deadline)) co_return std::string("{}");
  }
}

}  // namespace drover::server
