#include "client/client_state.h"

namespace drover::client {
namespace {

template <class Request, class Response>
using plugin_call = rpc::awaitable<result<Response>> (*)(std::shared_ptr<grpc::channel>, Request);

template <class Request, class Response>
rpc::awaitable<result<Response>> ask(client::state& s, plugin_call<Request, Response> function, Request r) {
  // Kept by this call, whatever happens to the plugin meanwhile.
  CO_TRY_ASSIGN(auto plugin, s.csi_plugins.controller_plugin(r.plugin_id));
  co_return co_await function(plugin->way, std::move(r));
}

template <class Request, class Response>
void add_controller(rpc::method_table& table, client::state& s, std::string method, plugin_call<Request, Response> function) {
  table.add<Request, Response>(std::move(method), [&s, function](rpc::call_context, Request r) { return ask(s, function, std::move(r)); });
}

}  // namespace

// Called by the servers only; the names are those of the node's side of the wire.
void endpoints::add_csi(rpc::method_table& table) {
  using namespace schema;
  add_controller(table, state_, "CSI.ControllerAttachVolume", &csi::attach);
  add_controller(table, state_, "CSI.ControllerDetachVolume", &csi::detach);
  add_controller(table, state_, "CSI.ControllerValidateVolume", &csi::validate);
  add_controller(table, state_, "CSI.ControllerCreateVolume", &csi::create);
  add_controller(table, state_, "CSI.ControllerDeleteVolume", &csi::remove);
  add_controller(table, state_, "CSI.ControllerExpandVolume", &csi::expand);
  add_controller(table, state_, "CSI.ControllerListVolumes", &csi::list);
  add_controller(table, state_, "CSI.ControllerCreateSnapshot", &csi::create_snapshot);
  add_controller(table, state_, "CSI.ControllerDeleteSnapshot", &csi::remove_snapshot);
  add_controller(table, state_, "CSI.ControllerListSnapshots", &csi::list_snapshots);
  table.add<client_csi_node_detach_volume_request, client_csi_node_detach_volume_response>(
      "CSI.NodeDetachVolume", [this](context, client_csi_node_detach_volume_request r) { return state_.csi->detach(std::move(r)); });
  table.add<client_csi_node_expand_volume_request, client_csi_node_expand_volume_response>(
      "CSI.NodeExpandVolume", [this](context, client_csi_node_expand_volume_request r) { return state_.csi->expand(std::move(r)); });
}

}  // namespace drover::client
