// java: runs a jar or a class in a root, namespaces and a control group of its own, as exec does. Needs root and a Java runtime.
#pragma once

#include "client/driver/isolated.h"
#include "net/task_scope.h"

namespace drover::client {

// Pure: what `java -version` says.
struct java_version {
  std::string version, runtime, vm;
};
result<java_version> parse_java_version(std::string_view text);

class java_driver : public task_driver {
 public:
  java_driver(shim_services& services, std::map<std::string, std::string> chroot_env, value plugin);
  std::string name() const override { return "java"; }
  void begin(std::function<void()> changed) override;
  awaitable<void> end() override;
  schema::driver_info fingerprint() const override { return info_; }
  bool has_own_root() const override { return true; }
  result<> validate(const value& config) const override;
  awaitable<result<std::unique_ptr<task_handle>>> start(task_spec spec) override;
  awaitable<result<std::unique_ptr<task_handle>>> recover(task_spec spec, std::string stored) override;
  awaitable<result<std::unique_ptr<task_handle>>> find(task_spec spec) override;

 private:
  awaitable<void> look(std::function<void()> changed);

  shim_services& services_;
  std::map<std::string, std::string> chroot_env_;
  value plugin_;
  schema::driver_info info_;
  net::task_scope scope_;
};

}  // namespace drover::client
