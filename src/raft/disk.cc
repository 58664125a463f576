#include "raft/disk.h"

#include <cstddef>

#include "base/ensure.h"

namespace drover::raft {

void disk::wrap(raft_io* io) {
  ENSURE(io_ == nullptr, "a disk wraps one raft_io");
  io_ = io;
  original_ = *io;
  io->append = &disk::append;
  io->truncate = &disk::truncate;
  io->snapshot_put = &disk::snapshot_put;
  io->set_term = &disk::set_term;
}

void disk::forget(request* r) {
  requests_.remove_if([r](const request& candidate) { return &candidate == r; });
}

int disk::append(raft_io* io, raft_io_append* req, const raft_entry entries[], unsigned n, raft_io_append_cb cb) {
  disk& self = of(io);
  size_t bytes = 0;
  for (unsigned i = 0; i < n; i++) bytes += entries[i].buf.len;
  request* r = &self.requests_.emplace_back(request{{}, &self, req, cb, entries, n, false});
  r->req.data = r;
  self.observer_.appended(bytes);
  if (self.failure_) {
    self.held_.push_back(r);
    return 0;
  }
  if (!self.idle()) {
    self.waiting_.push_back(r);
    return 0;
  }
  // An error is not returned: libraft would undo half of what it did. The owner sees failure() and closes.
  self.submit(r);
  return 0;
}

void disk::submit(request* r) {
  in_flight_++;
  appends_++;
  r->submitted = true;
  int status = original_.append(io_, &r->req, r->entries, r->n, &disk::append_done);
  if (status != 0 && r->submitted) {
    r->submitted = false;
    in_flight_--;
    fail_append(r, status);
  }
}

void disk::fail_append(request* r, int status) {
  if (!failure_) failure_ = libraft_error(status, "cannot write the log", io_->errmsg);
  held_.push_back(r);
  // Those behind it can no longer be written at their place.
  for (request* later : waiting_) held_.push_back(later);
  waiting_.clear();
}

void disk::append_done(raft_io_append* req, int status) {
  auto* r = static_cast<request*>(req->data);
  disk& self = *r->self;
  if (!r->submitted) return;  // submit() reported it already
  r->submitted = false;
  self.in_flight_--;
  if (status != 0 && status != RAFT_CANCELED) {
    self.fail_append(r, status);
    return;
  }
  raft_io_append* original = r->original;
  raft_io_append_cb callback = r->callback;
  self.forget(r);
  callback(original, status);
}

void disk::submit_waiting() {
  if (in_flight_ > 0 || waiting_.empty() || failure_) return;
  request* next = waiting_.front();
  waiting_.pop_front();
  submit(next);
}

// libraft numbers entries as it receives them, and these calls change the number that comes next: what waits must be
// received before.
void disk::submit_all_waiting() {
  while (!waiting_.empty() && !failure_) {
    request* next = waiting_.front();
    waiting_.pop_front();
    submit(next);
  }
}

int disk::truncate(raft_io* io, raft_index index) {
  disk& self = of(io);
  self.submit_all_waiting();
  return self.original_.truncate(io, index);
}

int disk::set_term(raft_io* io, raft_term term) {
  disk& self = of(io);
  self.observer_.term_begins(term);
  return self.original_.set_term(io, term);
}

int disk::snapshot_put(raft_io* io, unsigned trailing, raft_io_snapshot_put* req, const raft_snapshot* snapshot, raft_io_snapshot_put_cb cb) {
  disk& self = of(io);
  self.submit_all_waiting();
  self.snapshot_callback_ = cb;
  return self.original_.snapshot_put(io, trailing, req, snapshot, &disk::snapshot_done);
}

void disk::snapshot_done(raft_io_snapshot_put* req, int status) {
  // It is a member of the raft instance, and all that libraft hands back.
  auto* instance = reinterpret_cast<::raft*>(reinterpret_cast<char*>(req) - offsetof(::raft, snapshot.put));
  auto* self = static_cast<disk*>(instance->data);
  self->snapshot_callback_(req, status);
  if (status == 0) {
    self->observer_.snapshot_stored({});
  } else {
    self->observer_.snapshot_stored(fail(libraft_error(status, "cannot store a snapshot")));
  }
}

void disk::cancel_held() {
  for (request* r : waiting_) held_.push_back(r);
  waiting_.clear();
  // The newest first: each callback cuts libraft's copy of the log back to where that append began.
  while (!held_.empty()) {
    request* r = held_.back();
    held_.pop_back();
    raft_io_append* original = r->original;
    raft_io_append_cb callback = r->callback;
    // libraft's own queue may still refer to `r`, so it stays in requests_ until this object goes.
    callback(original, RAFT_CANCELED);
  }
}

}  // namespace drover::raft
