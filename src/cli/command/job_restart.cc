// job restart: the allocations of a job, a batch at a time, in place or by replacing them.
#include <algorithm>
#include <chrono>
#include <span>
#include <thread>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/colour.h"
#include "cli/resolve.h"
#include "schema/alloc_rpc.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {{"all-tasks", flag_kind::boolean, "Every task, those that have ended too."},
                               {"task", flag_kind::list, "This task alone. May be given many times."},
                               {"group", flag_kind::list, "Allocations of this group alone. May be given many times."},
                               {"batch-size", flag_kind::text, "So many at a time, or so many of 100 with a %: 1 unless said otherwise."},
                               {"batch-wait", flag_kind::text, "How long to wait between batches, or \"ask\"."},
                               {"on-error", flag_kind::text, "What an error means: \"ask\" or \"fail\"."},
                               {"reschedule", flag_kind::boolean, "Stop the allocations and wait for those that replace them."},
                               {"no-shutdown-delay", flag_kind::boolean, "With -reschedule: do not wait for shutdown delays."},
                               yes_flag,
                               verbose_flag};

using alloc_stub = schema::alloc_list_stub;

struct restart_plan {
  job_name job;
  std::vector<alloc_stub> allocs;
  size_t batch_size = 1;
  duration batch_wait;
  bool ask_between = false, ask_on_error = true;
};

void heading(context& c, const std::string& text) { c.say(format::bold(fmt::format("==> {}: {}", format::clock_time(now()), text))); }
void line(context& c, const std::string& text) { c.say(fmt::format("    {}: {}", format::clock_time(now()), text)); }
std::string counted(size_t n, std::string_view what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

// "1st", "2nd", "11th".
std::string ordinal(size_t n) {
  bool teen = n % 100 >= 11 && n % 100 <= 13;
  std::string_view end = teen ? "th" : n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
  return fmt::format("{}{}", n, end);
}

std::string check_flags(const context& c) {
  bool reschedule = c.flags.on("reschedule"), named = !c.flags.list("task").empty();
  if (named && c.flags.on("all-tasks")) return "The -all-tasks and -task options can't be combined";
  if (reschedule && (named || c.flags.on("all-tasks"))) return "-reschedule replaces whole allocations: it can't be combined with -task or -all-tasks";
  if (c.flags.on("no-shutdown-delay") && !reschedule) return "-no-shutdown-delay can only be used with -reschedule";
  auto on_error = c.flags.text("on-error");
  if (!on_error.empty() && on_error != "ask" && on_error != "fail") return "-on-error is \"ask\" or \"fail\"";
  if (c.flags.on("yes") && (on_error == "ask" || c.flags.text("batch-wait") == "ask")) return "-yes can't be combined with an option that asks";
  return {};
}

// "3", or "25%" of `all`, at least one.
result<size_t> batch_size(const std::string& text, size_t all) {
  if (text.empty()) return 1;
  bool percent = text.ends_with('%');
  auto number = parse_int(percent ? std::string_view(text).substr(0, text.size() - 1) : std::string_view(text));
  if (!number || *number < 1 || (percent && *number > 100))
    return fail(errc::invalid, "Invalid -batch-size value \"{}\": it must be a number from 1 on, or a percentage up to 100%", text);
  return percent ? std::max<size_t>(1, all * static_cast<size_t>(*number) / 100) : static_cast<size_t>(*number);
}

bool is_wanted(const alloc_stub& alloc, const std::vector<std::string>& groups, const std::vector<std::string>& tasks) {
  if (alloc.desired_status != "run" || (alloc.client_status != "running" && alloc.client_status != "pending")) return false;
  if (!groups.empty() && std::ranges::find(groups, alloc.task_group) == groups.end()) return false;
  return tasks.empty() || std::ranges::any_of(tasks, [&](const auto& task) { return alloc.task_states.contains(task); });
}

result<restart_plan> make_plan(context& c) {
  restart_plan plan;
  TRY_ASSIGN(plan.job, resolve_job(c, c.arguments[0]));
  auto path = "/v1/job/" + path_word(plan.job.id);
  auto job = c.api.get<schema::job>({.path = path, .namespace_ = plan.job.namespace_});
  if (!job) return context::failed("retrieving job", job.error());
  if (c.flags.on("reschedule") && (job->type == "system" || job->type == "sysbatch"))
    return fail(errc::invalid, "Jobs of type \"{}\" are not allowed to be rescheduled.", job->type);
  for (const auto& group : c.flags.list("group"))
    if (std::ranges::find(job->task_groups, group, &schema::task_group::name) == job->task_groups.end())
      return fail(errc::not_found, "Group \"{}\" not found in job \"{}\"", group, job->id);
  auto allocs = c.api.get<std::vector<alloc_stub>>({.path = path + "/allocations", .namespace_ = plan.job.namespace_});
  if (!allocs) return context::failed("retrieving allocations", allocs.error());
  auto groups = c.flags.list("group"), tasks = c.flags.list("task");
  std::erase_if(*allocs, [&](const auto& alloc) { return !is_wanted(alloc, groups, tasks); });
  std::ranges::sort(*allocs, {}, &alloc_stub::name);
  plan.allocs = *std::move(allocs);
  TRY_ASSIGN(plan.batch_size, batch_size(c.flags.text("batch-size"), plan.allocs.size()));
  auto wait = c.flags.text("batch-wait");
  plan.ask_between = wait == "ask";
  if (!wait.empty() && wait != "ask") {
    TRY_ASSIGN(plan.batch_wait, parse_duration(wait));
  }
  plan.ask_on_error = c.flags.text("on-error") != "fail" && !c.flags.on("yes");
  return plan;
}

api_request to_alloc(const restart_plan& plan, const alloc_stub& alloc, std::string_view method, std::string_view base, std::string_view what = {}) {
  return {.method = std::string(method), .path = fmt::format("{}/{}{}", base, path_word(alloc.id), what), .namespace_ = plan.job.namespace_};
}

result<> restart_in_place(context& c, const restart_plan& plan, const alloc_stub& alloc) {
  auto tasks = c.flags.list("task");
  bool all = c.flags.on("all-tasks");
  line(c, fmt::format("Restarting {} in allocation \"{}\" for group \"{}\"",
                      all             ? "all tasks"
                      : tasks.empty() ? "running tasks"
                                      : "task " + join(tasks, ", "),
                      c.style().id(alloc.id), alloc.task_group));
  if (tasks.empty()) tasks.emplace_back();
  for (const auto& task : tasks) {
    if (!task.empty() && !alloc.task_states.contains(task)) continue;
    value::object body;
    body.append("TaskName", task);
    body.append("AllTasks", all);
    auto ask = to_alloc(plan, alloc, "PUT", "/v1/client/allocation", "/restart");
    ask.body = codec::value_to_json(value(std::move(body)));
    if (auto done = c.api.send(std::move(ask)); !done)
      return context::failed(fmt::format("restarting allocation \"{}\"", c.style().id(alloc.id)), done.error());
  }
  return {};
}

// The allocation as soon as `enough` is true of it.
template <class Enough>
result<schema::allocation> wait_alloc(context& c, const restart_plan& plan, const std::string& id, Enough enough) {
  api_request ask{.path = "/v1/allocation/" + path_word(id), .namespace_ = plan.job.namespace_};
  for (;;) {
    auto alloc = c.api.get_indexed<schema::allocation>(ask);
    if (!alloc) return context::failed("retrieving allocation", alloc.error());
    if (enough(alloc->value)) return std::move(alloc->value);
    ask.index = std::max<uint64_t>(alloc->index, 1);
  }
}

result<> stop_one(context& c, const restart_plan& plan, const alloc_stub& alloc) {
  line(c, fmt::format("Rescheduling allocation \"{}\" for group \"{}\"", c.style().id(alloc.id), alloc.task_group));
  auto ask = to_alloc(plan, alloc, "PUT", "/v1/allocation", "/stop");
  if (c.flags.on("no-shutdown-delay")) ask.query.emplace_back("no_shutdown_delay", "true");
  if (auto done = c.api.send(std::move(ask)); !done) return context::failed(fmt::format("stopping allocation \"{}\"", c.style().id(alloc.id)), done.error());
  return {};
}

result<> wait_replaced(context& c, const restart_plan& plan, const alloc_stub& alloc) {
  TRY_ASSIGN(auto stopped, wait_alloc(c, plan, alloc.id, [](const auto& a) { return !a.next_allocation.empty(); }));
  auto old_id = c.style().id(alloc.id), new_id = c.style().id(stopped.next_allocation);
  line(c, fmt::format("Allocation \"{}\" replaced by \"{}\", waiting for \"{}\" to start running", old_id, new_id, new_id));
  TRY_ASSIGN(auto fresh, wait_alloc(c, plan, stopped.next_allocation, [](const auto& a) { return a.client_status != "pending"; }));
  if (fresh.client_status == "running" || fresh.client_status == "complete") {
    line(c, fmt::format("Allocation \"{}\" is \"{}\"", new_id, fresh.client_status));
    return {};
  }
  return fail(errc::unavailable, "Allocation \"{}\" is {}", new_id, fresh.client_status);
}

// Each of the batch, then until all of it is back. Returns what went wrong, one line each.
std::vector<std::string> restart_batch(context& c, const restart_plan& plan, std::span<const alloc_stub> batch) {
  std::vector<std::string> problems;
  bool reschedule = c.flags.on("reschedule");
  std::vector<const alloc_stub*> stopped;
  for (const auto& alloc : batch) {
    auto done = reschedule ? stop_one(c, plan, alloc) : restart_in_place(c, plan, alloc);
    c.out.flush();
    if (!done) problems.push_back(done.error().text());
    else if (reschedule) stopped.push_back(&alloc);
  }
  for (const auto* alloc : stopped) {
    if (auto done = wait_replaced(c, plan, *alloc); !done) problems.push_back(done.error().text());
    c.out.flush();
  }
  return problems;
}

bool goes_on(context& c, const std::string& question) {
  auto answer = to_lower(c.out.ask(question + " [y/N]"));
  return answer == "y" || answer == "yes";
}

result<int> run(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <job>");
  if (auto wrong = check_flags(c); !wrong.empty()) return c.misused(wrong);
  TRY_ASSIGN(auto plan, make_plan(c));
  if (plan.allocs.empty()) {
    c.say("No allocations to restart");
    return 0;
  }
  heading(c, fmt::format("Restarting {}", counted(plan.allocs.size(), "allocation")));
  size_t failures = 0, number = 0;
  std::span<const alloc_stub> rest = plan.allocs;
  while (!rest.empty()) {
    auto batch = rest.first(std::min(plan.batch_size, rest.size()));
    rest = rest.subspan(batch.size());
    ++number;
    if (plan.batch_size > 1) heading(c, fmt::format("Restarting {} batch of {}", ordinal(number), counted(batch.size(), "allocation")));
    auto problems = restart_batch(c, plan, batch);
    failures += problems.size();
    for (const auto& text : problems) line(c, text);
    if (!problems.empty() && !(plan.ask_on_error && !rest.empty() && goes_on(c, "Ignore the error and go on with the next batch?")))
      return fail(errc::unavailable, "Job restart stopped: {} of {} could not be restarted", failures, counted(plan.allocs.size(), "allocation"));
    if (rest.empty()) break;
    if (plan.ask_between && !goes_on(c, fmt::format("Go on with the next batch of {}?", counted(std::min(plan.batch_size, rest.size()), "allocation"))))
      return fail(errc::cancelled, "Job restart canceled: {} left", counted(rest.size(), "allocation"));
    if (plan.batch_wait.ns > 0) {
      heading(c, fmt::format("Waiting {} before restarting the next batch", to_string(plan.batch_wait)));
      c.out.flush();
      std::this_thread::sleep_until(std::chrono::steady_clock::now() + std::chrono::nanoseconds(plan.batch_wait.ns));
    }
  }
  heading(c, "Job restart finished");
  c.say("\nJob restarted successfully!");
  return 0;
}

}  // namespace

const command job_restart = {.name = "job restart",
                             .synopsis = "Restart the allocations of a job, a few at a time",
                             .usage = "[options] <job>",
                             .help =
                                 "Restarts the tasks of each allocation where they are or, with -reschedule, replaces the allocations. Goes on with the\n"
                                 "  next batch when all of the last one are back.",
                             .flags = flags,
                             .run = &run};

}  // namespace drover::cli::commands
