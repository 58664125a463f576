#include <pthread.h>
#include <signal.h>

#include "base/ensure.h"
#include "base/log.h"
#include "raft/framing.h"
#include "raft/limits.h"
#include "raft/node_impl.h"

namespace drover::raft {

static const log::logger logger("raft");

static constexpr uint64_t reopen_ms = 1000;

// ---- thread and lifecycle

node::impl::impl(options o, state_machine& machine) : settings_(std::move(o)), machine_(machine) {}

node::impl::~impl() { stop(); }

static result<> check(const options& o) {
  if (o.id == 0) return fail(errc::invalid, "raft needs the id of this server; make it with id_from_uuid()");
  if (o.address.empty() || o.address.size() > address_bytes_max) {
    return fail(errc::invalid, "the raft address '{}' must have 1 to {} characters", o.address, address_bytes_max);
  }
  if (o.bootstrap.size() > servers_max) return fail(errc::invalid, "{} servers are too many, at most {} can form a cluster", o.bootstrap.size(), servers_max);
  if (o.heartbeat.ms() < 1 || o.heartbeat >= o.election_timeout) {
    return fail(errc::invalid, "the raft heartbeat ({}) must be at least 1ms and shorter than the election timeout ({})", to_string(o.heartbeat),
                to_string(o.election_timeout));
  }
  if (o.snapshot_threshold == 0 || o.snapshot_trailing == 0) {
    return fail(errc::invalid, "the snapshot threshold ({}) and trailing entries ({}) must be at least 1", o.snapshot_threshold, o.snapshot_trailing);
  }
  return {};
}

result<> node::impl::start() {
  TRY(check(settings_));
  TRY_ASSIGN(lock_, directory_lock::take(settings_.directory));
  TRY_ASSIGN(report_, recover_directory(settings_.directory));
  TRY(check_mark(settings_.directory, settings_.id, report_));
  for (const std::string& repair : report_.repairs) logger.warn(repair, {{"directory", settings_.directory}});
  std::promise<result<>> started;
  auto outcome = started.get_future();
  thread_ = std::thread([this, &started] { run(started); });
  pthread_setname_np(thread_.native_handle(), "raft");
  auto r = outcome.get();
  if (!r) stop();
  return r;
}

void node::impl::run(std::promise<result<>>& started) {
  // A broken connection or a file size limit is an error of the call (SIGPIPE, SIGXFSZ), here and on the workers that
  // libuv starts from here; all other signals are for threads that expect them.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  uv_loop_init(&loop_);
  wake_.data = turn_.data = retry_.data = this;
  uv_async_init(&loop_, &wake_, [](uv_async_t*) {});  // what woke us is done in turn()
  uv_prepare_init(&loop_, &turn_);
  uv_timer_init(&loop_, &retry_);
  uv_prepare_start(&turn_, [](uv_prepare_t* handle) { static_cast<impl*>(handle->data)->turn(); });
  bridge_ = std::make_unique<stream_bridge>(std::move(settings_.transport), [this] { uv_async_send(&wake_); });

  result<> r = bridge_->start(&loop_, settings_.id, settings_.address);
  if (r) r = open_instance();
  if (r) {
    take_in();
    announce();
    publish();
  } else {
    stopping_ = true;
    if (instance_) instance_->close();
  }
  started.set_value(std::move(r));
  uv_run(&loop_, UV_RUN_DEFAULT);
  if (settings_.on_turn_end) settings_.on_turn_end();
  ENSURE(uv_loop_close(&loop_) == 0, "the raft loop ended with open handles");
}

result<> node::impl::open_instance() {
  instance_ = std::make_unique<instance>(*this, settings_, &loop_, *bridge_);
  auto r = instance_->open(report_.empty);
  // What the state machine said is clearer than libraft's code for it.
  if (!r && halted_) return fail(*trouble_);
  if (r && instance_->last_index() > 0) r = mark_directory(settings_.directory, settings_.id);
  return r;
}

// Once in each turn of the loop, before it waits.
void node::impl::turn() {
  bridge_->deliver();
  take_in();
  if (instance_ && instance_->closed()) {
    closed_appends_ += instance_->disk().appends();
    instance_.reset();
    error e = trouble_ ? *trouble_ : error(errc::cancelled, "the server stops");
    for (compaction& c : std::exchange(compactions_, {})) c.done(fail(e));
    if (bootstrapping_) open_bootstrapped();
    else if (!stopping_ && !halted_) uv_timer_start(&retry_, [](uv_timer_t* t) { static_cast<impl*>(t->data)->reopen(); }, reopen_ms, 0);
  }
  watch_instance();
  if (instance_ && !instance_->closing()) instance_->disk().submit_waiting();
  pump();
  sweep_batches();
  watch_instance();
  announce();
  publish();
  if (stopping_ && !instance_ && workers_ == 0) finish_stop();
  if (settings_.on_turn_end) settings_.on_turn_end();
}

// Closes an instance that cannot go on, or is no longer wanted.
void node::impl::watch_instance() {
  if (!instance_ || instance_->closing()) return;
  if (stopping_) {
    instance_->close();
    fail_batches(error(errc::cancelled, "the server stops"));
    return;
  }
  auto failure = halted_ ? trouble_ : instance_->failure();
  if (!failure) return;
  trouble_ = std::move(failure);
  logger.error(halted_ ? "raft has halted" : "raft cannot write, and tries again every second", {{"error", trouble_->text()}});
  instance_->close();
  // Who is told of the failure finds that this server no longer leads.
  publish();
  fail_batches(*trouble_);
}

void node::impl::reopen() {
  if (stopping_ || instance_) return;
  auto r = probe_space(settings_.directory, settings_.segment_bytes);
  if (r) {
    auto report = recover_directory(settings_.directory);
    if (report) {
      report_ = std::move(*report);
      for (const std::string& repair : report_.repairs) logger.warn(repair, {{"directory", settings_.directory}});
      r = open_instance();
    } else {
      r = fail(report.error());
    }
  }
  if (r) {
    if (trouble_) logger.info("raft can write again");
    trouble_.reset();
    return;
  }
  trouble_ = r.error();
  if (r.error().code() == errc::corrupt) {
    halted_ = true;
    logger.error("raft has halted", {{"error", r.error().text()}});
  }
  if (!instance_ && !halted_) uv_timer_start(&retry_, [](uv_timer_t* t) { static_cast<impl*>(t->data)->reopen(); }, reopen_ms, 0);
}

void node::impl::open_bootstrapped() {
  auto wanted = *std::exchange(bootstrapping_, std::nullopt);
  if (stopping_) return wanted.done(fail(errc::cancelled, "the server stops"));
  reopen();
  if (!instance_) return wanted.done(fail(trouble_ ? *trouble_ : error(errc::io, "raft could not start again")));
  if (instance_->last_index() == 0) return wanted.done(fail(errc::conflict, "this server has voted in a cluster already and waits for its leader"));
  // libraft's timer for the first election; its next tick looks at it.
  if (wanted.elect_now && instance_->raft().state == RAFT_FOLLOWER) instance_->raft().follower_state.randomized_election_timeout = 0;
  wanted.done({});
}

void node::impl::finish_stop() {
  if (std::exchange(finished_, true)) return;
  error e(errc::cancelled, "the server stops");
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    for (item& i : inbox_) ready_.push_back(std::move(i));
    inbox_.clear();
  }
  fail_waiting(e);
  for (compaction& c : std::exchange(compactions_, {})) c.done(fail(e));
  bridge_->stop();
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&turn_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&retry_), nullptr);
}

void node::impl::stop() {
  if (thread_.joinable()) {
    {
      std::lock_guard lock(mutex_);
      stop_wanted_ = true;
      if (!stopped_) uv_async_send(&wake_);
    }
    thread_.join();
  }
  lock_.reset();
}

// ---- what callers submit

// With mutex_ held.
void node::impl::tell_of_inbox() {
  if (!std::exchange(told_of_inbox_, true)) uv_async_send(&wake_);
}

void node::impl::wake() {
  std::lock_guard lock(mutex_);
  if (!stopped_ && !inbox_.empty()) tell_of_inbox();
}

void node::impl::post(operation f) {
  item i;
  i.run = std::move(f);
  {
    std::lock_guard lock(mutex_);
    if (!stopped_) {
      inbox_.push_back(std::move(i));
      tell_of_inbox();
      return;
    }
  }
  i.run(fail(errc::cancelled, "the server has stopped"));
}

// Answers an entry that is not accepted, on the raft thread.
bool node::impl::refuse(size_t bytes, apply_callback& done) {
  std::optional<error> e;
  if (bytes == 0) {
    e = error(errc::invalid, "an empty entry cannot be written to the log");
  } else if (bytes > entry_bytes_max) {
    e = error(errc::too_large, fmt::format("an entry of {} bytes cannot be written to the log, at most {} are allowed", bytes, entry_bytes_max));
  } else if (in_flight_entries_ >= in_flight_entries_max || in_flight_bytes_ + bytes > in_flight_bytes_max) {
    refused_++;
    e = error(errc::unavailable,
              fmt::format("{} entries ({} bytes) already wait to be written; try again later", in_flight_entries_.load(), in_flight_bytes_.load()));
  }
  if (!e) return false;
  post([done = std::move(done), e = std::move(*e)](const result<>&) { done(fail(e)); });
  return true;
}

void node::impl::apply(std::string entry, apply_callback done, std::shared_ptr<void> proposed, handing hand) {
  if (refuse(entry.size(), done)) return;
  item i;
  i.entry.len = entry_frame_size(entry.size());
  i.entry.base = raft_malloc(i.entry.len);
  ENSURE(i.entry.base != nullptr, "out of memory");
  write_entry_frame(static_cast<char*>(i.entry.base), entry);
  i.done = std::move(done);
  i.proposed = std::move(proposed);
  in_flight_entries_++;
  in_flight_bytes_ += i.entry.len;
  {
    std::lock_guard lock(mutex_);
    if (!stopped_) {
      inbox_.push_back(std::move(i));
      if (hand == handing::now) tell_of_inbox();
      return;
    }
  }
  raft_free(i.entry.base);
  answer(i, fail(errc::cancelled, "the server has stopped"));
}

void node::impl::take_in() {
  std::vector<item> arrived;
  {
    std::lock_guard lock(mutex_);
    arrived.swap(inbox_);
    told_of_inbox_ = false;
    if (stop_wanted_) stopping_ = true;
  }
  for (item& i : arrived) ready_.push_back(std::move(i));
}

error node::impl::not_leading() const {
  if (told_.leader_id == 0 || told_.leader_id == settings_.id) return error(errc::unavailable, "this server is not the leader, and none is known");
  return error(errc::unavailable, fmt::format("this server is not the leader; it is {}", told_.leader_address));
}

result<> node::impl::usable() const {
  if (stopping_) return fail(errc::cancelled, "the server stops");
  if (instance_ && !instance_->closing()) return {};
  if (trouble_) return fail(*trouble_);
  return fail(errc::unavailable, "raft is starting again");
}

// Hands over what waits, as much as one write takes; the rest follows when that is on disk.
void node::impl::pump() {
  if (auto r = usable(); !r) {
    if (!ready_.empty()) fail_waiting(r.error());
    return;
  }
  while (!ready_.empty() && instance_->disk().idle() && !instance_->disk().failure()) {
    if (ready_.front().run) {
      operation run = std::move(ready_.front().run);
      ready_.pop_front();
      run({});
      continue;
    }
    std::vector<item> items;
    size_t bytes = 0;
    while (!ready_.empty() && !ready_.front().run && items.size() < append_entries_max &&
           (items.empty() || bytes + ready_.front().entry.len <= append_bytes_max)) {
      bytes += ready_.front().entry.len;
      items.push_back(std::move(ready_.front()));
      ready_.pop_front();
    }
    submit(std::move(items));
  }
}

void node::impl::submit(std::vector<item> items) {
  std::vector<raft_buffer> buffers;
  buffers.reserve(items.size());
  for (const item& i : items) buffers.push_back(i.entry);
  batch& b = batches_.emplace_back();
  b.self = this;
  b.items = std::move(items);
  b.request.data = &b;
  b.term = instance_->raft().current_term;
  // libraft calls back after the first entry of several was applied; the entries are answered in apply_entry().
  int status = raft_apply(&instance_->raft(), &b.request, buffers.data(), static_cast<unsigned>(buffers.size()),
                          [](apply_request* request, int, void*) { static_cast<batch*>(request->data)->released = true; });
  b.first = b.request.index;
  if (status == 0) return;
  for (const raft_buffer& buffer : buffers) raft_free(buffer.base);
  std::vector<item> refused = std::move(b.items);
  batches_.pop_back();
  error e = status == RAFT_NOTLEADER ? not_leading() : libraft_error(status, "cannot append to the log", raft_errmsg(&instance_->raft()));
  for (item& i : refused) answer(i, fail(e));
}

void node::impl::answer(item& i, result<apply_outcome> r) {
  in_flight_entries_--;
  in_flight_bytes_ -= i.entry.len;
  i.proposed.reset();
  apply_callback done = std::move(i.done);
  done(std::move(r));
}

void node::impl::fail_batches(const error& e) {
  for (batch& b : batches_) {
    while (b.answered < b.items.size()) answer(b.items[b.answered++], fail(e));
  }
}

void node::impl::fail_waiting(const error& e) {
  auto waiting = std::move(ready_);
  ready_.clear();
  for (item& i : waiting) {
    if (i.run) {
      i.run(fail(e));
      continue;
    }
    raft_free(i.entry.base);
    answer(i, fail(e));
  }
}

void node::impl::sweep_batches() {
  // libraft has answered all of its requests once it no longer leads.
  if (!batches_.empty() && (!instance_ || !instance_->leads())) {
    fail_batches(error(errc::unavailable, "leadership was lost before the entry was committed; it may still be applied"));
  }
  batches_.remove_if([](const batch& b) { return b.released && b.answered == b.items.size(); });
}

// ---- what libraft asks

node::impl::batch* node::impl::batch_at(uint64_t index) {
  for (batch& b : batches_) {
    if (b.answered == b.items.size()) continue;
    const bool is_it = b.first + b.answered == index && instance_->leads() && b.term == instance_->raft().current_term;
    return is_it ? &b : nullptr;
  }
  return nullptr;
}

result<> node::impl::apply_entry(uint64_t index, std::string_view frame) {
  // Applied before the disk failed and the log was read anew.
  if (index <= machine_index_) return {};
  auto payload = read_entry_frame(frame);
  batch* mine = batch_at(index);
  void* proposed = mine ? mine->items[mine->answered].proposed.get() : nullptr;
  result<std::any> r = !payload ? fail(payload.error()) : proposed ? machine_.apply_proposed(index, *payload, proposed) : machine_.apply(index, *payload);
  if (!r && r.error().code() == errc::corrupt) {
    halted_ = true;
    trouble_ = error(errc::corrupt, fmt::format("the log entry at index {} cannot be applied, and no later one can be", index), r.error());
    return fail(*trouble_);
  }
  machine_index_ = index;
  applied_.store(index, std::memory_order_release);
  if (!mine) return {};
  applied_entries_++;
  item& i = mine->items[mine->answered++];
  if (r) {
    answer(i, apply_outcome{index, std::move(*r)});
  } else {
    answer(i, fail(r.error()));
  }
  return {};
}

result<> node::impl::restore_state(std::string_view frame) {
  auto view = read_snapshot_frame(frame);
  if (view && view->index <= machine_index_) return {};
  result<> r = view ? machine_.restore(view->index, view->payload) : fail(view.error());
  if (!r) {
    halted_ = true;
    trouble_ = error(errc::corrupt, "a snapshot cannot be restored", r.error());
    return fail(*trouble_);
  }
  machine_index_ = view->index;
  applied_.store(view->index, std::memory_order_release);
  snapshots_restored_++;
  return {};
}

state_machine::serialiser node::impl::freeze_state() { return machine_.snapshot(); }

void node::impl::snapshot_finished(result<> r) {
  if (r) {
    snapshots_taken_++;
    logger.debug("snapshot stored", {{"index", instance_->raft().log.snapshot.last_index}});
  } else if (r.error().code() != errc::cancelled) {
    logger.error("a snapshot could not be stored; the log grows until one can be", {{"error", r.error().text()}});
  }
  uint64_t reached = r ? instance_->raft().log.snapshot.last_index : UINT64_MAX;
  std::vector<compaction> later;
  for (compaction& c : std::exchange(compactions_, {})) {
    if (c.index <= reached) {
      c.done(r);
    } else {
      later.push_back(std::move(c));
    }
  }
  // This one had begun before they asked.
  for (compaction& c : later) compact(std::move(c.done));
}

// ---- telling the world

// Leadership counts once every entry of earlier terms is applied here: at once for a server alone, otherwise after a
// barrier of this term.
void node::impl::announce() {
  if (!instance_ || !instance_->leads()) return;
  uint64_t term = instance_->raft().current_term;
  if (announced_term_ == term || barrier_term_ == term) return;
  if (instance_->sole_voter() && instance_->raft().last_applied == instance_->last_index()) {
    announced_term_ = term;
    return;
  }
  struct request {
    barrier_request barrier{};
    impl* self;
    uint64_t term;
  };
  auto* r = new request{{}, this, term};
  r->barrier.data = r;
  barrier_term_ = term;
  int status = raft_barrier(&instance_->raft(), &r->barrier, [](barrier_request* barrier, int s) {
    std::unique_ptr<request> done(static_cast<request*>(barrier->data));
    if (s == 0) done->self->announced_term_ = done->term;
    done->self->barrier_term_ = 0;
  });
  if (status != 0) {
    barrier_term_ = 0;
    delete r;
  }
}

void node::impl::publish() {
  raft::leadership now;
  raft::state state = raft::state::stopped;
  if (instance_ && !instance_->closing()) {
    ::raft& r = instance_->raft();
    state = r.state == RAFT_LEADER ? raft::state::leader : r.state == RAFT_CANDIDATE ? raft::state::candidate : raft::state::follower;
    raft_id id = 0;
    const char* address = nullptr;
    raft_leader(&r, &id, &address);
    now.term = r.current_term;
    term_.store(r.current_term, std::memory_order_release);
    now.is_self = id == settings_.id && state == raft::state::leader && announced_term_ == r.current_term;
    // A leader that is not ready yet is nobody's leader.
    if (id != settings_.id || now.is_self) {
      now.leader_id = id;
      now.leader_address = address != nullptr ? address : "";
    }
  }
  {
    std::lock_guard lock(mutex_);
    if (instance_ && !instance_->closing()) {
      ::raft& r = instance_->raft();
      stats_.term = r.current_term;
      stats_.last_log_index = instance_->last_index();
      stats_.last_log_term = instance_->term_of(stats_.last_log_index);
      stats_.commit_index = r.commit_index;
      stats_.handled_index = r.last_applied;
      stats_.last_snapshot_index = r.log.snapshot.last_index;
      stats_.last_snapshot_term = r.log.snapshot.last_term;
      stats_.appends = closed_appends_ + instance_->disk().appends();
      uint64_t version = std::max(r.configuration_index, r.configuration_uncommitted_index);
      if (version != servers_version_ || stats_.servers.size() != r.configuration.n) {
        servers_version_ = version;
        stats_.servers = instance_->servers();
        stats_.configuration_index = version;
      }
    }
    stats_.state = state;
    contact_at_ = 0;
    if (state == raft::state::follower && instance_->raft().follower_state.current_leader.id != 0)
      contact_at_ = std::max<uint64_t>(1, instance_->raft().election_timer_start);
    if (now != told_) stats_.leadership = now;
    if (trouble_) {
      stats_.trouble = trouble_->text();
    } else {
      stats_.trouble.clear();
    }
  }
  is_sole_voter_.store(state != raft::state::stopped && instance_->only_voter(settings_.id), std::memory_order_release);
  is_leader_.store(now.is_self, std::memory_order_release);
  if (now == told_) return;
  told_ = now;
  if (settings_.on_leadership_change) settings_.on_leadership_change(now);
}

raft::leadership node::impl::leader() const {
  std::lock_guard lock(mutex_);
  return stats_.leadership;
}

raft::stats node::impl::stats() const {
  std::lock_guard lock(mutex_);
  raft::stats out = stats_;
  out.applied_index = applied_;
  out.in_flight_entries = in_flight_entries_;
  out.in_flight_bytes = in_flight_bytes_;
  out.applied_entries = applied_entries_;
  out.snapshots_taken = snapshots_taken_;
  out.snapshots_restored = snapshots_restored_;
  out.refused = refused_;
  if (out.state == raft::state::leader) {
    out.last_contact = {};
  } else if (contact_at_ != 0) {
    uint64_t now = uv_hrtime() / 1'000'000;
    out.last_contact = milliseconds(static_cast<int64_t>(now > contact_at_ ? now - contact_at_ : 0));
  }
  return out;
}

}  // namespace drover::raft
