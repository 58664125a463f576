#include "client/alloc_watcher.h"

#include <algorithm>

#include "base/text.h"
#include "client/limits.h"
#include "client/retry.h"
#include "schema/alloc_rpc.h"
#include "schema/node_rpc.h"

namespace drover::client {

namespace {
constexpr const char* index_fact = "highest_alloc_index";
constexpr const char* orphans_fact = "orphans";
}  // namespace

alloc_watcher::alloc_watcher(rpc::channel& servers, node_link& link, state_db& db, std::string region, log::logger logger)
    : servers_(servers), link_(link), db_(db), region_(std::move(region)), logger_(std::move(logger)) {
  if (auto stored = db_.fact(index_fact); stored && *stored) highest_ = parse_uint(**stored).value_or(0);
  if (auto stored = db_.fact(orphans_fact); stored && *stored)
    for (auto id : split(**stored, ' '))
      if (!id.empty()) orphans_.emplace(id);
  // The answer at that index is wanted again, and nothing older.
  wait_index_ = highest_ > 0 ? highest_ - 1 : 0;
}

void alloc_watcher::set_highest(uint64_t index) {
  if (index == highest_) return;
  highest_ = index;
  if (auto stored = db_.put_fact(index_fact, std::to_string(highest_)); !stored)
    logger_.error("cannot store the highest index", {{"error", stored.error().text()}});
}

void alloc_watcher::save_orphans() {
  if (auto stored = db_.put_fact(orphans_fact, join({orphans_.begin(), orphans_.end()}, " ")); !stored)
    logger_.error("cannot store the orphaned allocations", {{"error", stored.error().text()}});
}

net::awaitable<result<>> alloc_watcher::pull(std::vector<std::pair<std::string, uint64_t>> wanted) {
  schema::allocs_get_request request;
  request.region = region_;
  request.auth_token = link_.node()->secret_id;
  request.allow_stale = true;
  uint64_t newest = 0;
  for (auto& [id, index] : wanted) {
    request.alloc_ids.push_back(id);
    newest = std::max(newest, index);
  }
  request.min_query_index = newest > 0 ? newest - 1 : 0;
  request.max_query_time = limits::query_time;
  auto reply = co_await rpc::call<schema::allocs_get_response>(servers_, "Alloc.GetAllocs", std::move(request));
  if (!reply) co_return fail(reply.error());
  std::map<std::string, schema::ref<schema::allocation>> found;
  for (auto& alloc : reply->allocs)
    if (alloc) found[alloc->id] = alloc;
  alloc_changes changes;
  for (auto& [id, index] : wanted) {
    auto it = found.find(id);
    if (it == found.end() || it->second->alloc_modify_index < index)
      co_return fail(errc::unavailable, "the server did not return allocation {} as of index {}", id, index);
    changes.pulled.push_back(it->second);
  }
  apply(std::move(changes));
  co_return result<>{};
}

net::awaitable<result<>> alloc_watcher::prove(uint64_t seen) {
  CO_TRY_ASSIGN(auto index, co_await link_.confirm());
  if (index > 0) {
    proven_ = consistent_ = true;
    other_history_ = index < highest_;
    wait_index_ = 0;
  }
  // Asked again after a pause, so that servers that go on being behind are not flooded.
  co_return fail(errc::unavailable, "the server is at index {}, behind {} that was seen before: its answer is not used", seen, highest_);
}

void alloc_watcher::enter_history(const std::map<std::string, uint64_t>& have, const std::map<std::string, uint64_t>& said) {
  for (auto& [id, index] : have)
    if (!said.contains(id)) orphans_.insert(id);
  save_orphans();
  logger_.error(
      "the servers have another history than before: they were replaced or an older snapshot was restored. Allocations that they do not "
      "know run on",
      {{"unknown_allocations", orphans_.size()}, {"highest_index_before", highest_}});
  if (history_changed) history_changed();
}

// What is to be removed here.
std::vector<std::string> alloc_watcher::gone(const std::map<std::string, uint64_t>& have, const std::map<std::string, uint64_t>& said) {
  std::vector<std::string> out;
  for (auto& [id, index] : have)
    if (!said.contains(id) && !orphans_.contains(id)) out.push_back(id);
  auto before = orphans_.size();
  std::erase_if(orphans_, [&](auto& id) { return said.contains(id) || !have.contains(id); });
  if (orphans_.size() != before) save_orphans();
  return out;
}

net::awaitable<result<>> alloc_watcher::step() {
  bool consistent = consistent_;
  schema::node_specific_request request;
  request.region = region_;
  request.auth_token = link_.node()->secret_id;
  request.node_id = link_.node()->id;
  request.secret_id = link_.node()->secret_id;
  request.min_query_index = wait_index_;
  request.max_query_time = limits::query_time;
  request.allow_stale = !consistent;
  auto reply = co_await rpc::call<schema::node_client_allocs_response>(servers_, "Node.GetClientAllocs", std::move(request));
  if (!reply) co_return fail(reply.error());
  bool proven = consistent && proven_;
  if (reply->index < highest_ && !proven) co_return co_await prove(reply->index);
  // The query timed out without news. The pause is for servers that answer at once instead of waiting.
  if (!consistent && reply->index <= wait_index_) {
    co_await net::sleep_for(limits::retry_first);
    co_return result<>{};
  }

  auto have = known();
  if (proven && other_history_) enter_history(have, reply->allocs);
  std::vector<std::pair<std::string, uint64_t>> wanted;
  for (auto& [id, index] : reply->allocs) {
    auto it = have.find(id);
    if (it == have.end() || it->second != index) wanted.emplace_back(id, index);
  }
  tokens_ = std::move(reply->migrate_tokens);
  proven_ = other_history_ = false;
  if (proven) set_highest(reply->index);
  apply({.removed = gone(have, reply->allocs), .pulled = {}});
  for (size_t at = 0; at < wanted.size(); at += limits::allocs_per_pull) {
    auto end = std::min(at + limits::allocs_per_pull, wanted.size());
    CO_TRY(co_await pull({wanted.begin() + static_cast<std::ptrdiff_t>(at), wanted.begin() + static_cast<std::ptrdiff_t>(end)}));
  }
  consistent_ = false;
  wait_index_ = reply->index;
  set_highest(std::max(highest_, reply->index));
  contacted_.set();
  co_return result<>{};
}

net::awaitable<void> alloc_watcher::run() {
  retry_delay retry;
  co_await link_.ready().wait();
  for (;;) {
    auto done = co_await step();
    if (done) {
      retry.succeeded();
      continue;
    }
    if (done.error().code() == errc::cancelled) co_return;
    logger_.warn("error querying allocations", {{"error", done.error().text()}});
    co_await link_.wait_for_servers(retry.next(link_.retry_max()));
  }
}

}  // namespace drover::client
