// What the volume commands do where the volume is one of CSI.
#pragma once

#include <optional>
#include <string>

#include "cli/command.h"
#include "schema/volume.h"

namespace drover::cli::commands {

// The one volume whose id begins so; nothing: there is none. In every namespace that the flags allow.
result<std::optional<schema::csi_volume_list_stub>> find_csi_volume(context& c, const std::string& wanted);
// The same; an error if there is none.
result<schema::csi_volume_list_stub> need_csi_volume(context& c, const std::string& wanted);
// The -secret flags as a header of the request.
result<std::optional<std::pair<std::string, std::string>>> csi_secrets_header(context& c);
// -NAME key=value, several times.
result<std::map<std::string, std::string>> pairs_of_flag(context& c, std::string_view name);

result<int> create_csi_volume(context& c, schema::csi_volume wanted);
result<int> register_csi_volume(context& c, schema::csi_volume wanted);
result<int> delete_csi_volume(context& c, const schema::csi_volume_list_stub& found);
result<int> list_csi_volumes(context& c);
result<int> show_csi_volume(context& c, const schema::csi_volume_list_stub& found);

}  // namespace drover::cli::commands
