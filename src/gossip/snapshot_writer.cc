#include "gossip/snapshot_writer.h"

#include <algorithm>

#include "gossip/address.h"
#include "gossip/limits.h"

namespace drover::gossip {

snapshot_writer::snapshot_writer(net::loop& l, std::string path, bool rejoin_after_leave, log::logger logger)
    : path_(std::move(path)), rejoin_after_leave_(rejoin_after_leave), logger_(logger), disk_(l, 1), scope_(l, std::move(logger)) {}

result<std::unique_ptr<snapshot_writer>> snapshot_writer::open(net::loop& l, std::string path, bool rejoin_after_leave, log::logger logger) {
  std::unique_ptr<snapshot_writer> w(new snapshot_writer(l, std::move(path), rejoin_after_leave, std::move(logger)));
  TRY_ASSIGN(auto text, read_snapshot(w->path_));
  w->at_start_ = parse_snapshot(text, rejoin_after_leave);
  w->state_ = w->at_start_;
  w->file_bytes_ = text.size();
  // The next line must not grow onto a torn one.
  w->rewrite_ = !text.empty() && text.back() != '\n';
  if (w->rewrite_) w->dirty_.set();
  w->scope_.spawn(&snapshot_writer::run, w.get());
  return w;
}

void snapshot_writer::add(std::string line) {
  if (left_) return;
  pending_ += line;
  pending_ += '\n';
  dirty_.set();
}

void snapshot_writer::note(const member_event& e) {
  const auto& m = e.member;
  auto address = to_string(peer{m.address, m.port});
  switch (e.kind) {
    case event_kind::join:
    case event_kind::update: {
      auto [found, added] = state_.alive.try_emplace(m.name, address);
      if (!added && found->second == address) return;
      found->second = address;
      state_.left = false;
      return add(fmt::format("alive: {} {}", m.name, address));
    }
    case event_kind::leave:
    case event_kind::failed:
      if (state_.alive.erase(m.name) > 0) add("not-alive: " + m.name);
      return;
    case event_kind::reap: return;
  }
}

void snapshot_writer::note_times(uint64_t member_time, uint64_t event_time, uint64_t query_time) {
  auto note = [&](std::string_view what, uint64_t clock, uint64_t& kept) {
    uint64_t used = clock == 0 ? 0 : clock - 1;
    if (used <= kept) return;
    kept = used;
    add(fmt::format("{}: {}", what, used));
  };
  note("clock", member_time, state_.clock);
  note("event-clock", event_time, state_.event_clock);
  note("query-clock", query_time, state_.query_clock);
}

net::awaitable<void> snapshot_writer::note_leave() {
  if (left_) co_return;
  add("leave");
  left_ = true;
  state_ = rejoin_after_leave_ ? state_ : snapshot_state{.left = true};
  co_await flush();
}

net::awaitable<void> snapshot_writer::run() {
  for (;;) {
    co_await dirty_.wait();
    co_await flush();
  }
}

net::awaitable<void> snapshot_writer::flush() {
  while (flushing_) co_await flushed_.wait();
  dirty_.reset();
  if (pending_.empty() && !rewrite_) co_return;
  auto lines = std::exchange(pending_, {});
  auto compact = format_snapshot(state_);
  bool whole = rewrite_ || file_bytes_ + lines.size() > std::max(snapshot_bytes_min, compact.size() * 2);
  flushing_ = true;
  auto done = co_await disk_.run([&] { return whole ? replace_snapshot(path_, compact) : append_snapshot(path_, lines); });
  flushing_ = false;
  flushed_.notify_all();
  if (done) {
    file_bytes_ = whole ? compact.size() : file_bytes_ + lines.size();
    rewrite_ = failing_ = false;
    co_return;
  }
  // What could not be appended is in the state: the next attempt writes the whole.
  rewrite_ = true;
  if (!std::exchange(failing_, true))
    logger_.warn("the gossip snapshot cannot be written; after a restart this server may not find the others", {{"error", done.error().text()}});
}

net::awaitable<void> snapshot_writer::stop() {
  co_await scope_.stop();
  co_await flush();
}

}  // namespace drover::gossip
