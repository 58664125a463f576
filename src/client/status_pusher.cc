#include "client/status_pusher.h"

#include <algorithm>

#include "client/limits.h"
#include "client/retry.h"
#include "schema/alloc_rpc.h"

namespace drover::client {

status_pusher::status_pusher(rpc::channel& servers, node_link& link, std::string region, log::logger logger)
    : servers_(servers), link_(link), region_(std::move(region)), logger_(std::move(logger)), allowance_(limits::status_burst), refilled_(net::now()) {}

void status_pusher::push(schema::ref<schema::allocation> report, bool urgent) {
  waiting_[report->id] = std::move(report);
  urgent_ |= urgent;
  wake_.notify_all();
}

bool status_pusher::take_allowance() {
  auto now = net::now();
  std::chrono::duration<double> passed = now - refilled_;
  refilled_ = now;
  allowance_ = std::min<double>(limits::status_burst, allowance_ + passed.count() * limits::status_per_second);
  if (allowance_ < 1) return false;
  allowance_ -= 1;
  return true;
}

net::awaitable<bool> status_pusher::send() {
  auto batch = std::move(waiting_);
  waiting_.clear();
  urgent_ = false;
  while (batch.size() > limits::status_allocs_per_call) {
    auto last = std::prev(batch.end());
    waiting_.insert(*last);
    batch.erase(last);
  }
  schema::alloc_update_request request;
  request.region = region_;
  request.auth_token = link_.node()->secret_id;
  for (auto& [id, report] : batch) request.alloc.push_back(report);
  auto sent = co_await rpc::call<schema::generic_response>(servers_, "Node.UpdateAlloc", std::move(request));
  if (sent) co_return true;
  if (sent.error().code() != errc::cancelled) logger_.warn("cannot report allocations", {{"count", batch.size()}, {"error", sent.error().text()}});
  // What changed meanwhile is newer and stays.
  for (auto& entry : batch) waiting_.insert(entry);
  urgent_ = true;
  co_return false;
}

net::awaitable<void> status_pusher::run() {
  retry_delay retry;
  co_await link_.ready().wait();
  for (;;) {
    while (waiting_.empty()) co_await wake_.wait();
    auto until = net::after(limits::status_batch);
    while (!urgent_)
      if (!co_await wake_.wait(until)) break;
    if (urgent_ && !take_allowance()) co_await net::sleep_until(until);
    // Everything that happens in the same moment goes along.
    co_await net::yield();
    if (co_await send()) retry.succeeded();
    else co_await link_.wait_for_servers(retry.next(link_.retry_max()));
  }
}

net::awaitable<void> status_pusher::flush() {
  if (!waiting_.empty() && link_.ready().is_set()) co_await send();
}

}  // namespace drover::client
