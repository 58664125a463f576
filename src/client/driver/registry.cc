#include "client/driver/registry.h"

#include <algorithm>

#include "base/text.h"
#include "client/driver/docker/docker.h"
#include "client/driver/exec.h"
#include "client/driver/java.h"
#include "client/driver/mock_driver.h"
#include "client/driver/qemu.h"
#include "client/driver/raw_exec.h"

namespace drover::client {

namespace {
bool option_true(const client_options& o, const std::string& key) {
  auto it = o.options.find(key);
  return it != o.options.end() && parse_bool(it->second).value_or(false);
}
const value& plugin_block(const client_options& o, const std::string& driver) {
  static const value none;
  auto it = o.drivers.find(driver);
  return it == o.drivers.end() ? none : it->second;
}
bool plugin_enabled(const client_options& o, const std::string& driver) {
  auto* v = plugin_block(o, driver).find("enabled");
  if (!v) return false;
  if (auto* b = v->as_bool()) return *b;
  auto* text = v->as_string();
  return text && parse_bool(*text).value_or(false);
}
bool listed(const client_options& o, const std::string& key, const std::string& driver) {
  auto it = o.options.find(key);
  if (it == o.options.end()) return false;
  auto names = split(it->second, ',');
  return std::any_of(names.begin(), names.end(), [&](auto name) { return trim(name) == driver; });
}
bool is_allowed(const client_options& o, const std::string& driver) {
  for (const char* key : {"driver.denylist", "driver.blacklist"})
    if (listed(o, key, driver)) return false;
  for (const char* key : {"driver.allowlist", "driver.whitelist"})
    if (auto it = o.options.find(key); it != o.options.end() && !trim(it->second).empty()) return listed(o, key, driver);
  return true;
}
}  // namespace

bool driver_registry::allowed(const std::string& name) const { return is_allowed(options_, name); }

driver_registry::driver_registry(const client_options& o, shim_services& services) : options_(o) {
  bool raw = o.dev_mode || plugin_enabled(o, "raw_exec") || option_true(o, "driver.raw_exec.enable");
  if (is_allowed(o, "raw_exec")) add(std::make_unique<raw_exec_driver>(services, raw, plugin_block(o, "raw_exec")));
  if (is_allowed(o, "exec")) add(std::make_unique<exec_driver>(services, o.chroot_env, plugin_block(o, "exec")));
  if (is_allowed(o, "java")) add(std::make_unique<java_driver>(services, o.chroot_env, plugin_block(o, "java")));
  if (is_allowed(o, "qemu")) add(std::make_unique<qemu_driver>(services, plugin_block(o, "qemu")));
  if (is_allowed(o, "docker")) add(std::make_unique<docker_driver>(services, o.data_dir, plugin_block(o, "docker")));
  if (plugin_enabled(o, "mock_driver")) add(std::make_unique<mock_driver>(true));
}

void driver_registry::begin(const std::function<void()>& changed) {
  for (auto& [name, driver] : drivers_) driver->begin(changed);
}

net::awaitable<void> driver_registry::end() {
  for (auto& [name, driver] : drivers_) co_await driver->end();
}

void driver_registry::add(std::unique_ptr<task_driver> driver) {
  auto name = driver->name();
  drivers_[name] = std::move(driver);
}

task_driver* driver_registry::find(const std::string& name) const {
  auto it = drivers_.find(name);
  return it == drivers_.end() ? nullptr : it->second.get();
}

std::map<std::string, schema::driver_info> driver_registry::fingerprint(timestamp now) const {
  std::map<std::string, schema::driver_info> out;
  for (const char* later : {"docker", "java", "qemu"}) out[later].update_time = now;
  for (auto& [name, driver] : drivers_) {
    auto info = driver->fingerprint();
    info.update_time = now;
    out[name] = std::move(info);
  }
  return out;
}

}  // namespace drover::client
