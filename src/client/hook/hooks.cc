#include "client/hook/hook.h"

namespace drover::client {

std::vector<std::unique_ptr<alloc_hook>> make_alloc_hooks() {
  std::vector<std::unique_ptr<alloc_hook>> out;
  out.push_back(make_alloc_dir_hook());
  out.push_back(make_previous_alloc_hook());
  out.push_back(make_network_hook());
  out.push_back(make_csi_volumes_hook());
  return out;
}

std::vector<std::unique_ptr<task_hook>> make_task_hooks() {
  std::vector<std::unique_ptr<task_hook>> out;
  out.push_back(make_validate_hook());
  out.push_back(make_task_dir_hook());
  out.push_back(make_identity_hook());
  out.push_back(make_task_api_hook());
  out.push_back(make_log_sinks_hook());
  out.push_back(make_volume_hook());
  out.push_back(make_devices_hook());
  out.push_back(make_csi_plugin_hook());
  out.push_back(make_dispatch_payload_hook());
  out.push_back(make_artifact_hook());
  out.push_back(make_template_hook());
  return out;
}

}  // namespace drover::client
