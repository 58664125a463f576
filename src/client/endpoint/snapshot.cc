// FileSystem.Snapshot (ours, inside one agent: it stands behind GET /v1/client/allocation/:id/snapshot): the disk of an allocation as a tar archive,
// for the node that goes on with its work and has the token for it. Payloads are bytes of the archive.
#include "client/client_state.h"
#include "client/limits.h"
#include "client/migration/archive.h"
#include "client/streams.h"
#include "crypto/digest.h"
#include "crypto/migrate_token.h"
#include "rpc/caller.h"

namespace drover::client {

namespace {
awaitable<result<>> send_archive(net::blocking_pool& pool, std::shared_ptr<snapshot_archive> archive, rpc::message_stream* s) {
  for (;;) {
    auto part = co_await pool.run([&] { return archive->next(); });
    if (!part) co_return co_await s->write(stream_error(part.error()));
    if (part->empty()) co_return result<>{};
    CO_TRY(co_await s->write(stream_payload(std::move(*part))));
  }
}
}  // namespace

void endpoints::add_snapshot(rpc::method_table& table) {
  table.add_stream<schema::alloc_specific_request>(
      "FileSystem.Snapshot", [this](context c, schema::alloc_specific_request r, stream s) { return send_snapshot(std::move(c), std::move(r), std::move(s)); });
}

rpc::awaitable<result<>> endpoints::send_snapshot(context, schema::alloc_specific_request request, stream s) {
  auto opened = [&]() -> result<std::shared_ptr<snapshot_archive>> {
    if (!crypto::same_digest(request.auth_token, crypto::migrate_token(state_.link->node()->secret_id, request.alloc_id)))
      return fail(errc::permission_denied, "Permission denied");
    if (streams_ >= limits::streams_max) return fail(errc::unavailable, "this node serves {} streams already", streams_);
    TRY_ASSIGN(auto runner, find(request.alloc_id));
    std::vector<std::string> tasks;
    for (auto& task : runner->group().tasks) tasks.push_back(task.name);
    TRY_ASSIGN(auto made, snapshot_archive::open(runner->dir(), request.alloc_id, std::move(tasks)));
    return std::shared_ptr<snapshot_archive>(std::move(made));
  }();
  if (!opened) co_return co_await s->write(stream_error(opened.error()));
  counted_stream here(streams_);
  co_return co_await rpc::while_caller_stays(s.get(), send_archive(state_.pool, *std::move(opened), s.get()));
}

}  // namespace drover::client
