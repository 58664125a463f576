#include "client/driver/external/host.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "client/driver/external/driver.h"
#include "client/driver/external/limits.h"

namespace drover::client::external {

plugin_host::plugin_host(const client_options& options, std::string state_dir, shim_services& services, state_db& db, driver_registry& drivers)
    : options_(options), state_dir_(std::move(state_dir)), services_(services), db_(db), drivers_(drivers), logger_("client.driver.external") {}

result<std::vector<std::string>> plugin_host::files() const {
  auto path = options_.external_drivers.directory.empty() ? options_.data_dir + "/plugins" : options_.external_drivers.directory;
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
  if (!dir) {
    if (errno == ENOENT && options_.external_drivers.directory.empty()) return std::vector<std::string>();
    return fail(system_error(errno, "reading plugin_dir " + path));
  }
  std::vector<std::string> out;
  while (auto* entry = ::readdir(dir.get())) {
    auto file = path + "/" + entry->d_name;
    struct stat info{};
    // As other agents do: whatever may be run, and nothing else.
    if (entry->d_name[0] != '.' && ::stat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 0111) != 0) out.push_back(std::move(file));
  }
  std::ranges::sort(out);
  return out;
}

result<> plugin_host::load() {
  auto found = files();
  if (!found) {
    if (found.error().code() != errc::not_found) return fail(found.error());
    logger_.warn("there is no such plugin_dir", {{"error", found.error().text()}});
    return {};
  }
  if (found->size() > limits::plugins_max) {
    logger_.warn("too many files in plugin_dir: the rest is left out", {{"files", found->size()}, {"taken", limits::plugins_max}});
    found->resize(limits::plugins_max);
  }
  for (const auto& path : *found) {
    auto& made = plugins_.emplace_back(make_plugin(path));
    if (made->name().empty() || made->is_device()) continue;
    if (auto added = add_driver(made, made->name()); !added) {
      logger_.error("a driver's plugin is not used", {{"path", path}, {"error", added.error().text()}});
      plugins_.pop_back();
    }
  }
  remember_files(*found);
  return {};
}

std::shared_ptr<plugin> plugin_host::make_plugin(const std::string& path) {
  auto file = path.substr(path.rfind('/') + 1);
  auto args = options_.external_drivers.args.find(file);
  return std::make_shared<plugin>(services_, db_,
                                  plugin_options{.file = file,
                                                 .program = {.path = path,
                                                             .args = args == options_.external_drivers.args.end() ? std::vector<std::string>() : args->second,
                                                             .directory = state_dir_ + "/plugins/" + file,
                                                             .min_port = options_.external_drivers.min_port,
                                                             .max_port = options_.external_drivers.max_port},
                                                 .blocks = &options_.drivers});
}

void plugin_host::remember_files(const std::vector<std::string>& paths) {
  constexpr const char* fact = "external_drivers";
  auto before = db_.fact(fact);
  for (auto path : split(before && *before ? std::string_view(**before) : std::string_view(), '\n'))
    if (!path.empty() && std::ranges::find(paths, path) == paths.end()) retired_.push_back(make_plugin(std::string(path)));
  if (auto kept = db_.put_fact(fact, join(paths, "\n")); !kept) logger_.error("cannot store which plugins there are", {{"error", kept.error().text()}});
}

result<> plugin_host::add_driver(const std::shared_ptr<plugin>& p, const std::string& name) {
  if (!drivers_.allowed(name)) return fail(errc::permission_denied, "driver \"{}\" is not allowed on this node (client.options)", name);
  if (drivers_.find(name) != nullptr) return fail(errc::conflict, "there is a driver \"{}\" already; the plugin is not used", name);
  drivers_.add(std::make_unique<external_driver>(p, name));
  return {};
}

void plugin_host::begin(std::function<void()> changed, int64_t core_mhz) {
  for (auto& p : retired_) p->retire();
  for (auto& p : plugins_) {
    p->changed = changed;
    p->core_mhz = core_mhz;
    p->named = [this, known = p.get()](const std::string& name) {
      auto own = std::ranges::find(plugins_, known, [](auto& each) { return each.get(); });
      return add_driver(*own, name);
    };
    p->run();
  }
}

std::vector<schema::node_device_resource> plugin_host::devices() const {
  std::vector<schema::node_device_resource> out;
  for (const auto& p : plugins_) out.insert(out.end(), p->devices().begin(), p->devices().end());
  return out;
}

std::vector<schema::device_group_stats> plugin_host::device_stats() const {
  std::vector<schema::device_group_stats> out;
  for (const auto& p : plugins_) out.insert(out.end(), p->device_stats().begin(), p->device_stats().end());
  return out;
}

std::shared_ptr<plugin> plugin_host::device_plugin(const schema::allocated_device_resource& wanted) const {
  for (const auto& p : plugins_)
    for (const auto& group : p->devices())
      if (group.vendor == wanted.vendor && group.type == wanted.type && group.name == wanted.name) return p;
  return nullptr;
}

awaitable<void> plugin_host::end(bool with_processes) {
  for (auto& p : plugins_) co_await p->end(with_processes);
  for (auto& p : retired_) co_await p->end(false);
}

}  // namespace drover::client::external
