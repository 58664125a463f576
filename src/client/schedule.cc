#include "client/schedule.h"

#include "env/time_zone.h"
#include "jobspec/cron.h"

namespace drover::client {

namespace {
constexpr int64_t day_ns = 24ll * 3600 * 1'000'000'000;
int64_t day_of(timestamp local) { return local.ns / day_ns; }
}  // namespace

result<task_window> window_at(const schema::task_schedule_cron& schedule, timestamp now) {
  TRY_ASSIGN(auto zone, env::time_zone::named(schedule.timezone.empty() ? "Local" : schedule.timezone));
  auto start = jobspec::cron::parse(schedule.start);
  if (!start) return wrap(start.error(), fmt::format("schedule.cron.start \"{}\"", schedule.start));
  auto end = jobspec::cron::parse(schedule.end + " * * *");
  if (!end) return wrap(end.error(), fmt::format("schedule.cron.end \"{}\"", schedule.end));
  auto local = zone.to_local(now);
  // The end of a start, if it comes on the same day.
  auto end_of = [&](timestamp from) -> std::optional<timestamp> {
    auto at = end->next(from);
    return at && day_of(*at) == day_of(from) ? at : std::nullopt;
  };
  for (auto from = start->next(timestamp(day_of(local) * day_ns - 1)); from && *from <= local; from = start->next(*from))
    if (auto until = end_of(*from); until && local < *until) return task_window{true, zone.to_utc(*until)};
  auto next = start->next(local);
  // A start without an end on its day opens nothing; the next day's may.
  for (int days = 0; next && !end_of(*next) && days < 366; ++days) next = start->next(timestamp((day_of(*next) + 1) * day_ns - 1));
  if (!next || !end_of(*next)) return task_window{};
  return task_window{false, zone.to_utc(*next)};
}

}  // namespace drover::client
