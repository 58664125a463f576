#include "server/worker_pool.h"

#include <algorithm>
#include <array>
#include <thread>

#include "base/ensure.h"

namespace drover::server {

result<> check_schedulers(int64_t count, const std::vector<std::string>& types) {
  const int64_t processors = std::max(1u, std::thread::hardware_concurrency());
  if (count < 0 || count > processors) return fail(errc::invalid, "Invalid request: num_schedulers is {}; this machine runs 0 to {}", count, processors);
  constexpr std::array<std::string_view, 5> known = {"service", "batch", "system", "sysbatch", "_core"};
  for (const auto& each : types)
    if (std::ranges::find(known, each) == known.end())
      return fail(errc::invalid, "Invalid request: enabled_schedulers names \"{}\"; there are {}", each, fmt::join(known, ", "));
  if (std::ranges::find(types, "_core") == types.end())
    return fail(errc::invalid, "Invalid request: enabled_schedulers must name _core, besides those of service, batch, system and sysbatch that are wanted");
  return {};
}

void worker_pool::set(int count, std::vector<std::string> types) {
  ENSURE(count >= 0, "checked by whoever asks");
  count_ = count;
  types_ = std::move(types);
  // Collection of what has ended is a duty of the leader, which nobody can switch off; it is shown as one that is always taken.
  if (std::ranges::find(types_, "_core") == types_.end()) types_.emplace_back("_core");
  while (workers_.size() < static_cast<size_t>(count)) {
    workers_.push_back(std::make_unique<worker>(context_, context_.random.uuid(), std::vector<std::string>()));
    context_.workers.push_back(workers_.back().get());
    if (started_) workers_.back()->start();
  }
  for (size_t i = 0; i < workers_.size(); ++i) workers_[i]->take_only(i < static_cast<size_t>(count) ? types_ : std::vector<std::string>());
  if (started_) context_.broker->types_changed();
}

void worker_pool::start() {
  started_ = true;
  for (auto& each : workers_) each->start();
}

net::awaitable<void> worker_pool::stop() {
  for (auto& each : workers_) co_await each->stop();
}

void worker_pool::note(const fsm::commit_event& event) {
  for (auto& each : workers_) each->note(event);
}

bool worker_pool::holds(const std::string& eval_id, const std::string& token) const {
  return std::ranges::any_of(workers_, [&](const auto& each) { return each->holds(eval_id, token); });
}

std::vector<schema::agent_scheduler_worker_info> worker_pool::shown() const {
  std::vector<schema::agent_scheduler_worker_info> out;
  for (size_t i = 0; i < static_cast<size_t>(count_); ++i) {
    const auto& each = *workers_[i];
    out.push_back({.id = each.id(),
                   .enabled_schedulers = each.types(),
                   .started = to_rfc3339(each.started()),
                   .status = "Started",
                   .workload_status = each.busy() ? "Scheduling" : "WaitingToDequeue"});
  }
  return out;
}

}  // namespace drover::server
