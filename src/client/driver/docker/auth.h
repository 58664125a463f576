// Who we are to an image registry: from the task, from a file in the form of ~/.docker/config.json, or from a credential helper
// (docker-credential-NAME). Blocking; any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "client/driver/docker/config.h"

namespace drover::client::docker {

// Empty: nobody, which is right for public images. `registry` as image_name::registry() says.
result<registry_auth> auth_from_file(const std::string& path, const std::string& registry);
result<registry_auth> auth_from_helper(const std::string& helper, const std::string& registry);
// The value of X-Registry-Auth.
std::string auth_header(const registry_auth& auth);

}  // namespace drover::client::docker
