#include "env/time_zone.h"

#include <date/tz.h>

namespace drover::env {
namespace {
using instant = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;
using wall = date::local_time<std::chrono::nanoseconds>;
const date::time_zone& zone_of(const void* zone) { return *static_cast<const date::time_zone*>(zone); }
}  // namespace

result<time_zone> time_zone::named(const std::string& name) {
  try {
    if (name == "Local") return time_zone(date::current_zone());
    return time_zone(date::locate_zone(name.empty() ? "Etc/UTC" : name));
  } catch (const std::exception&) {
    return fail(errc::invalid, "\"{}\" is no time zone that this machine knows: use a name such as UTC or Europe/Berlin", name);
  }
}

timestamp time_zone::to_local(timestamp utc) const {
  return timestamp(zone_of(zone_).to_local(instant(std::chrono::nanoseconds(utc.ns))).time_since_epoch().count());
}

timestamp time_zone::to_utc(timestamp local) const {
  wall at{std::chrono::nanoseconds(local.ns)};
  auto info = zone_of(zone_).get_info(at);
  // A skipped time: when the earlier offset ended.
  if (info.result == date::local_info::nonexistent) return timestamp(std::chrono::nanoseconds(info.first.end.time_since_epoch()).count());
  return timestamp((at.time_since_epoch() - info.first.offset).count());
}

}  // namespace drover::env
