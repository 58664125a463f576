// Everything a node does besides entries: barriers, snapshots on demand, membership. And the public class, which only
// forwards.
#include "base/log.h"
#include "raft/limits.h"
#include "raft/node_impl.h"

namespace drover::raft {

void node::impl::barrier(callback done) {
  post([this, done = std::move(done)](result<> r) {
    if (!r) return done(std::move(r));
    if (!instance_->leads()) return done(fail(not_leading()));
    // Nobody else can have become leader, and what was answered before was applied before.
    if (instance_->sole_voter() && announced_term_ == instance_->raft().current_term) return done({});
    struct request {
      barrier_request barrier{};
      callback done;
    };
    auto* q = new request{{}, done};
    q->barrier.data = q;
    int status = raft_barrier(&instance_->raft(), &q->barrier, [](barrier_request* barrier, int s) {
      std::unique_ptr<request> finished(static_cast<request*>(barrier->data));
      finished->done(s == 0 ? result<>() : fail(libraft_error(s, "the barrier was not committed")));
    });
    if (status == 0) return;
    delete q;
    done(fail(status == RAFT_NOTLEADER ? not_leading() : libraft_error(status, "cannot append a barrier")));
  });
}

void node::impl::save_snapshot(snapshot_callback done) {
  post([this, done = std::move(done)](result<> r) {
    if (!r) return done(fail(r.error()));
    struct work {
      uv_work_t request{};
      impl* self;
      state_machine::serialiser serialise;
      snapshot_callback done;
      saved_snapshot saved;
      result<std::string> data;
    };
    auto* w = new work{{}, this, machine_.snapshot(), done, {machine_index_, instance_->term_of(machine_index_), {}}, {}};
    w->request.data = w;
    workers_++;
    uv_queue_work(
        &loop_, &w->request,
        [](uv_work_t* request) {
          auto* self = static_cast<work*>(request->data);
          self->data = self->serialise();
        },
        [](uv_work_t* request, int) {
          std::unique_ptr<work> finished(static_cast<work*>(request->data));
          finished->self->workers_--;
          if (!finished->data) return finished->done(fail(finished->data.error()));
          finished->saved.data = std::move(*finished->data);
          finished->done(std::move(finished->saved));
        });
  });
}

// libraft takes snapshots only after it applied something; a barrier is that something.
result<uint64_t> node::impl::request_snapshot() {
  if (!instance_->leads()) return fail(not_leading());
  auto request = std::make_unique<barrier_request>();
  instance_->force_snapshot();
  int status = raft_barrier(&instance_->raft(), request.get(), [](barrier_request* finished, int) { delete finished; });
  if (status != 0) return fail(libraft_error(status, "cannot append a barrier"));
  return request.release()->index;
}

void node::impl::compact(callback done) {
  post([this, done = std::move(done)](result<> r) {
    if (!r) return done(std::move(r));
    auto index = request_snapshot();
    if (!index) return done(fail(index.error()));
    compactions_.push_back({*index, done});
  });
}

void node::impl::change(std::string doing, change_call call, callback done) {
  post([this, doing = std::move(doing), call = std::move(call), done = std::move(done)](result<> r) {
    if (!r) return done(std::move(r));
    if (!instance_->leads()) return done(fail(not_leading()));
    struct request {
      raft_change change{};
      std::string doing;
      callback done;
    };
    auto* q = new request{{}, doing, done};
    q->change.data = q;
    ::raft& raft = instance_->raft();
    *raft.errmsg = '\0';
    int status = call(&raft, &q->change, [](raft_change* change, int s) {
      std::unique_ptr<request> finished(static_cast<request*>(change->data));
      finished->done(s == 0 ? result<>() : fail(libraft_error(s, finished->doing)));
    });
    if (status == 0) return;
    // libraft keeps the request in one of its ways to fail.
    if (raft.state == RAFT_LEADER && raft.leader_state.change == &q->change) raft.leader_state.change = nullptr;
    delete q;
    done(fail(libraft_error(status, doing, raft.errmsg)));
  });
}

void node::impl::transfer(uint64_t id, callback done) {
  post([this, id, done = std::move(done)](result<> r) {
    if (!r) return done(std::move(r));
    if (!instance_->leads()) return done(fail(not_leading()));
    struct request {
      transfer_request transfer{};
      impl* self;
      uint64_t id;
      callback done;
    };
    auto* q = new request{{}, this, id, done};
    q->transfer.data = q;
    int status = raft_transfer(&instance_->raft(), &q->transfer, id, [](transfer_request* transfer) {
      std::unique_ptr<request> finished(static_cast<request*>(transfer->data));
      impl& self = *finished->self;
      raft_id leader = 0;
      const char* address = nullptr;
      if (self.instance_) raft_leader(&self.instance_->raft(), &leader, &address);
      bool moved = finished->id != 0 ? leader == finished->id : leader != 0 && leader != self.settings_.id;
      if (moved) return finished->done({});
      finished->done(fail(errc::unavailable, "no other server took over leadership in time"));
    });
    if (status == 0) return;
    delete q;
    done(fail(libraft_error(status, "cannot transfer leadership")));
  });
}

// libraft writes a first configuration only before it starts, so the (empty) instance is closed and opened again.
void node::impl::bootstrap(std::vector<server> members, bool elect_now, callback done) {
  post([this, members = std::move(members), elect_now, done = std::move(done)](result<> r) {
    if (!r) return done(std::move(r));
    if (members.empty() || members.size() > servers_max) {
      return done(fail(errc::invalid, "a first configuration has 1 to {} servers, not {}", servers_max, members.size()));
    }
    if (instance_->last_index() != 0) return done(fail(errc::conflict, "this server belongs to a cluster already"));
    settings_.bootstrap = members;
    bootstrapping_ = first_configuration{elect_now, done};
    instance_->close();
  });
}

// ---- node

node::node(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
node::~node() = default;

result<std::unique_ptr<node>> node::start(options o, state_machine& machine) {
  auto i = std::make_unique<impl>(std::move(o), machine);
  TRY(i->start());
  return std::unique_ptr<node>(new node(std::move(i)));
}

void node::apply(std::string entry, apply_callback done, std::shared_ptr<void> proposed, handing hand) {
  impl_->apply(std::move(entry), std::move(done), std::move(proposed), hand);
}
void node::wake() { impl_->wake(); }
void node::barrier(callback done) { impl_->barrier(std::move(done)); }
bool node::is_leader() const { return impl_->is_leader(); }
bool node::is_sole_voter() const { return impl_->is_sole_voter(); }
uint64_t node::term() const { return impl_->term(); }
raft::leadership node::leader() const { return impl_->leader(); }
uint64_t node::last_applied() const { return impl_->last_applied(); }
raft::stats node::stats() const { return impl_->stats(); }
void node::save_snapshot(snapshot_callback done) { impl_->save_snapshot(std::move(done)); }
void node::compact(callback done) { impl_->compact(std::move(done)); }
void node::stop() { impl_->stop(); }

void node::add(uint64_t id, std::string address, callback done) {
  if (id == 0 || address.empty() || address.size() > address_bytes_max) {
    return impl_->post([done = std::move(done), id, address = std::move(address)](const result<>&) {
      done(fail(errc::invalid, "a server needs an id (here {}) and an address of 1 to {} characters (here '{}')", id, address_bytes_max, address));
    });
  }
  impl_->change(
      fmt::format("cannot add server {} ({})", id, address),
      [id, address](::raft* r, raft_change* q, raft_change_cb cb) { return raft_add(r, q, id, address.c_str(), cb); }, std::move(done));
}

void node::assign(uint64_t id, role to, callback done) {
  int number = to == role::voter ? RAFT_VOTER : to == role::standby ? RAFT_STANDBY : RAFT_SPARE;
  impl_->change(
      fmt::format("cannot make server {} a {}", id, name(to)),
      [id, number](::raft* r, raft_change* q, raft_change_cb cb) { return raft_assign(r, q, id, number, cb); }, std::move(done));
}

void node::remove(uint64_t id, callback done) {
  impl_->change(
      fmt::format("cannot remove server {}", id), [id](::raft* r, raft_change* q, raft_change_cb cb) { return raft_remove(r, q, id, cb); }, std::move(done));
}

void node::bootstrap(std::vector<server> members, bool elect_now, callback done) { impl_->bootstrap(std::move(members), elect_now, std::move(done)); }

void node::transfer(uint64_t id, callback done) { impl_->transfer(id, std::move(done)); }

}  // namespace drover::raft
