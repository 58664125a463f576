// Operator.SnapshotSave and Operator.SnapshotRestore (schema/snapshot_rpc.h has the messages).
#include <boost/asio/awaitable.hpp>

#include "codec/msgpack.h"
#include "codec/snappy.h"
#include "fsm/saved_state.h"
#include "net/blocking.h"
#include "raft/limits.h"
#include "raft/raft.h"
#include "schema/operator_rpc.h"
#include "schema/snapshot_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/forward.h"
#include "server/limits.h"
#include "server/membership.h"
#include "server/raft_await.h"
#include "server/reads.h"
#include "server/replicator.h"
#include "server/snapshot_archive.h"

namespace drover::server {
namespace {

using stream = std::unique_ptr<rpc::message_stream>;

// ---- where it is done

// The server that a stream is passed on to; nothing: it is answered here.
template <class Request>
awaitable<result<std::optional<server_address>>> elsewhere(server_context& context, std::string method, const Request& request, bool stale_is_fine) {
  if (context.forward == nullptr) co_return std::nullopt;
  if (!context.forward->is_own(request.region)) {
    CO_TRY_ASSIGN(auto there, co_await context.forward->server_in(request.region));
    co_return there;
  }
  if (context.is_leader || stale_is_fine) co_return std::nullopt;
  auto leader = context.leadership.leader_id;
  auto address = leader == 0 ? std::string() : context.membership->rpc_address_of(leader);
  if (address.empty() || forwarder::is_last_hop(write_route_of(method, request, {}))) co_return fail(errc::unavailable, "No cluster leader");
  co_return server_address{address, context.options.region};
}

awaitable<result<>> pump(rpc::message_stream* from, rpc::message_stream* to) {
  for (;;) {
    CO_TRY_ASSIGN(auto message, co_await from->read());
    if (!message) break;
    CO_TRY(co_await to->write(*std::move(message)));
  }
  to->close_write();
  co_return result<>{};
}

// Both ways until the callee's answer has ended.
template <class Request>
awaitable<result<>> pass_on(server_context& context, std::string method, server_address to, Request request, stream caller) {
  CO_TRY_ASSIGN(auto callee, co_await context.forward->open_at(std::move(to), write_route_of(method, request, {})));
  net::task_scope input(context.loop, context.logger);
  input.spawn(pump(caller.get(), callee.get()));
  result<> done = fail(errc::cancelled, "the stream was given up");
  try {
    done = co_await pump(callee.get(), caller.get());
  } catch (const std::exception& e) {
    if (!net::is_cancellation(e)) throw;
  }
  co_await net::keep_going();
  co_await input.stop();
  co_return done;
}

template <class Response>
awaitable<result<>> answer_failure(rpc::message_stream& caller, const error& why) {
  Response response;
  response.error_code = http_status(why.code());
  response.error_msg = why.text();
  CO_TRY(co_await caller.write(codec::to_msgpack(response)));
  caller.close_write();
  co_return result<>{};
}

// ---- saving

awaitable<result<std::string>> make_snapshot(server_context& context, bool stale_is_fine, uint64_t& index) {
  if (!stale_is_fine) CO_TRY(co_await context.replicate->barrier());
  CO_TRY_ASSIGN(auto saved, co_await await_raft<raft::saved_snapshot>(*context.raft_answers,
                                                                      [&](raft::snapshot_callback done) { context.raft->save_snapshot(std::move(done)); }));
  CO_TRY_ASSIGN(auto place, fsm::place_of(saved.data));
  index = place.index;
  auto stats = context.raft->stats();
  snapshot_archive archive;
  archive.meta.index = place.index;
  archive.meta.term = saved.term;
  archive.meta.id = fmt::format("{}-{}-{}", saved.term, place.index, context.now_ns() / 1'000'000);
  archive.meta.size = static_cast<int64_t>(saved.data.size());
  archive.meta.configuration_index = stats.configuration_index;
  for (const auto& each : stats.servers)
    archive.meta.configuration.servers.push_back({.suffrage = each.role == raft::role::voter ? 0 : 1,
                                                  .id = context.membership->uuid_of(each.id),
                                                  .address = context.membership->rpc_address_of(each.id)});
  archive.state = std::move(saved.data);
  net::blocking_pool worker(context.loop, 1);
  co_return co_await worker.run([&] { return write_archive(archive); });
}

awaitable<result<>> send_snapshot(server_context& context, const schema::snapshot_save_request& request, rpc::message_stream& caller) {
  schema::snapshot_save_response response;
  auto file = co_await make_snapshot(context, request.allow_stale, response.index);
  if (!file) co_return co_await answer_failure<schema::snapshot_save_response>(caller, file.error());
  response.snapshot_checksum = archive_checksum(*file);
  response.known_leader = context.has_leader();
  CO_TRY(co_await caller.write(codec::to_msgpack(response)));
  for (std::string_view rest = *file; !rest.empty(); rest.remove_prefix(std::min(rest.size(), snapshot_piece_bytes))) {
    schema::stream_err_wrapper piece;
    piece.payload = bytes(std::string(rest.substr(0, snapshot_piece_bytes)));
    CO_TRY(co_await caller.write(codec::to_msgpack(piece)));
  }
  caller.close_write();
  context.logger.info("snapshot saved", {{"index", response.index}, {"bytes", file->size()}});
  co_return result<>{};
}

awaitable<result<>> save(server_context& context, called_method called, schema::snapshot_save_request request, stream caller) {
  constexpr const char* method = "Operator.SnapshotSave";
  auto to = co_await elsewhere(context, method, request, request.allow_stale);
  if (!to) co_return co_await answer_failure<schema::snapshot_save_response>(*caller, to.error());
  if (*to) co_return co_await pass_on(context, method, **to, std::move(request), std::move(caller));
  auto may = co_await check_here(context, called, request.auth_token, request.namespace_, schema::view(request));
  if (!may) co_return co_await answer_failure<schema::snapshot_save_response>(*caller, may.error());
  co_return co_await send_snapshot(context, request, *caller);
}

// ---- restoring

awaitable<result<std::string>> receive_file(rpc::message_stream& caller) {
  std::string file;
  for (;;) {
    CO_TRY_ASSIGN(auto message, co_await caller.read());
    if (!message) co_return file;
    CO_TRY_ASSIGN(auto piece, codec::from_msgpack<schema::stream_err_wrapper>(*message));
    if (piece.error && piece.error->message == "EOF") co_return file;
    if (piece.error) co_return fail(errc::closed, "the caller broke off: {}", piece.error->message);
    if (file.size() + piece.payload.size() > snapshot_file_bytes_max)
      co_return fail(errc::too_large, "the snapshot has more than {} bytes", snapshot_file_bytes_max);
    file += piece.payload.data;
  }
}

// Everything is checked, and loaded once beside the living state, before anything changes.
result<std::string> make_restore_entry(const std::string& file) {
  TRY_ASSIGN(auto archive, read_archive(file));
  state::store scratch;
  auto transaction = scratch.begin_restore(archive.meta.index);
  TRY(fsm::load_state(archive.state, transaction));
  transaction.commit();
  auto entry = fsm::encode<fsm::command_type::restore_state>({bytes(codec::snappy_compress(archive.state))});
  if (entry.size() > raft::entry_bytes_max)
    return fail(errc::too_large, "the state takes {} bytes in the log, where an entry has at most {}", entry.size(), raft::entry_bytes_max);
  return entry;
}

awaitable<result<uint64_t>> restore_from(server_context& context, rpc::message_stream& caller) {
  CO_TRY_ASSIGN(auto file, co_await receive_file(caller));
  net::blocking_pool worker(context.loop, 1);
  auto entry = co_await worker.run([&] { return make_restore_entry(file); });
  if (!entry) co_return wrap(std::move(entry).error(), "failed to restore from snapshot");
  context.logger.warn("the state of the cluster is replaced by a snapshot", {{"bytes", file.size()}});
  CO_TRY_ASSIGN(auto index, co_await context.replicate->apply_encoded(*std::move(entry)));
  context.logger.info("snapshot restored", {{"index", index}});
  co_return index;
}

awaitable<result<>> restore(server_context& context, called_method called, schema::snapshot_restore_request request, stream caller) {
  constexpr const char* method = "Operator.SnapshotRestore";
  auto to = co_await elsewhere(context, method, request, false);
  if (!to) co_return co_await answer_failure<schema::snapshot_restore_response>(*caller, to.error());
  if (*to) co_return co_await pass_on(context, method, **to, std::move(request), std::move(caller));
  auto may = co_await check_here(context, called, request.auth_token, request.namespace_, schema::view(request));
  if (!may) co_return co_await answer_failure<schema::snapshot_restore_response>(*caller, may.error());
  auto done = co_await restore_from(context, *caller);
  if (!done) co_return co_await answer_failure<schema::snapshot_restore_response>(*caller, done.error());
  schema::snapshot_restore_response response;
  response.index = *done;
  response.known_leader = true;
  CO_TRY(co_await caller->write(codec::to_msgpack(response)));
  caller->close_write();
  co_return result<>{};
}

}  // namespace

void add_snapshot_methods(rpc::method_table& table, server_context& context) {
  auto saving = method_of<schema::snapshot_save_request>(context, "Operator.SnapshotSave");
  table.add_stream<schema::snapshot_save_request>("Operator.SnapshotSave",
                                                  [&context, saving](rpc::call_context call, schema::snapshot_save_request request, stream caller) {
                                                    return save(context, as_called(saving, call), std::move(request), std::move(caller));
                                                  });
  auto restoring = method_of<schema::snapshot_restore_request>(context, "Operator.SnapshotRestore");
  table.add_stream<schema::snapshot_restore_request>("Operator.SnapshotRestore",
                                                     [&context, restoring](rpc::call_context call, schema::snapshot_restore_request request, stream caller) {
                                                       return restore(context, as_called(restoring, call), std::move(request), std::move(caller));
                                                     });
}

}  // namespace drover::server
