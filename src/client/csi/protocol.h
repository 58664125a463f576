// The calls of the Container Storage Interface (v1) that we make, as functions of plain values. Field numbers: docs/internals/plugins.md.
// Loop thread. Answers' errors carry the plugin's words; secrets are in requests only and never in errors.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grpc/channel.h"
#include "schema/node.h"
#include "schema/volume.h"

namespace drover::client::csi {

using net::awaitable;
using text_map = std::map<std::string, std::string>;

// How a volume is to be used: VolumeCapability.
struct usage {
  std::string access_mode, attachment_mode;
  std::string fs_type;
  std::vector<std::string> mount_flags;
};
// invalid: no such mode.
result<std::string> encode(const usage& u);

struct plugin_facts {
  std::string name, version;
  bool has_controller = false, needs_topology = false;
};
awaitable<result<bool>> probe(std::shared_ptr<grpc::channel> way);
awaitable<result<plugin_facts>> ask_facts(std::shared_ptr<grpc::channel> way);
awaitable<result<schema::csi_node_info>> ask_node(std::shared_ptr<grpc::channel> way);
awaitable<result<schema::csi_controller_info>> ask_controller(std::shared_ptr<grpc::channel> way);

struct node_request {
  std::string volume_id;
  std::string staging_path, target_path;
  csi::usage usage;
  bool read_only = false;
  text_map publish_context, secrets, volume_context;
};
awaitable<result<>> stage(std::shared_ptr<grpc::channel> way, node_request r);
awaitable<result<>> unstage(std::shared_ptr<grpc::channel> way, std::string volume_id, std::string staging_path);
awaitable<result<>> publish(std::shared_ptr<grpc::channel> way, node_request r);
awaitable<result<>> unpublish(std::shared_ptr<grpc::channel> way, std::string volume_id, std::string target_path);
struct capacity_range {
  int64_t least = 0, most = 0;
};
// The bytes that it has then.
awaitable<result<int64_t>> expand_on_node(std::shared_ptr<grpc::channel> way, node_request r, capacity_range range);

// The controller's side (controller.cc), by the requests that the servers send.
awaitable<result<schema::client_csi_controller_attach_volume_response>> attach(std::shared_ptr<grpc::channel> way,
                                                                               schema::client_csi_controller_attach_volume_request r);
awaitable<result<schema::client_csi_controller_detach_volume_response>> detach(std::shared_ptr<grpc::channel> way,
                                                                               schema::client_csi_controller_detach_volume_request r);
awaitable<result<schema::client_csi_controller_validate_volume_response>> validate(std::shared_ptr<grpc::channel> way,
                                                                                   schema::client_csi_controller_validate_volume_request r);
awaitable<result<schema::client_csi_controller_create_volume_response>> create(std::shared_ptr<grpc::channel> way,
                                                                               schema::client_csi_controller_create_volume_request r);
awaitable<result<schema::client_csi_controller_delete_volume_response>> remove(std::shared_ptr<grpc::channel> way,
                                                                               schema::client_csi_controller_delete_volume_request r);
awaitable<result<schema::client_csi_controller_expand_volume_response>> expand(std::shared_ptr<grpc::channel> way,
                                                                               schema::client_csi_controller_expand_volume_request r);
awaitable<result<schema::client_csi_controller_list_volumes_response>> list(std::shared_ptr<grpc::channel> way,
                                                                            schema::client_csi_controller_list_volumes_request r);
awaitable<result<schema::client_csi_controller_create_snapshot_response>> create_snapshot(std::shared_ptr<grpc::channel> way,
                                                                                          schema::client_csi_controller_create_snapshot_request r);
awaitable<result<schema::client_csi_controller_delete_snapshot_response>> remove_snapshot(std::shared_ptr<grpc::channel> way,
                                                                                          schema::client_csi_controller_delete_snapshot_request r);
awaitable<result<schema::client_csi_controller_list_snapshots_response>> list_snapshots(std::shared_ptr<grpc::channel> way,
                                                                                        schema::client_csi_controller_list_snapshots_request r);

}  // namespace drover::client::csi
