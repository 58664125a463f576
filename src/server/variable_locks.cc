#include "server/variable_locks.h"

#include <algorithm>

#include "server/limits.h"
#include "server/replicator.h"
#include "state/tables.h"

namespace drover::server {

using state::table;

variable_locks::variable_locks(server_context& context) : context_(context), scope_(context.loop, context.logger.named("variables")) { scope_.spawn(watch()); }

void variable_locks::establish() {
  held_.clear();
  state::visit<table::variables>(context_.state(), state::starting({}), [&](const auto& v) {
    if (v->lock) hold(*v);
    return true;
  });
  changed_.notify_all();
}

void variable_locks::revoke() { held_.clear(); }

void variable_locks::hold(const state::sealed_variable& v) {
  held_[{v.namespace_, v.path}] = {.lock = *v.lock, .ends = net::after(v.lock->ttl), .expired = false};
  changed_.notify_all();
}

void variable_locks::note(const state::sealed_variable* before, const state::sealed_variable* after) {
  if (after == nullptr || !after->lock) {
    if (before != nullptr && before->lock) held_.erase({before->namespace_, before->path});
  } else if (before == nullptr || !before->lock || before->lock->id != after->lock->id) {
    hold(*after);
  }
}

bool variable_locks::renew(const std::string& ns, const std::string& path, const std::string& lock_id) {
  auto found = held_.find({ns, path});
  if (found == held_.end() || found->second.lock.id != lock_id || found->second.expired) return false;
  found->second.ends = net::after(found->second.lock.ttl);
  changed_.notify_all();
  return true;
}

net::time_point variable_locks::next_end() const {
  auto next = net::never;
  for (const auto& [of, each] : held_) next = std::min(next, each.ends);
  return next;
}

net::awaitable<void> variable_locks::watch() {
  for (;;) {
    co_await changed_.wait(next_end());
    auto now = net::now();
    for (auto& [of, each] : held_) {
      if (each.ends > now) continue;
      if (!each.expired) {
        each.expired = true;
        each.ends = net::after(each.lock.lock_delay);
        context_.logger.debug("a lock was not renewed in time", {{"namespace", of.first}, {"path", of.second}});
      } else {
        // Until the release is applied; if it fails it is tried again then.
        each.ends = net::after(variable_release_retry);
        scope_.spawn(&variable_locks::release, this, of, each.lock.id);
      }
    }
  }
}

net::awaitable<void> variable_locks::release(key of, std::string lock_id) {
  fsm::variable_apply_request request;
  request.op = "lock-release";
  request.var.namespace_ = of.first;
  request.var.path = of.second;
  request.var.lock = schema::variable_lock{.id = std::move(lock_id), .ttl = {}, .lock_delay = {}};
  auto done = co_await context_.replicate->apply<fsm::command_type::variable_apply>(request);
  if (!done && context_.is_leader)
    context_.logger.warn("an ended lock could not be released", {{"namespace", of.first}, {"path", of.second}, {"error", done.error().text()}});
}

}  // namespace drover::server
