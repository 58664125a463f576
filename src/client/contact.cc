#include "client/contact.h"

#include <ctime>

#include <algorithm>

#include "base/text.h"
#include "client/limits.h"
#include "client/system.h"

namespace drover::client {

machine_instant machine_now() {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return {.boot_id = read_line("/proc/sys/kernel/random/boot_id"), .since_boot_ns = t.tv_sec * 1'000'000'000LL + t.tv_nsec, .wall = wall_now()};
}

duration passed(const machine_instant& from, const machine_instant& to) {
  auto ns = from.boot_id == to.boot_id && !to.boot_id.empty() ? to.since_boot_ns - from.since_boot_ns : (to.wall - from.wall).ns;
  return duration(std::max<int64_t>(ns, 0));
}

std::string to_text(const machine_instant& i) { return fmt::format("{} {} {}", i.boot_id.empty() ? "-" : i.boot_id, i.since_boot_ns, i.wall.ns); }

result<machine_instant> parse_instant(std::string_view text) {
  auto parts = split(text, ' ');
  if (parts.size() != 3) return fail(errc::corrupt, "\"{}\" is no stored instant", text);
  auto boot = parse_int(parts[1]), wall = parse_int(parts[2]);
  if (!boot || !wall) return fail(errc::corrupt, "\"{}\" is no stored instant", text);
  return machine_instant{.boot_id = parts[0] == "-" ? "" : std::string(parts[0]), .since_boot_ns = *boot, .wall = timestamp(*wall)};
}

std::optional<duration> disconnect_limit(const schema::task_group& group) {
  auto limit = group.stop_after_client_disconnect;
  if (group.disconnect && group.disconnect->stop_on_client_after) limit = group.disconnect->stop_on_client_after;
  if (!limit || limit->ns <= 0) return std::nullopt;
  return limit;
}

duration until_stop(duration limit, duration away, duration since_start) {
  auto grace = std::min(limit, limits::disconnect_start_grace);
  auto left = std::max(limit - away, grace - since_start);
  return std::max(left, duration{});
}

}  // namespace drover::client
