// qemu: runs a virtual machine from an image, on the host as raw_exec does. With graceful_shutdown the machine's power button is pressed
// through the emulator's monitor before it is ended.
#pragma once

#include "client/driver/isolated.h"
#include "net/task_scope.h"

namespace drover::client {

// Pure: "QEMU emulator version 7.2.17 (Debian ...)".
result<std::string> parse_qemu_version(std::string_view text);
// Pure: the words after the emulator's name. `host_ports`: label -> port of this machine.
struct qemu_config {
  std::string image_path, emulator = "x86_64", machine_type = "pc", drive_interface = "ide", accelerator = "tcg";
  bool graceful_shutdown = false, guest_agent = false;
  std::vector<std::string> args;
  std::map<std::string, int64_t> port_map;
};
result<qemu_config> parse_qemu_config(const value& config, const value& plugin);
result<std::vector<std::string>> qemu_words(const task_spec& task, const qemu_config& config, const value& plugin);

class qemu_driver : public task_driver {
 public:
  qemu_driver(shim_services& services, value plugin);
  std::string name() const override { return "qemu"; }
  void begin(std::function<void()> changed) override;
  awaitable<void> end() override;
  schema::driver_info fingerprint() const override { return info_; }
  bool has_own_root() const override { return false; }
  result<> validate(const value& config) const override;
  awaitable<result<std::unique_ptr<task_handle>>> start(task_spec spec) override;
  awaitable<result<std::unique_ptr<task_handle>>> recover(task_spec spec, std::string stored) override;
  awaitable<result<std::unique_ptr<task_handle>>> find(task_spec spec) override;

 private:
  awaitable<void> look(std::function<void()> changed);

  shim_services& services_;
  value plugin_;
  schema::driver_info info_;
  net::task_scope scope_;
};

}  // namespace drover::client
