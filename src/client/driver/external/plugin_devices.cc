// What a plugin of devices tells, and is asked.
#include <algorithm>

#include "client/driver/external/device_messages.h"
#include "client/driver/external/limits.h"
#include "client/driver/external/plugin.h"
#include "grpc/protobuf.h"

namespace drover::client::external {

void plugin::set_devices(std::vector<schema::node_device_resource> next) {
  devices_ = std::move(next);
  if (changed) changed();
}

void plugin::devices_lost(const std::string& why) {
  device_stats_.clear();
  auto next = devices_;
  for (auto& group : next)
    for (auto& device : group.instances) {
      device.healthy = false;
      device.health_description = why;
    }
  if (!next.empty()) set_devices(std::move(next));
}

awaitable<void> plugin::follow_devices(std::shared_ptr<grpc::channel> way) {
  auto call = way->open(std::string(device_service) + "Fingerprint");
  if (!call || !co_await (*call)->send({})) co_return;
  (*call)->finish_sending();
  while (auto message = co_await (*call)->receive()) {
    auto groups = parse_devices(*message);
    if (groups) set_devices(std::move(*groups));
    else logger_.warn("what a plugin says of its devices cannot be read", {{"error", groups.error().text()}});
  }
  if (way->closed()) co_return;
  logger_.error("a plugin tells nothing more about its devices", {{"plugin", name()}, {"error", (*call)->ended().message}});
  devices_lost("the device plugin ended its fingerprint");
}

// A plugin that measures nothing ends this at once.
awaitable<void> plugin::follow_device_stats(std::shared_ptr<grpc::channel> way) {
  auto call = way->open(std::string(device_service) + "Stats");
  if (!call || !co_await (*call)->send(grpc::message_writer().message(1, grpc::seconds_message(limits::device_stats_interval.ns)).take())) co_return;
  (*call)->finish_sending();
  while (auto message = co_await (*call)->receive())
    if (auto stats = parse_device_stats(*message)) device_stats_ = std::move(*stats);
}

awaitable<result<device_reservation>> reserve(std::shared_ptr<plugin> p, std::vector<std::string> ids) {
  auto request = grpc::message_writer().texts(1, ids).take();
  CO_TRY_ASSIGN(auto way, co_await p->ready(net::after(limits::ready_timeout)));
  CO_TRY_ASSIGN(auto answer, co_await way->call(std::string(device_service) + "Reserve", std::move(request), net::after(limits::call_timeout)));
  co_return parse_reservation(answer);
}

}  // namespace drover::client::external
