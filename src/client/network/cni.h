// Networks that plugins make: the execution protocol of the CNI specification 1.0 (github.com/containernetworking/cni, SPEC.md), the list of
// plugins being run in order for ADD and in reverse for DEL. Blocking; any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/network/record.h"

namespace drover::client {

class cni_networks {
 public:
  // `path`: directories of plugins with ":" between. `config_dir`: *.conflist, *.conf and *.json, in the order of their names.
  cni_networks(std::string path, std::string config_dir) : path_(std::move(path)), config_dir_(std::move(config_dir)) {}

  // The names in the configuration files; what cannot be read is told in `problems`.
  std::vector<std::string> names(std::vector<std::string>* problems = nullptr) const;
  // Name and version of each plugin, for plugins.cni.version.NAME.
  std::map<std::string, std::string> plugin_versions() const;

  // Puts the list as it is configured now into the record. not_found: no such network here.
  result<> plan(network_record& record, const std::map<std::string, std::string>& arguments) const;
  // Runs the plugins and notes in the record what they made.
  result<> add(network_record& record) const;
  result<> check(const network_record& record) const;
  // Of a network that is gone already, too.
  result<> remove(const network_record& record) const;

 private:
  struct list;
  result<list> load(const std::string& name) const;
  result<std::string> find_plugin(const std::string& type) const;
  struct invocation;
  result<std::string> run(const invocation& what, const network_record& record) const;

  std::string path_, config_dir_;
};

}  // namespace drover::client
