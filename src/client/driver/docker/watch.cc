#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <filesystem>

#include "base/text.h"
#include "client/driver/docker/container.h"
#include "client/driver/docker/limits.h"
#include "client/driver/docker/state.h"
#include "client/logs/directory_watch.h"
#include "client/system.h"

namespace drover::client {

using namespace docker;

namespace {
std::string bridge_address(const value& networks) {
  auto* list = networks.as_list();
  if (!list) return {};
  for (auto& network : *list) {
    if (text_at(network, "Name") != "bridge") continue;
    auto* pools = find_at(network, "IPAM.Config");
    if (pools && pools->as_list() && !pools->as_list()->empty()) return text_at((*pools->as_list())[0], "Gateway");
  }
  return {};
}

std::string runtimes_of(const value& info) {
  std::vector<std::string> names;
  if (auto* runtimes = info.find("Runtimes"); runtimes && runtimes->as_object())
    for (auto& [name, details] : *runtimes->as_object()) names.push_back(name);
  std::sort(names.begin(), names.end());
  return join(names, ",");
}
}  // namespace

void docker_driver::state::set_info(schema::driver_info next) {
  bool same = next.detected == info.detected && next.healthy == info.healthy && next.health_description == info.health_description &&
              next.attributes == info.attributes;
  info = std::move(next);
  if (!same && changed) changed();
}

awaitable<result<>> docker_driver::state::look() {
  engine->forget_version();
  CO_TRY_ASSIGN(auto version, co_await engine->call({.target = "/version", .timeout = limits::ping_timeout}));
  schema::driver_info next;
  next.detected = next.healthy = true;
  next.health_description = "Healthy";
  auto& a = next.attributes;
  a["driver.docker"] = "true";
  a["driver.docker.version"] = text_at(version, "Version");
  if (options.allow_privileged) a["driver.docker.privileged.enabled"] = "true";
  if (options.volumes) a["driver.docker.volumes.enabled"] = "true";
  if (options.pids_limit > 0) a["driver.docker.pids.limit"] = std::to_string(options.pids_limit);
  if (auto networks = co_await engine->call({.target = "/networks", .timeout = limits::ping_timeout}))
    if (auto address = bridge_address(*networks); !address.empty()) a["driver.docker.bridge_ip"] = address;
  if (auto facts = co_await engine->call({.target = "/info", .timeout = limits::ping_timeout})) {
    a["driver.docker.os_type"] = text_at(*facts, "OSType");
    a["driver.docker.runtimes"] = runtimes_of(*facts);
  }
  was_detected = true;
  if (!reachable.is_set()) logger.info("dockerd is there", {{"version", a["driver.docker.version"]}, {"endpoint", options.endpoint}});
  reachable.set();
  set_info(std::move(next));
  co_return result<>{};
}

// A stream of events that never come tells at once when dockerd goes away.
awaitable<void> docker_driver::state::wait_for_end() {
  using namespace boost::asio::experimental::awaitable_operators;
  doubted.reset();
  auto events = co_await engine->open({.target = R"(/events?filters={"type":["daemon"]})", .timeout = limits::ping_timeout});
  if (!events) co_return;
  for (;;) {
    auto first = co_await (net::with_deadline((*events)->read(), net::after(limits::ping_interval)) || doubted.wait());
    if (first.index() == 1) co_return;
    auto said = std::get<0>(std::move(first));
    if (said && said->empty()) co_return;
    // It reloads its configuration: its runtimes may be others.
    if (said && !co_await look()) co_return;
    if (said) continue;
    if (said.error().code() != errc::timeout) co_return;
    if (auto alive = co_await engine->call({.target = "/networks", .timeout = limits::ping_timeout}); !alive) co_return;
    // What was cancelled cannot be read on.
    events = co_await engine->open({.target = R"(/events?filters={"type":["daemon"]})", .timeout = limits::ping_timeout});
    if (!events) co_return;
  }
}

void docker_driver::state::set_away() {
  if (reachable.is_set()) logger.warn("dockerd does not answer", {{"endpoint", options.endpoint}});
  reachable.reset();
  schema::driver_info next;
  next.detected = was_detected;
  next.health_description = "Failed to connect to docker daemon";
  set_info(std::move(next));
}

awaitable<void> docker_driver::state::wait_for_dockerd() {
  if (reachable.is_set()) {
    if (co_await look()) co_return;
    set_away();
    doubted.set();
  }
  co_await reachable.wait();
}

awaitable<void> docker_driver::state::watch() {
  // A dockerd that comes makes its socket anew.
  directory_watch beside_socket(services.loop, std::filesystem::path(engine->socket_path()).parent_path());
  auto pause = limits::retry;
  auto unsteady = duration();
  for (;;) {
    auto there = co_await look();
    if (there) {
      pause = limits::retry;
      auto until = net::after(limits::retry);
      co_await wait_for_end();
      // One that is about to end goes on answering for a moment, but tells no events any more.
      unsteady = net::now() < until ? std::min(duration(unsteady * 2 + limits::retry_first), limits::retry_max) : duration();
      if (unsteady.ns > 0) co_await net::sleep_for(unsteady);
      continue;
    }
    if (there.error().code() == errc::cancelled) co_return;
    set_away();
    co_await beside_socket.wait(net::after(pause));
    pause = std::min(duration(pause * 2), limits::retry_max);
  }
}

awaitable<void> docker_driver::state::sweep_regularly() {
  for (;;) {
    co_await net::sleep_for(options.dangling_period);
    auto swept = co_await sweep(wall_now().unix_seconds());
    if (!swept && reachable.is_set()) logger.warn("cannot look for leftover containers", {{"error", swept.error().text()}});
  }
}

// Containers of this agent that no task of it has: of an agent that was killed at the wrong moment, or that lost its state.
awaitable<result<>> docker_driver::state::sweep(int64_t now_seconds) {
  auto filter = net::percent_encode(fmt::format(R"({{"label":["{}={}"]}})", label_agent, agent));
  CO_TRY_ASSIGN(auto list, co_await engine->call({.target = "/containers/json?all=1&filters=" + filter}));
  if (!list.as_list()) co_return fail(errc::corrupt, "dockerd does not give a list of containers");
  for (auto& one : *list.as_list()) {
    auto id = text_at(one, "Id");
    auto* names = one.find("Names");
    bool named = names && names->as_list() && std::any_of(names->as_list()->begin(), names->as_list()->end(), [&](auto& n) {
                   return n.as_string() && !n.as_string()->empty() && containers.contains(n.as_string()->substr(1));
                 });
    if (containers.contains(id) || named || now_seconds - integer_at(one, "Created") < options.dangling_grace.ns / 1'000'000'000) continue;
    logger.info("a container belongs to no task of this agent", {{"container_id", id}, {"dry_run", options.dangling_dry_run}});
    if (options.dangling_dry_run) continue;
    if (auto gone = co_await engine->remove_container(id); !gone)
      logger.warn("cannot remove a leftover container", {{"container_id", id}, {"error", gone.error().text()}});
  }
  co_return result<>{};
}

}  // namespace drover::client
