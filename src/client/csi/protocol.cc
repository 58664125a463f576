#include "client/csi/protocol.h"

#include <set>

#include "client/csi/limits.h"
#include "client/csi/wire.h"

namespace drover::client::csi {

using grpc::message_reader;
using grpc::message_writer;
using way_ptr = std::shared_ptr<grpc::channel>;

awaitable<result<std::string>> call(way_ptr way, std::string method, message_writer request, duration timeout) {
  co_return co_await way->call("/csi.v1." + method, request.take(), net::after(timeout));
}

result<schema::csi_topology> read_topology(std::string_view message) {
  schema::csi_topology out;
  message_reader r(message);
  while (r.next())
    if (r.number() == 1) r.entry(out.segments);
  TRY(r.finish());
  return out;
}

namespace {
int64_t mode_number(std::string_view mode) {
  if (mode == "single-node-writer") return 1;
  if (mode == "single-node-reader-only") return 2;
  if (mode == "multi-node-reader-only") return 3;
  if (mode == "multi-node-single-writer") return 4;
  if (mode == "multi-node-multi-writer") return 5;
  return 0;
}

// The numbers in Capability { oneof { RPC rpc = 1 { Type type = 1 } } }, and in `at` of PluginCapability.
result<std::set<int64_t>> read_capabilities(std::string_view message, uint32_t at) {
  std::set<int64_t> out;
  message_reader all(message);
  while (all.next()) {
    if (all.number() != 1) continue;
    message_reader one(all.text());
    while (one.next()) {
      if (one.number() != at) continue;
      message_reader inner(one.text());
      while (inner.next())
        if (inner.number() == 1) out.insert(inner.integer());
      TRY(inner.finish());
    }
    TRY(one.finish());
  }
  TRY(all.finish());
  return out;
}

result<> expect_nothing(result<std::string> answer) {
  if (!answer) return fail(answer.error());
  return {};
}
}  // namespace

result<std::string> encode(const usage& u) {
  auto mode = mode_number(u.access_mode);
  if (mode == 0) return fail(errc::invalid, "access mode \"{}\" of a CSI volume is unknown", u.access_mode);
  message_writer out;
  if (u.attachment_mode == "block-device") out.message(1, message_writer());
  else if (u.attachment_mode == "file-system") out.message(2, message_writer().text(1, u.fs_type).texts(2, u.mount_flags));
  else return fail(errc::invalid, "attachment mode \"{}\" of a CSI volume is unknown: use file-system or block-device", u.attachment_mode);
  return out.message(3, message_writer().integer(1, mode)).take();
}

awaitable<result<bool>> probe(way_ptr way) {
  CO_TRY_ASSIGN(auto answer, co_await call(way, "Identity/Probe", {}, limits::call_timeout));
  // Ready, unless it says otherwise.
  bool ready = true;
  message_reader r(answer);
  while (r.next()) {
    if (r.number() != 1) continue;
    ready = false;
    message_reader flag(r.text());
    while (flag.next()) ready = flag.number() == 1 && flag.flag();
    CO_TRY(flag.finish());
  }
  CO_TRY(r.finish());
  co_return ready;
}

awaitable<result<plugin_facts>> ask_facts(way_ptr way) {
  CO_TRY_ASSIGN(auto info, co_await call(way, "Identity/GetPluginInfo", {}, limits::call_timeout));
  plugin_facts out;
  message_reader r(info);
  while (r.next()) {
    if (r.number() == 1) out.name = r.string();
    if (r.number() == 2) out.version = r.string();
  }
  CO_TRY(r.finish());
  if (out.name.empty()) co_return fail(errc::corrupt, "the plugin does not say its name");
  CO_TRY_ASSIGN(auto able, co_await call(way, "Identity/GetPluginCapabilities", {}, limits::call_timeout));
  CO_TRY_ASSIGN(auto services, read_capabilities(able, 1));
  out.has_controller = services.contains(1);
  out.needs_topology = services.contains(2);
  co_return out;
}

awaitable<result<schema::csi_node_info>> ask_node(way_ptr way) {
  CO_TRY_ASSIGN(auto info, co_await call(way, "Node/NodeGetInfo", {}, limits::call_timeout));
  schema::csi_node_info out;
  message_reader r(info);
  while (r.next()) switch (r.number()) {
      case 1: out.id = r.string(); break;
      case 2: out.max_volumes = r.integer(); break;
      case 3: {
        CO_TRY_ASSIGN(auto topology, read_topology(r.text()));
        out.accessible_topology = std::move(topology);
        break;
      }
    }
  CO_TRY(r.finish());
  if (out.id.empty()) co_return fail(errc::corrupt, "plugin failed to return nodeid");
  CO_TRY_ASSIGN(auto able, co_await call(way, "Node/NodeGetCapabilities", {}, limits::call_timeout));
  CO_TRY_ASSIGN(auto can, read_capabilities(able, 1));
  out.requires_node_stage_volume = can.contains(1);
  out.supports_stats = can.contains(2);
  out.supports_expand = can.contains(3);
  out.supports_condition = can.contains(4);
  co_return out;
}

awaitable<result<schema::csi_controller_info>> ask_controller(way_ptr way) {
  CO_TRY_ASSIGN(auto able, co_await call(way, "Controller/ControllerGetCapabilities", {}, limits::call_timeout));
  CO_TRY_ASSIGN(auto can, read_capabilities(able, 1));
  schema::csi_controller_info out;
  out.supports_create_delete = can.contains(1);
  out.supports_attach_detach = can.contains(2);
  out.supports_list_volumes = can.contains(3);
  out.supports_get_capacity = can.contains(4);
  out.supports_create_delete_snapshot = can.contains(5);
  out.supports_list_snapshots = can.contains(6);
  out.supports_clone = can.contains(7);
  out.supports_read_only_attach = can.contains(8);
  out.supports_expand = can.contains(9);
  out.supports_list_volumes_attached_nodes = can.contains(10);
  out.supports_condition = can.contains(11);
  out.supports_get = can.contains(12);
  co_return out;
}

awaitable<result<>> stage(way_ptr way, node_request r) {
  CO_TRY_ASSIGN(auto capability, encode(r.usage));
  message_writer m;
  m.text(1, r.volume_id).map(2, r.publish_context).text(3, r.staging_path).message(4, capability).map(5, r.secrets).map(6, r.volume_context);
  co_return expect_nothing(co_await call(way, "Node/NodeStageVolume", std::move(m), limits::mount_timeout));
}

awaitable<result<>> unstage(way_ptr way, std::string volume_id, std::string staging_path) {
  co_return expect_nothing(co_await call(way, "Node/NodeUnstageVolume", message_writer().text(1, volume_id).text(2, staging_path), limits::mount_timeout));
}

awaitable<result<>> publish(way_ptr way, node_request r) {
  CO_TRY_ASSIGN(auto capability, encode(r.usage));
  message_writer m;
  m.text(1, r.volume_id)
      .map(2, r.publish_context)
      .text(3, r.staging_path)
      .text(4, r.target_path)
      .message(5, capability)
      .flag(6, r.read_only)
      .map(7, r.secrets)
      .map(8, r.volume_context);
  co_return expect_nothing(co_await call(way, "Node/NodePublishVolume", std::move(m), limits::mount_timeout));
}

awaitable<result<>> unpublish(way_ptr way, std::string volume_id, std::string target_path) {
  co_return expect_nothing(co_await call(way, "Node/NodeUnpublishVolume", message_writer().text(1, volume_id).text(2, target_path), limits::mount_timeout));
}

awaitable<result<int64_t>> expand_on_node(way_ptr way, node_request r, capacity_range range) {
  CO_TRY_ASSIGN(auto capability, encode(r.usage));
  message_writer m;
  m.text(1, r.volume_id)
      .text(2, r.target_path)
      .message(3, message_writer().integer(1, range.least).integer(2, range.most))
      .text(4, r.staging_path)
      .message(5, capability);
  CO_TRY_ASSIGN(auto answer, co_await call(way, "Node/NodeExpandVolume", std::move(m), limits::mount_timeout));
  int64_t bytes = 0;
  message_reader read(answer);
  while (read.next())
    if (read.number() == 1) bytes = read.integer();
  CO_TRY(read.finish());
  co_return bytes;
}

}  // namespace drover::client::csi
