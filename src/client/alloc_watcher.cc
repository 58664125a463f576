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
}

alloc_watcher::alloc_watcher(rpc::channel& servers, node_link& link, state_db& db, std::string region, log::logger logger)
    : servers_(servers), link_(link), db_(db), region_(std::move(region)), logger_(std::move(logger)) {
  if (auto stored = db_.fact(index_fact); stored && *stored) highest_ = parse_uint(**stored).value_or(0);
  // The answer at that index is wanted again, and nothing older.
  wait_index_ = highest_ > 0 ? highest_ - 1 : 0;
}

net::awaitable<result<std::vector<schema::ref<schema::allocation>>>> alloc_watcher::pull(std::map<std::string, uint64_t> wanted) {
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
  std::vector<schema::ref<schema::allocation>> out;
  for (auto& [id, index] : wanted) {
    auto it = found.find(id);
    if (it == found.end() || it->second->alloc_modify_index < index)
      co_return fail(errc::unavailable, "the server did not return allocation {} as of index {}", id, index);
    out.push_back(it->second);
  }
  co_return out;
}

net::awaitable<result<>> alloc_watcher::step() {
  schema::node_specific_request request;
  request.region = region_;
  request.auth_token = link_.node()->secret_id;
  request.node_id = link_.node()->id;
  request.secret_id = link_.node()->secret_id;
  request.min_query_index = wait_index_;
  request.max_query_time = limits::query_time;
  request.allow_stale = !first_;
  auto reply = co_await rpc::call<schema::node_client_allocs_response>(servers_, "Node.GetClientAllocs", std::move(request));
  if (!reply) co_return fail(reply.error());
  if (reply->index < highest_)
    co_return fail(errc::unavailable, "the server is at index {}, behind {} that was seen before: its answer is not used", reply->index, highest_);
  // The query timed out without news.
  if (!first_ && reply->index <= wait_index_) co_return result<>{};

  auto have = known();
  alloc_changes changes;
  std::map<std::string, uint64_t> wanted;
  for (auto& [id, index] : have)
    if (!reply->allocs.contains(id)) changes.removed.push_back(id);
  for (auto& [id, index] : reply->allocs) {
    auto it = have.find(id);
    if (it == have.end() || it->second < index) wanted[id] = index;
  }
  if (!wanted.empty()) {
    CO_TRY_ASSIGN(changes.pulled, co_await pull(std::move(wanted)));
  }
  first_ = false;
  wait_index_ = reply->index;
  if (reply->index > highest_) {
    highest_ = reply->index;
    if (auto stored = db_.put_fact(index_fact, std::to_string(highest_)); !stored)
      logger_.error("cannot store the highest index", {{"error", stored.error().text()}});
  }
  apply(std::move(changes));
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
    co_await net::sleep_for(retry.next());
  }
}

}  // namespace drover::client
