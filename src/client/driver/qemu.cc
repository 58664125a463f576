#include "client/driver/qemu.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>

#include "base/text.h"
#include "client/exec/program.h"
#include "net/stream.h"

namespace drover::client {

namespace {
constexpr const char* monitor_name = "qemu-monitor.sock";
constexpr const char* agent_name = "qemu-guest-agent.sock";
constexpr size_t socket_path_max = 107;
constexpr int64_t memory_mb_min = 128, memory_mb_max = 4'000'000;
constexpr size_t monitor_bytes_max = 64 * 1024;
constexpr duration monitor_patience = seconds(5);

std::vector<std::string> texts_of(const value& plugin, const char* key) {
  config_reader r("qemu", plugin);
  return r.texts(key);
}

bool listed(const std::vector<std::string>& list, const std::string& word) { return std::find(list.begin(), list.end(), word) != list.end(); }

result<std::string> find_image(const task_spec& task, const std::string& image, const value& plugin) {
  namespace fs = std::filesystem;
  std::error_code failed;
  // The real one: a link out of the allocation would be another machine's disk.
  auto path = fs::canonical(image.starts_with('/') ? fs::path(image) : fs::path(task.dir.root) / image, failed);
  if (failed) return fail(errc::invalid, "image_path \"{}\" of the qemu driver: {}", image, failed.message());
  auto allowed = texts_of(plugin, "image_paths");
  allowed.push_back(fs::path(task.dir.root).parent_path().string());
  for (auto& parent : allowed) {
    auto real = fs::canonical(parent, failed);
    if (!failed && (path.string() + "/").starts_with(real.string() + "/")) return path.string();
  }
  return fail(errc::permission_denied,
              "image_path is not in the allowed paths: \"{}\" is neither in the allocation's directory nor in image_paths of the qemu plugin", image);
}

result<std::string> socket_in(const task_spec& task, const char* name) {
  auto path = task.dir.root + "/" + name;
  if (path.size() > socket_path_max) return fail(errc::invalid, "the path of the emulator's socket is longer than {} bytes: {}", socket_path_max, path);
  return path;
}

// Where it listens for the power button; empty: nowhere.
std::string monitor_of(const task_spec& task, const qemu_config& c) { return c.graceful_shutdown ? task.dir.root + "/" + monitor_name : ""; }

// A comma would begin another option.
std::string escaped(const std::string& text) { return replace_all(text, ",", ",,"); }

result<std::string> make_netdev(const task_spec& task, const qemu_config& c) {
  std::map<std::string, int64_t> ports;
  if (!task.resources.networks.empty())
    for (auto* list : {&task.resources.networks[0].reserved_ports, &task.resources.networks[0].dynamic_ports})
      for (auto& p : *list) ports[p.label] = p.value;
  for (auto& p : task.network.ports) ports[p.label] = p.value;
  std::string out;
  if (task.network.dns) {
    if (!task.network.dns->servers.empty()) out += ",dns=" + task.network.dns->servers[0];
    for (auto& search : task.network.dns->searches) out += ",dnssearch=" + search;
  }
  for (auto& [label, guest] : c.port_map) {
    auto host = ports.find(label);
    if (host == ports.end())
      return fail(errc::invalid, "Unknown port label \"{}\" in port_map of the qemu driver: the network block has none of that name", label);
    for (const char* protocol : {"udp", "tcp"}) out += fmt::format(",hostfwd={}::{}-:{}", protocol, host->second, guest);
  }
  return out;
}

// The stored form of a task: the monitor's socket, a newline, and what the shim says.
class qemu_task : public task_handle {
 public:
  qemu_task(std::unique_ptr<task_handle> inner, std::string monitor) : inner_(std::move(inner)), monitor_(std::move(monitor)) {}
  std::string serialise() const override { return monitor_ + "\n" + inner_->serialise(); }
  awaitable<task_exit> wait() override { return inner_->wait(); }
  awaitable<result<>> signal(int number) override {
    if (!monitor_.empty() && number == stop_signal()) {
      auto pressed = co_await net::with_deadline(press_power_button(monitor_), net::after(monitor_patience));
      if (pressed) co_return pressed;
    }
    co_return co_await inner_->signal(number);
  }
  awaitable<result<>> kill() override { return inner_->kill(); }
  awaitable<void> destroy() override { return inner_->destroy(); }
  awaitable<result<exec::task_usage>> usage() override { return inner_->usage(); }
  awaitable<result<std::unique_ptr<exec_process>>> exec(exec_options) override { co_return fail(errc::unsupported, "the qemu driver can't execute commands"); }
  awaitable<result<>> resize(schema::allocated_task_resources resources) override { return inner_->resize(std::move(resources)); }

 private:
  static awaitable<result<>> press_power_button(std::string path) {
    net::endpoint where;
    where.path = std::move(path);
    CO_TRY_ASSIGN(auto monitor, co_await net::dial(where));
    CO_TRY(co_await monitor->write_all("system_powerdown\n"));
    // It is done when the monitor prompts again after its greeting.
    std::string said;
    std::array<char, 1024> part;
    for (size_t first = said.npos; first == said.npos || said.find("(qemu)", first + 1) == said.npos; first = said.find("(qemu)")) {
      auto n = co_await monitor->read_some(part);
      if (!n || *n == 0 || said.size() > monitor_bytes_max) break;
      said.append(part.data(), *n);
    }
    co_return result<>{};
  }
  std::unique_ptr<task_handle> inner_;
  std::string monitor_;
};
}  // namespace

result<std::string> parse_qemu_version(std::string_view text) {
  constexpr std::string_view before = "version ";
  auto at = text.find(before);
  if (at == std::string_view::npos) return fail(errc::invalid, "what the emulator says names no version: {}", text.substr(0, 200));
  text.remove_prefix(at + before.size());
  return std::string(text.substr(0, text.find_first_not_of("0123456789.")));
}

result<qemu_config> parse_qemu_config(const value& config, const value& plugin) {
  config_reader r("qemu", config);
  qemu_config out;
  out.image_path = r.required_text("image_path", "the machine's disk");
  out.emulator = r.text("emulator", out.emulator);
  out.machine_type = r.text("machine_type", out.machine_type);
  out.drive_interface = r.text("drive_interface", out.drive_interface);
  out.accelerator = r.text("accelerator", out.accelerator);
  out.graceful_shutdown = r.boolean("graceful_shutdown", false);
  out.guest_agent = r.boolean("guest_agent", false);
  out.args = r.texts("args");
  auto ports = r.map("port_map");
  TRY(r.finish());
  if (out.emulator.starts_with("qemu-system-")) out.emulator.erase(0, 12);
  if (out.emulator.empty() || out.emulator.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
    return fail(errc::invalid, "emulator of the qemu driver must be the end of a program's name such as \"x86_64\" or \"aarch64\", not \"{}\"", out.emulator);
  static const std::vector<std::string> interfaces = {"ide", "scsi", "sd", "mtd", "floppy", "pflash", "virtio", "none"};
  if (!listed(interfaces, out.drive_interface))
    return fail(errc::invalid, "Unsupported drive_interface \"{}\" of the qemu driver: {} are possible", out.drive_interface, join(interfaces, ", "));
  auto emulators = texts_of(plugin, "emulators_allowlist");
  if (!emulators.empty() && !listed(emulators, out.emulator) && !listed(emulators, "qemu-system-" + out.emulator))
    return fail(errc::permission_denied, "the emulator \"{}\" is not in emulators_allowlist of this client's qemu plugin", out.emulator);
  auto allowed_args = texts_of(plugin, "args_allowlist");
  for (auto& arg : out.args)
    if (!allowed_args.empty() && arg.starts_with('-') && !listed(allowed_args, arg))
      return fail(errc::permission_denied, "the argument \"{}\" is not in args_allowlist of this client's qemu plugin", arg);
  for (auto& [label, text] : ports) {
    auto number = parse_int(text);
    if (!number || *number < 1 || *number > 65535)
      return fail(errc::invalid, "port_map of the qemu driver: \"{}\" is no port (1 to 65535) for \"{}\"", text, label);
    out.port_map[label] = *number;
  }
  return out;
}

result<std::vector<std::string>> qemu_words(const task_spec& task, const qemu_config& c, const value& plugin) {
  auto mb = task.resources.memory.memory_mb;
  if (mb < memory_mb_min || mb > memory_mb_max)
    return fail(errc::invalid, "QEMU memory assignment out of bounds: {} MB, where {} to {} are possible", mb, memory_mb_min, memory_mb_max);
  TRY_ASSIGN(auto image, find_image(task, c.image_path, plugin));
  std::vector<std::string> words = {"-machine",  fmt::format("type={},accel={}", escaped(c.machine_type), escaped(c.accelerator)),
                                    "-name",     escaped(std::filesystem::path(image).filename().string()),
                                    "-m",        fmt::format("{}M", mb),
                                    "-drive",    fmt::format("file={},if={},id=image0", escaped(image), c.drive_interface),
                                    "-nographic"};
  if (c.graceful_shutdown) {
    TRY_ASSIGN(auto path, socket_in(task, monitor_name));
    words.insert(words.end(), {"-monitor", fmt::format("unix:{},server=on,wait=off", escaped(path))});
  }
  if (c.guest_agent) {
    TRY_ASSIGN(auto path, socket_in(task, agent_name));
    words.insert(words.end(), {"-chardev", fmt::format("socket,path={},server=on,wait=off,id=qga0", escaped(path)), "-device", "virtio-serial", "-device",
                               "virtserialport,chardev=qga0,name=org.qemu.guest_agent.0"});
  }
  words.insert(words.end(), c.args.begin(), c.args.end());
  TRY_ASSIGN(auto netdev, make_netdev(task, c));
  if (!netdev.empty()) words.insert(words.end(), {"-netdev", "user,id=user.0" + netdev, "-device", "virtio-net,netdev=user.0"});
  if (c.accelerator == "kvm") {
    words.push_back("-enable-kvm");
    if (auto cores = task.resources.cpu.reserved_cores.size(); cores > 0 && !listed(words, "-smp")) words.insert(words.end(), {"-smp", std::to_string(cores)});
  }
  return words;
}

qemu_driver::qemu_driver(shim_services& services, value plugin)
    : services_(services), plugin_(std::move(plugin)), scope_(services.loop, log::logger("client.driver.qemu")) {}

void qemu_driver::begin(std::function<void()> changed) { scope_.spawn(&qemu_driver::look, this, std::move(changed)); }

awaitable<void> qemu_driver::end() { co_await scope_.stop(); }

awaitable<void> qemu_driver::look(std::function<void()> changed) {
  auto said = co_await services_.pool.run([] { return exec::output_of(exec::with_own_env({"qemu-system-x86_64", "--version"})); });
  auto version = said ? parse_qemu_version(*said) : result<std::string>(fail(said.error()));
  if (!version) {
    if (version.error().code() == errc::not_found) co_return;
    info_.health_description = version.error().text();
  } else {
    info_.detected = info_.healthy = true;
    info_.health_description = "Healthy";
    info_.attributes["driver.qemu"] = "true";
    info_.attributes["driver.qemu.version"] = *version;
  }
  changed();
}

result<> qemu_driver::validate(const value& config) const {
  TRY(parse_qemu_config(config, plugin_));
  return {};
}

awaitable<result<std::unique_ptr<task_handle>>> qemu_driver::start(task_spec task) {
  CO_TRY_ASSIGN(auto config, parse_qemu_config(task.config, plugin_));
  CO_TRY_ASSIGN(auto words, qemu_words(task, config, plugin_));
  auto monitor = monitor_of(task, config);
  auto spec = base_launch_spec(services_, task);
  spec.command = "qemu-system-" + config.emulator;
  spec.args = std::move(words);
  spec.work_dir = task.dir.root;
  CO_TRY_ASSIGN(auto inner, co_await start_shim_task(services_, std::move(spec), {}, cgroup_name(task)));
  co_return std::make_unique<qemu_task>(std::move(inner), std::move(monitor));
}

awaitable<result<std::unique_ptr<task_handle>>> qemu_driver::recover(task_spec, std::string stored) {
  auto end = stored.find('\n');
  if (end == std::string::npos) co_return fail(errc::corrupt, "what is stored of a qemu task names no monitor");
  CO_TRY_ASSIGN(auto inner, co_await recover_shim_task(services_, stored.substr(end + 1), false));
  co_return std::make_unique<qemu_task>(std::move(inner), stored.substr(0, end));
}

awaitable<result<std::unique_ptr<task_handle>>> qemu_driver::find(task_spec task) {
  CO_TRY_ASSIGN(auto config, parse_qemu_config(task.config, plugin_));
  auto monitor = monitor_of(task, config);
  CO_TRY_ASSIGN(auto inner, co_await find_shim_task(services_, std::move(task), {}));
  co_return std::make_unique<qemu_task>(std::move(inner), std::move(monitor));
}

}  // namespace drover::client
