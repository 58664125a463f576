#include "client/csi/limits.h"
#include "client/csi/protocol.h"
#include "client/csi/wire.h"

namespace drover::client::csi {

using grpc::message_reader;
using grpc::message_writer;
using way_ptr = std::shared_ptr<grpc::channel>;

namespace {
message_writer encode_topologies(const schema::csi_topology_request& t) {
  message_writer out;
  for (const auto& each : t.required) out.message(1, message_writer().map(1, each.segments));
  for (const auto& each : t.preferred) out.message(2, message_writer().map(1, each.segments));
  return out;
}

template <class Request>
usage usage_of(const Request& r) {
  usage out{.access_mode = r.access_mode, .attachment_mode = r.attachment_mode, .fs_type = {}, .mount_flags = {}};
  if (r.mount_options) {
    out.fs_type = r.mount_options->fs_type;
    out.mount_flags = r.mount_options->mount_flags;
  }
  return out;
}

template <class Request>
result<> add_capabilities(message_writer& m, uint32_t number, const Request& r) {
  for (const auto& each : r.volume_capabilities) {
    usage u{.access_mode = each.access_mode, .attachment_mode = each.attachment_mode, .fs_type = {}, .mount_flags = {}};
    if (r.mount_options) {
      u.fs_type = r.mount_options->fs_type;
      u.mount_flags = r.mount_options->mount_flags;
    }
    TRY_ASSIGN(auto capability, encode(u));
    m.message(number, capability);
  }
  return {};
}
}  // namespace

awaitable<result<schema::client_csi_controller_attach_volume_response>> attach(way_ptr way, schema::client_csi_controller_attach_volume_request r) {
  CO_TRY_ASSIGN(auto capability, encode(usage_of(r)));
  message_writer m;
  m.text(1, r.volume_id).text(2, r.client_csi_node_id).message(3, capability).flag(4, r.read_only).map(5, r.secrets).map(6, r.volume_context);
  CO_TRY_ASSIGN(auto answer, co_await call(way, "Controller/ControllerPublishVolume", std::move(m), limits::controller_timeout));
  schema::client_csi_controller_attach_volume_response out;
  message_reader read(answer);
  while (read.next())
    if (read.number() == 1) read.entry(out.publish_context);
  CO_TRY(read.finish());
  co_return out;
}

awaitable<result<schema::client_csi_controller_detach_volume_response>> detach(way_ptr way, schema::client_csi_controller_detach_volume_request r) {
  message_writer m;
  m.text(1, r.volume_id).text(2, r.client_csi_node_id).map(3, r.secrets);
  auto done = co_await call(way, "Controller/ControllerUnpublishVolume", std::move(m), limits::controller_timeout);
  // What is gone is detached.
  if (!done && done.error().code() != errc::not_found) co_return fail(done.error());
  co_return schema::client_csi_controller_detach_volume_response();
}

awaitable<result<schema::client_csi_controller_validate_volume_response>> validate(way_ptr way, schema::client_csi_controller_validate_volume_request r) {
  message_writer m;
  m.text(1, r.volume_id).map(2, r.context);
  CO_TRY(add_capabilities(m, 3, r));
  m.map(4, r.parameters).map(5, r.secrets);
  CO_TRY_ASSIGN(auto answer, co_await call(way, "Controller/ValidateVolumeCapabilities", std::move(m), limits::controller_timeout));
  bool confirmed = false;
  std::string message;
  message_reader read(answer);
  while (read.next()) {
    if (read.number() == 1) confirmed = true;
    if (read.number() == 2) message = read.string();
  }
  CO_TRY(read.finish());
  if (!confirmed) co_return fail(errc::invalid, "volume capability validation failed: {}", message.empty() ? "the plugin does not confirm it" : message);
  co_return schema::client_csi_controller_validate_volume_response();
}

awaitable<result<schema::client_csi_controller_create_volume_response>> create(way_ptr way, schema::client_csi_controller_create_volume_request r) {
  message_writer m;
  m.text(1, r.name);
  if (r.capacity_min != 0 || r.capacity_max != 0) m.message(2, message_writer().integer(1, r.capacity_min).integer(2, r.capacity_max));
  CO_TRY(add_capabilities(m, 3, r));
  m.map(4, r.parameters).map(5, r.secrets);
  if (!r.snapshot_id.empty()) m.message(6, message_writer().message(1, message_writer().text(1, r.snapshot_id)));
  else if (!r.clone_id.empty()) m.message(6, message_writer().message(2, message_writer().text(1, r.clone_id)));
  if (r.requested_topologies) m.message(7, encode_topologies(*r.requested_topologies));
  CO_TRY_ASSIGN(auto answer, co_await call(way, "Controller/CreateVolume", std::move(m), limits::controller_timeout));
  schema::client_csi_controller_create_volume_response out;
  message_reader outer(answer);
  while (outer.next()) {
    if (outer.number() != 1) continue;
    message_reader v(outer.text());
    while (v.next()) switch (v.number()) {
        case 1: out.capacity_bytes = v.integer(); break;
        case 2: out.external_volume_id = v.string(); break;
        case 3: v.entry(out.volume_context); break;
        case 5: {
          CO_TRY_ASSIGN(auto topology, read_topology(v.text()));
          out.topologies.push_back(std::move(topology));
          break;
        }
      }
    CO_TRY(v.finish());
  }
  CO_TRY(outer.finish());
  if (out.external_volume_id.empty()) co_return fail(errc::corrupt, "the plugin made a volume and does not say its id");
  co_return out;
}

awaitable<result<schema::client_csi_controller_delete_volume_response>> remove(way_ptr way, schema::client_csi_controller_delete_volume_request r) {
  message_writer m;
  m.text(1, r.external_volume_id).map(2, r.secrets);
  auto done = co_await call(way, "Controller/DeleteVolume", std::move(m), limits::controller_timeout);
  if (!done && done.error().code() != errc::not_found) co_return fail(done.error());
  co_return schema::client_csi_controller_delete_volume_response();
}

namespace {
int64_t number_at(const value& v, std::string_view key) {
  const auto* found = v.find(key);
  return found != nullptr && found->as_int() != nullptr ? *found->as_int() : 0;
}

result<> read_source(std::string_view message, schema::csi_volume_external_stub& into) {
  message_reader source(message);
  while (source.next()) {
    auto& id = source.number() == 1 ? into.snapshot_id : into.clone_id;
    message_reader inner(source.text());
    while (inner.next())
      if (inner.number() == 1) id = inner.string();
    TRY(inner.finish());
  }
  return source.finish();
}

result<> read_status(std::string_view message, schema::csi_volume_external_stub& into) {
  message_reader status(message);
  while (status.next()) {
    if (status.number() == 1) into.published_external_node_ids.push_back(status.string());
    if (status.number() != 2) continue;
    message_reader condition(status.text());
    while (condition.next()) {
      if (condition.number() == 1) into.is_abnormal = condition.flag();
      if (condition.number() == 2) into.status = condition.string();
    }
    TRY(condition.finish());
  }
  return status.finish();
}

result<schema::csi_volume_external_stub> read_entry(std::string_view message) {
  schema::csi_volume_external_stub out;
  message_reader entry(message);
  while (entry.next()) {
    if (entry.number() == 2) TRY(read_status(entry.text(), out));
    if (entry.number() != 1) continue;
    message_reader v(entry.text());
    while (v.next()) switch (v.number()) {
        case 1: out.capacity_bytes = v.integer(); break;
        case 2: out.external_id = v.string(); break;
        case 3: v.entry(out.volume_context); break;
        case 4: TRY(read_source(v.text(), out)); break;
      }
    TRY(v.finish());
  }
  TRY(entry.finish());
  return out;
}

result<schema::csi_snapshot> read_snapshot(std::string_view message) {
  schema::csi_snapshot out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: out.size_bytes = r.integer(); break;
      case 2: out.id = r.string(); break;
      case 3: out.external_source_volume_id = r.string(); break;
      case 4: {
        // Seconds, as the HTTP API has them.
        TRY_ASSIGN(auto at, grpc::nanoseconds_of(r.text()));
        out.create_time = at / 1'000'000'000;
        break;
      }
      case 5: out.is_ready = r.flag(); break;
    }
  TRY(r.finish());
  return out;
}
}  // namespace

awaitable<result<schema::client_csi_controller_expand_volume_response>> expand(way_ptr way, schema::client_csi_controller_expand_volume_request r) {
  message_writer m;
  m.text(1, r.external_volume_id);
  m.message(2, message_writer().integer(1, number_at(r.capacity_range, "RequiredBytes")).integer(2, number_at(r.capacity_range, "LimitBytes")));
  m.map(3, r.secrets);
  CO_TRY_ASSIGN(auto answer, co_await call(way, "Controller/ControllerExpandVolume", std::move(m), limits::controller_timeout));
  schema::client_csi_controller_expand_volume_response out;
  message_reader read(answer);
  while (read.next()) {
    if (read.number() == 1) out.capacity_bytes = read.integer();
    if (read.number() == 2) out.node_expansion_required = read.flag();
  }
  CO_TRY(read.finish());
  co_return out;
}

awaitable<result<schema::client_csi_controller_list_volumes_response>> list(way_ptr way, schema::client_csi_controller_list_volumes_request r) {
  message_writer m;
  m.integer(1, r.max_entries).text(2, r.starting_token);
  CO_TRY_ASSIGN(auto answer, co_await call(way, "Controller/ListVolumes", std::move(m), limits::controller_timeout));
  schema::client_csi_controller_list_volumes_response out;
  message_reader read(answer);
  while (read.next()) {
    if (read.number() == 1) {
      CO_TRY_ASSIGN(auto entry, read_entry(read.text()));
      out.entries.push_back(std::move(entry));
    }
    if (read.number() == 2) out.next_token = read.string();
  }
  CO_TRY(read.finish());
  co_return out;
}

awaitable<result<schema::client_csi_controller_create_snapshot_response>> create_snapshot(way_ptr way,
                                                                                          schema::client_csi_controller_create_snapshot_request r) {
  message_writer m;
  m.text(1, r.external_source_volume_id).text(2, r.name).map(3, r.secrets).map(4, r.parameters);
  CO_TRY_ASSIGN(auto answer, co_await call(way, "Controller/CreateSnapshot", std::move(m), limits::controller_timeout));
  schema::client_csi_controller_create_snapshot_response out;
  message_reader read(answer);
  while (read.next()) {
    if (read.number() != 1) continue;
    CO_TRY_ASSIGN(auto made, read_snapshot(read.text()));
    out.id = made.id;
    out.external_source_volume_id = made.external_source_volume_id;
    out.size_bytes = made.size_bytes;
    out.create_time = made.create_time;
    out.is_ready = made.is_ready;
  }
  CO_TRY(read.finish());
  if (out.id.empty()) co_return fail(errc::corrupt, "the plugin made a snapshot and does not say its id");
  co_return out;
}

awaitable<result<schema::client_csi_controller_delete_snapshot_response>> remove_snapshot(way_ptr way,
                                                                                          schema::client_csi_controller_delete_snapshot_request r) {
  message_writer m;
  m.text(1, r.id).map(2, r.secrets);
  auto done = co_await call(way, "Controller/DeleteSnapshot", std::move(m), limits::controller_timeout);
  if (!done && done.error().code() != errc::not_found) co_return fail(done.error());
  co_return schema::client_csi_controller_delete_snapshot_response();
}

awaitable<result<schema::client_csi_controller_list_snapshots_response>> list_snapshots(way_ptr way, schema::client_csi_controller_list_snapshots_request r) {
  message_writer m;
  m.integer(1, r.max_entries).text(2, r.starting_token).map(5, r.secrets);
  CO_TRY_ASSIGN(auto answer, co_await call(way, "Controller/ListSnapshots", std::move(m), limits::controller_timeout));
  schema::client_csi_controller_list_snapshots_response out;
  message_reader read(answer);
  while (read.next()) {
    if (read.number() == 2) out.next_token = read.string();
    if (read.number() != 1) continue;
    message_reader entry(read.text());
    while (entry.next()) {
      if (entry.number() != 1) continue;
      CO_TRY_ASSIGN(auto snapshot, read_snapshot(entry.text()));
      out.entries.push_back(std::move(snapshot));
    }
    CO_TRY(entry.finish());
  }
  CO_TRY(read.finish());
  co_return out;
}

}  // namespace drover::client::csi
