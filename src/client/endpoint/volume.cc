#include "client/client_state.h"

namespace drover::client {

// Called by the servers only; the names are those of the node's side of the wire.
void endpoints::add_volumes(rpc::method_table& table) {
  using namespace schema;
  table.add<client_host_volume_create_request, client_host_volume_create_response>(
      "HostVolume.Create", [this](context, client_host_volume_create_request r) { return state_.volumes->create(std::move(r)); });
  table.add<client_host_volume_register_request, client_host_volume_register_response>(
      "HostVolume.Register", [this](context, client_host_volume_register_request r) { return state_.volumes->add(std::move(r)); });
  table.add<client_host_volume_delete_request, client_host_volume_delete_response>(
      "HostVolume.Delete", [this](context, client_host_volume_delete_request r) { return state_.volumes->remove(std::move(r)); });
}

}  // namespace drover::client
