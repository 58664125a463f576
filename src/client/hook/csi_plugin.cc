// A task that is a CSI plugin: gets a folder for its socket and one for what it mounts, and is asked again and again how it is.
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "client/csi/limits.h"
#include "client/csi/volumes.h"
#include "client/hook/hook.h"
#include "client/system.h"
#include "client/task_event.h"

namespace drover::client {
namespace {

// What the loop needs of the context, which does not outlive prestart().
struct supervised {
  csi::plugins* plugins = nullptr;
  net::loop* loop = nullptr;
  std::string id, alloc_id, task, socket;
  bool is_node = false, is_controller = false;
  std::string host_root, own_root;
  duration health_timeout;
  std::function<void(schema::task_event)> emit;
  task_control control;
};

// What a container mounts there must reach the host: the folder becomes a mount of its own that passes mounts on.
result<> share_mounts(const std::string& folder) {
  // MS_SHARED works on mount points only: it tells whether the folder is one.
  if (::mount(nullptr, folder.c_str(), nullptr, MS_SHARED, nullptr) == 0) return {};
  if (::mount(folder.c_str(), folder.c_str(), nullptr, MS_BIND, nullptr) != 0) return fail(system_error(errno, "mounting " + folder + " on itself"));
  if (::mount(nullptr, folder.c_str(), nullptr, MS_SHARED, nullptr) != 0) return fail(system_error(errno, "sharing the mounts below " + folder));
  return {};
}

class csi_plugin_hook : public task_hook {
 public:
  std::string_view name() const override { return "csi_plugin_supervisor"; }
  bool once() const override { return false; }

  awaitable<result<>> prestart(task_hook_context& c) override {
    if (!c.task.csi_plugin_config || c.node.csi == nullptr) co_return result<>{};
    auto s = describe(c);
    if (s.socket.size() > csi::limits::path_bytes_max)
      co_return fail(
          errc::invalid,
          "the socket of a CSI plugin would be at {}, which is longer than the {} bytes that a socket's address may have: use a shorter data_dir or state_dir",
          s.socket, csi::limits::path_bytes_max);
    auto socket_folder = s.socket.substr(0, s.socket.rfind('/'));
    const auto& config = *c.task.csi_plugin_config;
    bool sees_mounts = c.driver.can_mount();
    CO_TRY(co_await c.node.pool.run([&]() -> result<> {
      TRY(make_directories(socket_folder, 0700));
      // Of a run before this one, and in the way of this one.
      (void)::unlink(s.socket.c_str());
      TRY(make_directories(s.host_root, 0700));
      return sees_mounts && s.is_node ? share_mounts(s.host_root) : result<>{};
    }));
    if (sees_mounts) {
      c.mounts.push_back({.host_path = socket_folder, .task_path = config.mount_dir, .read_only = false, .propagation = "private"});
      if (s.is_node)
        c.mounts.push_back({.host_path = s.host_root, .task_path = config.stage_publish_base_dir, .read_only = false, .propagation = "bidirectional"});
      // What it attaches are devices of the host.
      if (s.is_node && c.driver.has_image()) c.mounts.push_back({.host_path = "/dev", .task_path = "/dev", .read_only = false, .propagation = "private"});
    }
    if (!c.task.env.contains("CSI_ENDPOINT")) c.hook_env["CSI_ENDPOINT"] = "unix://" + (sees_mounts ? config.mount_dir + "/csi.sock" : s.socket);
    begin(std::move(s));
    co_return result<>{};
  }

  void resumed(task_hook_context& c) override {
    if (c.task.csi_plugin_config && c.node.csi != nullptr) begin(describe(c));
  }

  awaitable<void> stop() override {
    if (!scope_) co_return;
    co_await scope_->stop();
    scope_.reset();
    // Nobody asks it any more before its way ends.
    if (last_) now_.plugins->remove(*last_);
    last_.reset();
    co_await drop_way();
  }

 private:
  static supervised describe(task_hook_context& c) {
    const auto& config = *c.task.csi_plugin_config;
    auto number = std::ranges::find(c.group.tasks, c.task.name, &schema::task::name) - c.group.tasks.begin();
    supervised s;
    s.plugins = &c.node.csi->plugins_of_node();
    s.loop = &c.node.loop;
    s.id = config.id;
    s.alloc_id = c.alloc->id;
    s.task = c.task.name;
    s.socket = c.node.csi->socket_folder(c.alloc->id, static_cast<size_t>(number)) + "/csi.sock";
    s.is_node = config.type != "controller";
    s.is_controller = config.type != "node";
    s.host_root = c.node.csi->plugin_root(config.id);
    s.own_root = c.driver.can_mount() ? config.stage_publish_base_dir : s.host_root;
    s.health_timeout = config.health_timeout;
    s.emit = c.emit;
    s.control = c.control;
    return s;
  }

  // One loop, whether the task starts for the first time or again.
  void begin(supervised s) {
    now_ = std::move(s);
    patience_ = net::after(now_.health_timeout);
    if (scope_) return;
    scope_.emplace(*now_.loop, log::logger("client.csi"));
    scope_->spawn(&csi_plugin_hook::supervise, this);
  }

  static awaitable<result<std::shared_ptr<csi::plugin>>> ask(supervised s, std::shared_ptr<grpc::channel> way) {
    CO_TRY_ASSIGN(bool ready, co_await csi::probe(way));
    if (!ready) co_return fail(errc::unavailable, "the plugin says that it is not ready");
    CO_TRY_ASSIGN(auto facts, co_await csi::ask_facts(way));
    auto p = std::make_shared<csi::plugin>();
    p->id = s.id;
    p->alloc_id = s.alloc_id;
    p->task = s.task;
    p->is_node = s.is_node;
    p->is_controller = s.is_controller && facts.has_controller;
    p->host_root = s.host_root;
    p->own_root = s.own_root;
    schema::csi_info info;
    info.plugin_id = s.id;
    info.alloc_id = s.alloc_id;
    info.healthy = true;
    info.health_description = "healthy";
    info.provider = facts.name;
    info.provider_version = facts.version;
    info.requires_controller_plugin = facts.has_controller;
    info.requires_topologies = facts.needs_topology;
    info.update_time = wall_now();
    p->node_info = p->controller_info = info;
    if (p->is_controller) {
      CO_TRY_ASSIGN(p->controller_info.controller_info, co_await csi::ask_controller(way));
    }
    if (p->is_node) {
      CO_TRY_ASSIGN(p->node_info.node_info, co_await csi::ask_node(way));
    }
    p->way = std::move(way);
    co_return p;
  }

  void tell_unhealthy(const error& why) {
    if (!last_) return;
    auto p = std::make_shared<csi::plugin>(*last_);
    for (auto* info : {&p->node_info, &p->controller_info}) {
      info->healthy = false;
      info->health_description = why.text();
      info->update_time = wall_now();
    }
    last_ = p;
    now_.plugins->set(p);
  }

  awaitable<void> drop_way() {
    // A channel must not be let go before it has stopped.
    if (way_) co_await way_->stop();
    way_.reset();
  }

  awaitable<result<std::shared_ptr<csi::plugin>>> ask_once() {
    if (!way_ || way_->closed()) {
      co_await drop_way();
      CO_TRY_ASSIGN(way_, co_await grpc::channel::connect(*now_.loop, net::endpoint{.path = now_.socket}, net::after(csi::limits::call_timeout)));
    }
    co_return co_await ask(now_, way_);
  }

  awaitable<void> supervise() {
    bool healthy = false;
    for (;;) {
      auto heard = co_await ask_once();
      if (heard && !healthy) now_.emit(events::plugin_healthy(wall_now(), now_.id));
      if (!heard && healthy) now_.emit(events::plugin_unhealthy(wall_now(), heard.error().text()));
      healthy = heard.has_value();
      if (healthy) {
        last_ = *heard;
        now_.plugins->set(last_);
        // Until it is time to ask again, or the connection ends.
        co_await way_->ended().wait(net::after(csi::limits::probe_interval));
        patience_ = net::after(now_.health_timeout);
        continue;
      }
      tell_unhealthy(heard.error());
      if (net::now() >= patience_ && now_.health_timeout.ns > 0) {
        (void)now_.control.restart("CSI plugin failed probe: " + heard.error().text());
        patience_ = net::after(now_.health_timeout);
      }
      co_await net::sleep_for(csi::limits::probe_retry);
    }
  }

  supervised now_;
  net::time_point patience_;
  std::shared_ptr<grpc::channel> way_;
  std::shared_ptr<csi::plugin> last_;
  std::optional<net::task_scope> scope_;
};

}  // namespace

std::unique_ptr<task_hook> make_csi_plugin_hook() { return std::make_unique<csi_plugin_hook>(); }

}  // namespace drover::client
