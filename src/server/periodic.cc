#include "server/periodic.h"

#include <algorithm>

#include "env/time_zone.h"
#include "jobspec/cron.h"
#include "server/registration.h"
#include "state/tables.h"

namespace drover::server {

using schema::ref;

result<std::optional<timestamp>> next_launch(const schema::periodic_config& config, timestamp after) {
  TRY_ASSIGN(auto zone, env::time_zone::named(config.time_zone));
  auto specs = config.specs;
  if (!config.spec.empty()) specs.push_back(config.spec);
  std::optional<timestamp> first;
  for (const auto& text : specs) {
    TRY_ASSIGN(auto cron, jobspec::cron::parse(text));
    auto local = cron.next(zone.to_local(after));
    if (!local) continue;
    auto when = zone.to_utc(*local);
    // The hour that is repeated when clocks go back names an instant that is over: the next one counts.
    if (when <= after) {
      local = cron.next(zone.to_local(after + hours(1)));
      if (!local) continue;
      when = zone.to_utc(*local);
      if (when <= after) continue;
    }
    if (!first || when < *first) first = when;
  }
  return first;
}

periodic_launcher::periodic_launcher(server_context& context) : context_(context), scope_(context.loop, log::logger("nomad.periodic")) { scope_.spawn(run()); }

void periodic_launcher::set_enabled(bool enabled) {
  enabled_ = enabled;
  due_.clear();
  if (!enabled) return;
  auto state = context_.state();
  state.visit_jobs("*", "", [&](const ref<schema::job>& job) {
    if (!job->periodic || !job->periodic->enabled || job->stop || !job->parent_id.empty()) return true;
    auto last = state::find<state::table::periodic_launches>(state, {job->namespace_, job->id, {}});
    track(*job, last ? last->launch : context_.clock.now(), true);
    return true;
  });
}

void periodic_launcher::changed(const std::string& namespace_, const std::string& id) {
  if (!enabled_) return;
  auto job = context_.state().job(namespace_, id);
  if (job && job->periodic && job->periodic->enabled && !job->stop && job->parent_id.empty()) track(*job, context_.clock.now(), false);
  else due_.erase({namespace_, id});
}

void periodic_launcher::track(const schema::job& job, timestamp last, bool make_up) {
  auto next = next_launch(*job.periodic, last);
  key which{job.namespace_, job.id};
  if (!next || !*next) {
    if (!next) logger_.error("a periodic job has no next launch", {{"job", job.id}, {"error", next.error().text()}});
    due_.erase(which);
    return;
  }
  auto when = **next;
  if (make_up && when < context_.clock.now()) when = context_.clock.now();
  due_[which] = when;
  changed_.set();
}

bool periodic_launcher::overlaps(const schema::job& parent) const {
  auto children = context_.state().child_jobs(parent.namespace_, parent.id);
  return std::ranges::any_of(children, [](const auto& child) { return child->status != "dead"; });
}

net::awaitable<result<schema::job_register_response>> periodic_launcher::launch(ref<schema::job> parent, timestamp when) {
  auto child = child_of(*parent, fmt::format("{}/periodic-{}", parent->id, when.unix_seconds()));
  child.submit_time = context_.now_ns();
  schema::job_register_request command;
  command.job = std::make_shared<schema::job>(std::move(child));
  logger_.debug("launching job", {{"job", command.job->id}, {"launch_time", to_rfc3339(when)}});
  co_return co_await store_job(context_, std::move(command), "periodic-job");
}

net::awaitable<void> periodic_launcher::launch_due(key which, timestamp when) {
  auto job = context_.state().job(which.first, which.second);
  if (!enabled_ || !job || !job->periodic || !job->periodic->enabled || job->stop) co_return;
  track(*job, std::max(when, context_.clock.now()), false);
  if (job->periodic->prohibit_overlap && overlaps(*job)) {
    logger_.debug("skipping launch of periodic job because job prohibits overlap", {{"job", job->id}});
    co_return;
  }
  auto done = co_await launch(job, when);
  if (!done) logger_.error("failed to dispatch job", {{"job", job->id}, {"error", done.error().text()}});
}

net::awaitable<result<schema::periodic_force_response>> periodic_launcher::force(ref<schema::job> job) {
  if (job->periodic->prohibit_overlap && overlaps(*job))
    co_return fail(errc::conflict, "a child of periodic job \"{}\" is still running and the job prohibits overlap", job->id);
  auto when = context_.clock.now();
  // Two launches within a second would be one job: the later one counts for the next second.
  auto state = context_.state();
  while (state.job(job->namespace_, fmt::format("{}/periodic-{}", job->id, when.unix_seconds()))) when = when + seconds(1);
  CO_TRY_ASSIGN(auto done, co_await launch(job, when));
  schema::periodic_force_response out;
  out.index = done.index;
  out.eval_id = done.eval_id;
  out.eval_create_index = done.eval_create_index;
  co_return out;
}

net::awaitable<void> periodic_launcher::run() {
  for (;;) {
    timestamp next;
    for (const auto& [which, when] : due_)
      if (next.is_zero() || when < next) next = when;
    auto until = next.is_zero() ? net::never : net::after(std::max(duration(0), next - context_.clock.now()));
    co_await changed_.wait(until);
    changed_.reset();
    auto now = context_.clock.now();
    std::vector<std::pair<key, timestamp>> ready;
    for (const auto& [which, when] : due_)
      if (when <= now) ready.emplace_back(which, when);
    for (const auto& [which, when] : ready) {
      due_.erase(which);
      scope_.spawn(launch_due(which, when));
    }
  }
}

}  // namespace drover::server
