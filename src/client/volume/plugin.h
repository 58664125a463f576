// What makes and deletes the directory of a dynamic host volume. Blocking: for the pool. Any thread.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "schema/volume.h"

namespace drover::client {

struct volume_place {
  std::string path;
  int64_t bytes = 0;
};

struct volume_plugins {
  std::string volumes_dir, plugin_dir, node_pool;

  // Name and version of each: "mkdir", and every executable of the directory that answers. Those that do not are left out; `complain` says why.
  std::map<std::string, std::string> find(const std::function<void(const std::string&, const error&)>& complain) const;
  // Making one that is there already changes nothing. invalid: its name or parameters are wrong; not_found: no such plugin.
  result<volume_place> create(const schema::client_host_volume_create_request& request) const;
  // What is gone already is no error.
  result<> remove(const schema::client_host_volume_delete_request& request) const;
};

}  // namespace drover::client
