#include "raft/instance.h"

#include <algorithm>
#include <limits>

#include "base/ensure.h"
#include "raft/aio.h"
#include "raft/framing.h"
#include "raft/heap.h"
#include "raft/limits.h"

namespace drover::raft {

static constexpr uint64_t snapshot_retry_ms = 5000;
// The slowest link on which a follower still receives a snapshot in one attempt: 2 MB a second.
static constexpr size_t snapshot_bytes_per_ms = 2000;

static int to_libraft(role r) {
  switch (r) {
    case role::voter: return RAFT_VOTER;
    case role::standby: return RAFT_STANDBY;
    case role::spare: return RAFT_SPARE;
  }
  return RAFT_SPARE;
}

static role from_libraft(int r) { return r == RAFT_VOTER ? role::voter : r == RAFT_STANDBY ? role::standby : role::spare; }

instance::instance(owner& o, const options& settings, uv_loop_t* loop, stream_bridge& bridge)
    : owner_(o),
      settings_(settings),
      loop_(loop),
      bridge_(bridge),
      disk_({.appended = [this](size_t bytes) { appended(bytes); },
             .snapshot_stored = [this](result<> r) { snapshot_stored(std::move(r)); },
             .term_begins = [this](uint64_t term) { owner_.term_begins(term); }}) {}

instance::~instance() { ENSURE(closed_, "libraft still runs"); }

result<> instance::initialise() {
  bridge_.attach(&transport_);
  if (int status = raft_uv_init(&io_, loop_, settings_.directory.c_str(), &transport_); status != 0) {
    bridge_.detach();
    return fail(libraft_error(status, fmt::format("cannot open the data directory {}", settings_.directory), io_.errmsg));
  }
  // 0.15 has async_work, which asynchronous snapshots need, but does not say so.
  ENSURE(io_.async_work != nullptr, "libraft's disk cannot work in the background");
  io_.version = 2;
  raft_uv_set_segment_size(&io_, settings_.segment_bytes);
  raft_uv_set_connect_retry_delay(&io_, static_cast<unsigned>(settings_.connect_retry.ms()));
  // Ours are checked and written faster without; and a damaged file must stay where it is.
  raft_uv_set_snapshot_compression(&io_, false);
  raft_uv_set_auto_recovery(&io_, false);
  fsm_.version = 3;
  fsm_.data = this;
  fsm_.apply = &instance::fsm_apply;
  fsm_.restore = &instance::fsm_restore;
  fsm_.snapshot = &instance::fsm_snapshot;
  fsm_.snapshot_async = &instance::fsm_snapshot_async;
  fsm_.snapshot_finalize = &instance::fsm_snapshot_finalize;
  ENSURE(idle_aio_contexts() <= idle_aio_contexts_max, "more idle contexts than allowed");
  raft_.data = &disk_;
  disk_.wrap(&io_);
  clear_file_buffers();
  if (int status = raft_init(&raft_, &io_, &fsm_, settings_.id, settings_.address.c_str()); status != 0) {
    error e = libraft_error(status, fmt::format("cannot open the data directory {}", settings_.directory), io_.errmsg);
    raft_uv_close(&io_);
    bridge_.detach();
    return fail(std::move(e));
  }
  raft_set_election_timeout(&raft_, static_cast<unsigned>(settings_.election_timeout.ms()));
  raft_set_heartbeat_timeout(&raft_, static_cast<unsigned>(settings_.heartbeat.ms()));
  note_snapshot_size(0);
  raft_set_snapshot_trailing(&raft_, settings_.snapshot_trailing);
  raft_set_pre_vote(&raft_, true);
  return {};
}

result<> instance::bootstrap() {
  raft_configuration configuration;
  raft_configuration_init(&configuration);
  int status = 0;
  for (const server& s : settings_.bootstrap) {
    if (status == 0) status = raft_configuration_add(&configuration, s.id, s.address.c_str(), to_libraft(s.role));
  }
  if (status == 0) status = raft_bootstrap(&raft_, &configuration);
  raft_configuration_close(&configuration);
  if (status != 0) return fail(libraft_error(status, fmt::format("cannot write the first configuration to {}", settings_.directory), io_.errmsg));
  return {};
}

result<> instance::open(bool fresh) {
  if (auto r = initialise(); !r) {
    closing_ = closed_ = true;
    return r;
  }
  if (fresh && !settings_.bootstrap.empty()) {
    if (auto r = bootstrap(); !r) {
      close();
      return r;
    }
  }
  if (int status = raft_start(&raft_); status != 0) {
    error e = libraft_error(status, fmt::format("cannot start from the data directory {}", settings_.directory), raft_.errmsg);
    close();
    return fail(std::move(e));
  }
  return {};
}

void instance::close() {
  if (closing_) return;
  closing_ = true;
  // raft::data is the disk's; io_ and this object are found by where they lie.
  raft_close(&raft_, [](::raft* r) {
    instance& self = of(r->fsm);
    raft_uv_close(&self.io_);
    self.closed_ = true;
  });
  disk_.cancel_held();
}

std::optional<error> instance::failure() {
  if (closing_) return std::nullopt;
  if (disk_.failure()) return disk_.failure();
  if (raft_.state != RAFT_UNAVAILABLE) return std::nullopt;
  const char* detail = *io_.errmsg != '\0' ? io_.errmsg : raft_.errmsg;
  return error(errc::io, fmt::format("raft had to stop: {}", *detail != '\0' ? detail : "its term or vote could not be stored"));
}

bool instance::only_voter(uint64_t id) const {
  bool votes = false;
  for (unsigned i = 0; i < raft_.configuration.n; i++) {
    if (raft_.configuration.servers[i].role != RAFT_VOTER) continue;
    if (raft_.configuration.servers[i].id != id) return false;
    votes = true;
  }
  return votes;
}

bool instance::sole_voter() const {
  unsigned voters = 0;
  for (unsigned i = 0; i < raft_.configuration.n; i++) voters += raft_.configuration.servers[i].role == RAFT_VOTER ? 1 : 0;
  return voters == 1;
}

uint64_t instance::log_entries() const {
  const raft_log& log = raft_.log;
  return log.front <= log.back ? log.back - log.front : log.size - log.front + log.back;
}

const raft_entry* instance::log_entry(uint64_t index) const {
  const raft_log& log = raft_.log;
  if (index <= log.offset || index > log.offset + log_entries()) return nullptr;
  return &log.entries[(log.front + (index - log.offset - 1)) % log.size];
}

uint64_t instance::last_index() const { return raft_.log.offset + log_entries(); }

uint64_t instance::term_of(uint64_t index) const {
  if (index == raft_.log.snapshot.last_index) return raft_.log.snapshot.last_term;
  const raft_entry* entry = log_entry(index);
  return entry != nullptr ? entry->term : 0;
}

std::vector<server> instance::servers() const {
  std::vector<server> out;
  for (unsigned i = 0; i < raft_.configuration.n; i++) {
    const raft_server& s = raft_.configuration.servers[i];
    out.push_back({s.id, s.address, from_libraft(s.role)});
  }
  return out;
}

void instance::appended(size_t bytes) {
  log_bytes_ += bytes;
  const auto most = std::max({settings_.snapshot_bytes, settings_.snapshot_bytes_most, snapshot_size_});
  const auto covered = std::max<uint64_t>(snapshot_index_, raft_.log.snapshot.last_index);
  const bool has_entries = last_index() >= covered + settings_.snapshot_threshold;
  if (log_bytes_ > std::clamp(8 * snapshot_size_, settings_.snapshot_bytes, most) || (is_large() && has_entries && log_bytes_ > snapshot_size_)) {
    raft_set_snapshot_threshold(&raft_, 1);
  }
}

// libraft counts entries; those of a large state also have to be worth the writing of it.
void instance::wait_for_entries() { raft_set_snapshot_threshold(&raft_, is_large() ? std::numeric_limits<unsigned>::max() : settings_.snapshot_threshold); }

void instance::force_snapshot() {
  forced_ = true;
  raft_set_snapshot_threshold(&raft_, 1);
}

int instance::fsm_apply(raft_fsm* fsm, const raft_buffer* buf, void** result) {
  instance& self = of(fsm);
  *result = nullptr;
  // libraft counts an entry as applied after this call.
  uint64_t index = self.raft_.last_applied + 1;
  return self.owner_.apply_entry(index, {static_cast<const char*>(buf->base), buf->len}) ? 0 : RAFT_CORRUPT;
}

// A follower may refuse a snapshot without a word (it is still busy with an older one); libraft then sends another only
// after this time.
void instance::note_snapshot_size(size_t bytes) {
  snapshot_size_ = bytes;
  if (!forced_) wait_for_entries();
  uint64_t ms = static_cast<uint64_t>(settings_.install_snapshot_timeout.ms()) + bytes / snapshot_bytes_per_ms;
  raft_set_install_snapshot_timeout(&raft_, static_cast<unsigned>(std::min<uint64_t>(ms, 3'600'000)));
}

int instance::fsm_restore(raft_fsm* fsm, raft_buffer* buf) {
  of(fsm).note_snapshot_size(buf->len);
  if (!of(fsm).owner_.restore_state({static_cast<const char*>(buf->base), buf->len})) return RAFT_CORRUPT;
  // libraft leaves it to us once it was accepted.
  raft_free(buf->base);
  return 0;
}

// How many entries to keep behind the snapshot: not more than fit into the byte limit.
unsigned instance::trailing_entries(uint64_t snapshot_index) const {
  uint64_t bytes = 0;
  unsigned count = 0;
  while (count < settings_.snapshot_trailing && count < snapshot_index) {
    const raft_entry* entry = log_entry(snapshot_index - count);
    if (entry == nullptr) break;
    bytes += entry->buf.len;
    if (bytes > settings_.snapshot_trailing_bytes) break;
    count++;
  }
  // 0 would mean to libraft that the log is to be replaced.
  return std::max(1u, count);
}

int instance::fsm_snapshot(raft_fsm* fsm, raft_buffer* bufs[], unsigned* n) {
  instance& self = of(fsm);
  if (!self.forced_ && uv_now(self.loop_) < self.snapshot_not_before_) return RAFT_BUSY;
  self.forced_ = false;
  self.taking_ = true;
  self.log_bytes_ = 0;
  self.snapshot_index_ = self.raft_.last_applied;
  self.serialiser_ = self.owner_.freeze_state();
  self.wait_for_entries();
  raft_set_snapshot_trailing(&self.raft_, self.trailing_entries(self.snapshot_index_));
  *bufs = nullptr;
  *n = 0;
  return 0;
}

int instance::fsm_snapshot_async(raft_fsm* fsm, raft_buffer* bufs[], unsigned* n) {
  instance& self = of(fsm);
  auto data = self.serialiser_();
  self.serialiser_ = nullptr;
  if (data && data->size() > snapshot_bytes_max) {
    data = fail(errc::too_large, "the state is {} bytes; a snapshot holds at most {}", data->size(), snapshot_bytes_max);
  }
  if (!data) {
    self.snapshot_error_ = data.error();
    return RAFT_IOERR;
  }
  self.snapshot_data_ = std::move(*data);
  self.snapshot_header_ = snapshot_header(self.snapshot_index_, self.snapshot_data_);
  auto* out = static_cast<raft_buffer*>(raft_malloc(2 * sizeof(raft_buffer)));
  out[0] = {self.snapshot_header_.data(), self.snapshot_header_.size()};
  out[1] = {self.snapshot_data_.data(), self.snapshot_data_.size()};
  *bufs = out;
  *n = 2;
  return 0;
}

int instance::fsm_snapshot_finalize(raft_fsm* fsm, raft_buffer* bufs[], unsigned* n) {
  instance& self = of(fsm);
  if (*bufs != nullptr) raft_free(*bufs);
  *bufs = nullptr;
  *n = 0;
  self.note_snapshot_size(self.snapshot_data_.size());
  self.snapshot_data_ = std::string();
  self.snapshot_header_ = std::string();
  if (self.snapshot_error_) {
    error e = *std::exchange(self.snapshot_error_, std::nullopt);
    self.snapshot_stored(fail(std::move(e)));
  }
  return 0;
}

void instance::snapshot_stored(result<> r) {
  if (!std::exchange(taking_, false)) return;  // one that a leader sent
  if (!r) snapshot_not_before_ = uv_now(loop_) + snapshot_retry_ms;
  owner_.snapshot_finished(std::move(r));
}

}  // namespace drover::raft
