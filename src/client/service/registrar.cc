#include "client/service/registrar.h"

#include "client/limits.h"
#include "client/retry.h"
#include "schema/alloc_rpc.h"

namespace drover::client {

namespace {
// Another try cannot end differently.
bool is_refusal(errc code) { return code == errc::invalid || code == errc::permission_denied || code == errc::too_large || code == errc::unsupported; }
}  // namespace

registrar::registrar(rpc::channel& servers, node_link& link, std::string region, log::logger logger)
    : servers_(servers), link_(link), region_(std::move(region)), logger_(std::move(logger)) {}

void registrar::put(schema::service_registration wanted) {
  auto id = wanted.id;
  auto ns = wanted.namespace_;
  waiting_[id] = {std::make_shared<const schema::service_registration>(std::move(wanted)), std::move(ns)};
  wake_.notify_all();
}

void registrar::remove(std::string id, std::string namespace_) {
  waiting_[std::move(id)] = {nullptr, std::move(namespace_)};
  wake_.notify_all();
}

// What was asked for meanwhile is newer and stays.
void registrar::keep(changes batch) { waiting_.insert(std::make_move_iterator(batch.begin()), std::make_move_iterator(batch.end())); }

net::awaitable<bool> registrar::send_records(changes batch) {
  schema::service_registration_upsert_request request;
  request.region = region_;
  request.auth_token = link_.node()->secret_id;
  for (auto& [id, each] : batch) request.services.push_back(each.record);
  auto sent = co_await rpc::call<schema::service_registration_upsert_response>(servers_, "ServiceRegistration.Upsert", std::move(request));
  if (sent) co_return true;
  if (is_refusal(sent.error().code())) {
    logger_.error("the servers refuse service registrations", {{"count", batch.size()}, {"first", batch.begin()->first}, {"error", sent.error().text()}});
    co_return true;
  }
  if (sent.error().code() != errc::cancelled) logger_.warn("cannot register services", {{"count", batch.size()}, {"error", sent.error().text()}});
  keep(std::move(batch));
  co_return false;
}

net::awaitable<bool> registrar::send_removal(std::string id, change removal) {
  schema::service_registration_delete_by_id_request request;
  request.region = region_;
  request.namespace_ = removal.namespace_;
  request.auth_token = link_.node()->secret_id;
  request.id = id;
  auto sent = co_await rpc::call<schema::service_registration_delete_by_id_response>(servers_, "ServiceRegistration.DeleteByID", std::move(request));
  if (sent || sent.error().code() == errc::not_found) co_return true;
  // Nomad's servers say so without a code.
  if (sent.error().text().find("service registration not found") != std::string::npos) co_return true;
  if (is_refusal(sent.error().code())) {
    logger_.error("the servers refuse to remove a service registration", {{"id", id}, {"error", sent.error().text()}});
    co_return true;
  }
  if (sent.error().code() != errc::cancelled) logger_.warn("cannot remove a service registration", {{"id", id}, {"error", sent.error().text()}});
  changes back;
  back[std::move(id)] = std::move(removal);
  keep(std::move(back));
  co_return false;
}

net::awaitable<bool> registrar::send() {
  changes records, removals;
  while (!waiting_.empty() && records.size() + removals.size() < limits::registrations_per_call) {
    auto first = waiting_.extract(waiting_.begin());
    (first.mapped().record ? records : removals).insert(std::move(first));
  }
  bool all = true;
  // Removals first: traffic should stop before the task does.
  for (auto& [id, removal] : removals) all &= co_await send_removal(id, removal);
  if (!records.empty()) all &= co_await send_records(std::move(records));
  co_return all;
}

net::awaitable<void> registrar::run() {
  retry_delay retry;
  co_await link_.ready().wait();
  for (;;) {
    while (waiting_.empty()) co_await wake_.wait();
    // Everything that happens in the same moment goes along.
    co_await net::yield();
    if (co_await send()) retry.succeeded();
    else co_await link_.wait_for_servers(retry.next(link_.retry_max()));
  }
}

net::awaitable<void> registrar::flush() {
  while (!waiting_.empty() && link_.ready().is_set())
    if (!co_await send()) co_return;
}

}  // namespace drover::client
