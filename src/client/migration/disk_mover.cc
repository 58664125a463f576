#include "client/migration/disk_mover.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "client/artifact/fetch.h"
#include "client/beneath.h"
#include "client/kill_point.h"
#include "client/migration/archive.h"
#include "client/migration/limits.h"
#include "client/system.h"
#include "net/http_client.h"
#include "net/task_scope.h"
#include "schema/alloc_rpc.h"
#include "schema/node_rpc.h"

namespace drover::client {

namespace fs = std::filesystem;

namespace {
bool has_ended(const schema::allocation& a) { return a.client_status == "complete" || a.client_status == "failed" || a.client_status == "lost"; }

result<> append(int fd, std::string_view data) {
  while (!data.empty()) {
    auto n = ::write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error(errno, "write a snapshot"));
    data.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

// Blocking. What the other node could not read is named in a file.
result<> unpack_snapshot(const std::string& file, const std::string& into, const std::string& previous_id) {
  TRY(make_directories(into));
  TRY(unpack(file, archive_kind::tar, "", into, {.files_max = limits::snapshot_files_max, .bytes_max = limits::snapshot_bytes_max, .keep_owner = true}));
  auto wrong = read_beneath(into, snapshot_error_name(previous_id), limits::snapshot_error_bytes_max);
  if (wrong) return fail(errc::unavailable, "the other node could not read all of it: {}", *wrong);
  return {};
}
}  // namespace

disk_mover::disk_mover(rpc::channel& servers, net::blocking_pool& pool, disk_mover_options options, log::logger logger)
    : servers_(servers), pool_(pool), options_(std::move(options)), logger_(std::move(logger)) {}

// Null: the servers know it no more, or this one is not wanted any more.
net::awaitable<result<schema::ref<schema::allocation>>> disk_mover::wait_for_end(schema::ref<schema::allocation> alloc) {
  schema::alloc_specific_request request;
  request.region = options_.region;
  request.namespace_ = alloc->namespace_;
  request.allow_stale = true;
  request.alloc_id = alloc->previous_allocation;
  request.max_query_time = limits::previous_query_time;
  while (options_.wanted(alloc->id)) {
    request.auth_token = options_.secret();
    auto reply = co_await rpc::call<schema::single_alloc_response>(servers_, "Alloc.GetAlloc", request);
    if (!reply && reply.error().code() == errc::cancelled) co_return fail(reply.error());
    if (!reply && reply.error().code() == errc::not_found) co_return nullptr;
    if (!reply) {
      logger_.warn("cannot ask for the allocation before", {{"alloc_id", alloc->id}, {"error", reply.error().text()}});
      co_await net::sleep_for(limits::snapshot_retry);
      continue;
    }
    if (!reply->alloc) co_return nullptr;
    if (has_ended(*reply->alloc)) co_return reply->alloc;
    // Servers that know less than was seen before would answer at once, for ever.
    if (reply->index <= request.min_query_index) co_await net::sleep_for(milliseconds(20));
    request.min_query_index = reply->index;
  }
  co_return nullptr;
}

net::awaitable<result<>> disk_mover::download(std::string alloc_id, schema::allocation previous, std::string file) {
  schema::node_specific_request request;
  request.region = options_.region;
  request.auth_token = options_.secret();
  request.allow_stale = true;
  request.node_id = previous.node_id;
  CO_TRY_ASSIGN(auto found, co_await rpc::call<schema::single_node_response>(servers_, "Node.GetNode", std::move(request)));
  if (!found.node) co_return fail(errc::not_found, "the node {} is not known any more", previous.node_id);
  bool secured = found.node->tls_enabled;
  CO_TRY_ASSIGN(auto client,
                net::http_client::create({.address = (secured ? "https://" : "http://") + found.node->http_addr, .tls = secured && tls ? tls() : nullptr}));
  net::http_client_request asked{.target = "/v1/client/allocation/" + previous.id + "/snapshot"};
  asked.headers.set("X-Nomad-Token", options_.token(alloc_id));
  CO_TRY_ASSIGN(auto body, co_await net::with_deadline(client->open(std::move(asked)), net::after(limits::snapshot_stall)));
  if (body->status() != 200) {
    auto said = co_await net::with_deadline(body->read_all(limits::snapshot_error_bytes_max), net::after(limits::snapshot_stall));
    co_return fail(body->status() == 404 ? errc::not_found : errc::unavailable, "the node {} answers {}: {}", found.node->name, body->status(),
                   said ? *said : "");
  }
  descriptor out(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (out.get() < 0) co_return fail(system_error(errno, "create " + file));
  for (int64_t total = 0;;) {
    auto part = co_await net::with_deadline(body->read(), net::after(limits::snapshot_stall));
    if (!part) co_return wrap(part.error(), "the snapshot broke off");
    if (part->empty()) co_return result<>{};
    total += static_cast<int64_t>(part->size());
    if (total > limits::snapshot_bytes_max) co_return fail(errc::too_large, "the snapshot is larger than {} bytes", limits::snapshot_bytes_max);
    CO_TRY(co_await pool_.run([&] { return append(out.get(), *part); }));
  }
}

net::awaitable<result<>> disk_mover::fetch(std::string alloc_id, schema::allocation previous, std::vector<std::string> tasks, alloc_dir into) {
  auto beside = into.root() + "/.moving";
  auto file = beside + "/snapshot.tar";
  CO_TRY(co_await pool_.run([&]() -> result<> {
    TRY(alloc_dir(beside).destroy());
    return make_directories(beside, 0700);
  }));
  auto pause = limits::snapshot_retry;
  for (int attempt = 1;; ++attempt) {
    auto done = co_await download(alloc_id, previous, file);
    if (done) break;
    if (done.error().code() == errc::not_found || done.error().code() == errc::cancelled || attempt == limits::snapshot_attempts) co_return done;
    co_await net::sleep_for(pause);
    pause = pause * 2;
  }
  kill_point("disk_fetched");
  co_return co_await pool_.run([&]() -> result<> {
    TRY(unpack_snapshot(file, beside + "/disk", previous.id));
    return into.take_over(alloc_dir(beside + "/disk"), tasks);
  });
}

net::awaitable<result<>> disk_mover::move(schema::ref<schema::allocation> alloc, std::vector<std::string> tasks, alloc_dir into, std::string done_file) {
  std::error_code failed;
  if (fs::exists(done_file, failed)) co_return result<>{};
  CO_TRY_ASSIGN(auto previous, co_await wait_for_end(alloc));
  // An agent that has just begun hears of tokens a moment later than of what it was running.
  for (auto pause = milliseconds(20); previous && options_.token(alloc->id).empty() && options_.wanted(alloc->id) && pause < limits::snapshot_stall;
       pause = pause * 2)
    co_await net::sleep_for(pause);
  if (previous) {
    auto moved = options_.token(alloc->id).empty() ? result<>(fail(errc::permission_denied, "the servers gave no token for it"))
                                                   : co_await fetch(alloc->id, *previous, std::move(tasks), into);
    if (!moved && moved.error().code() == errc::cancelled) co_return moved;
    if (moved) logger_.info("the disk of the allocation before was fetched", {{"alloc_id", alloc->id}, {"previous_alloc", previous->id}});
    else
      logger_.error("error migrating data from previous alloc: it starts with an empty disk",
                    {{"alloc_id", alloc->id}, {"previous_alloc", previous->id}, {"error", moved.error().text()}});
  }
  co_return co_await pool_.run([&]() -> result<> {
    TRY(alloc_dir(into.root() + "/.moving").destroy());
    TRY(make_directories(fs::path(done_file).parent_path(), 0700));
    if (!std::ofstream(done_file)) return fail(errc::io, "cannot create {}", done_file);
    return {};
  });
}

}  // namespace drover::client
