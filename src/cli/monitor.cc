#include "cli/monitor.h"

#include <algorithm>

#include "cli/format/alloc.h"
#include "cli/format/colour.h"
#include "cli/format/deployment.h"
#include "cli/format/metrics.h"

namespace drover::cli {
namespace {

std::string head_line(timestamp now, std::string_view text) { return format::bold(fmt::format("==> {}: {}", format::clock_time(now), text)) + "\n"; }
std::string detail_line(timestamp now, std::string_view text) { return fmt::format("    {}: {}\n", format::clock_time(now), text); }

}  // namespace

bool is_terminal(const schema::evaluation& eval) { return eval.status == "complete" || eval.status == "failed" || eval.status == "canceled"; }

std::string evaluation_log::heading(timestamp now) const { return head_line(now, fmt::format("Monitoring evaluation \"{}\"", shown(id_))); }

std::string evaluation_log::update(const schema::evaluation& eval, const std::vector<schema::alloc_list_stub>& allocs, timestamp now) {
  std::string lines;
  auto line = [&](const std::string& text) { lines += detail_line(now, text); };
  if (!begun_) {
    if (!eval.node_id.empty() && eval.job_id.empty()) line(fmt::format("Evaluation triggered by node \"{}\"", shown(eval.node_id)));
    else line(fmt::format("Evaluation triggered by job \"{}\"", eval.job_id));
    // What an already finished evaluation was before is not news.
    status_ = is_terminal(eval) && eval.deployment_id.empty() && allocs.empty() ? eval.status : "pending";
  }
  if (!eval.deployment_id.empty() && deployment_id_ != eval.deployment_id) {
    deployment_id_ = eval.deployment_id;
    line(fmt::format("Evaluation within deployment: \"{}\"", shown(eval.deployment_id)));
  }
  for (const auto& a : allocs) {
    auto known = allocs_.find(a.id);
    if (known == allocs_.end()) {
      if (a.create_index < eval.create_index)
        line(fmt::format("Allocation \"{}\" modified: node \"{}\", group \"{}\"", shown(a.id), shown(a.node_id), a.task_group));
      else if (a.desired_status == "run")
        line(fmt::format("Allocation \"{}\" created: node \"{}\", group \"{}\"", shown(a.id), shown(a.node_id), a.task_group));
      allocs_[a.id] = {a.client_status};
    } else if (known->second.client_status != a.client_status) {
      auto why = a.client_description.empty() ? std::string() : fmt::format(" ({})", a.client_description);
      line(fmt::format("Allocation \"{}\" status changed: \"{}\" -> \"{}\"{}", shown(a.id), known->second.client_status, a.client_status, why));
      known->second.client_status = a.client_status;
    }
  }
  if (status_ != eval.status) {
    line(fmt::format("Evaluation status changed: \"{}\" -> \"{}\"", status_, eval.status));
    status_ = eval.status;
  }
  // The first heading is printed before anything is known.
  bool repeat = begun_ && !lines.empty();
  begun_ = true;
  return (repeat ? heading(now) : std::string()) + lines;
}

std::string evaluation_log::finish(const schema::evaluation& eval, timestamp now) const {
  if (eval.failed_tg_allocs.empty()) {
    auto why = eval.status == "failed" && !eval.status_description.empty() ? fmt::format(": {}", eval.status_description) : std::string();
    return head_line(now, fmt::format("Evaluation \"{}\" finished with status \"{}\"{}", shown(id_), eval.status, why));
  }
  auto out = head_line(now, fmt::format("Evaluation \"{}\" finished with status \"{}\" but failed to place all allocations:", shown(id_), eval.status));
  for (const auto& [group, metric] : eval.failed_tg_allocs) {
    auto count = metric.coalesced_failures + 1;
    out += detail_line(now, fmt::format("Task Group \"{}\" (failed to place {} allocation{}):", group, count, count == 1 ? "" : "s"));
    out += format::placement_failure(metric, "      ");
  }
  if (!eval.blocked_eval.empty())
    out += detail_line(now, fmt::format("Evaluation \"{}\" waiting for additional capacity to place remainder", shown(eval.blocked_eval)));
  return out;
}

namespace {

using alloc_list = std::vector<schema::alloc_list_stub>;

// How long the end of an evaluation is held back for its allocations' first news: people want to see that they started.
constexpr duration start_patience = seconds(1);

bool has_unstarted(const alloc_list& allocs) {
  return std::ranges::any_of(allocs, [](const auto& a) { return a.desired_status == "run" && a.client_status == "pending"; });
}

// What the evaluation placed, when all of it has started or the patience is over.
alloc_list started_allocs(context& c, const std::string& path, alloc_list allocs) {
  api_request ask{.path = path};
  auto until = now() + start_patience;
  while (has_unstarted(allocs) && now() < until) {
    ask.query = {{"wait", fmt::format("{}ms", std::max<int64_t>((until - now()).ms(), 1))}};
    auto fresh = c.api.get_indexed<alloc_list>(ask);
    if (!fresh) break;
    allocs = std::move(fresh->value);
    ask.index = std::max<uint64_t>(fresh->index, 1);
  }
  return allocs;
}

// One evaluation to its end, without its deployment.
result<schema::evaluation> follow_evaluation(context& c, const std::string& eval_id) {
  evaluation_log log(eval_id, c.verbose());
  c.out.write(format::coloured(log.heading(now()), c.out.colours()));
  c.out.flush();
  api_request ask{.path = "/v1/evaluation/" + path_word(eval_id)};
  for (;;) {
    auto eval = c.api.get_indexed<schema::evaluation>(ask);
    if (!eval) return context::failed("reading evaluation", eval.error());
    auto allocs = c.api.get<alloc_list>(ask.path + "/allocations");
    if (!allocs) return context::failed("reading allocations", allocs.error());
    if (is_terminal(eval->value) && has_unstarted(*allocs)) {
      auto before = eval->value;
      before.status = "pending";
      before.deployment_id.clear();
      c.out.write(format::coloured(log.update(before, *allocs, now()), c.out.colours()));
      c.out.flush();
      *allocs = started_allocs(c, ask.path + "/allocations", *std::move(allocs));
    }
    c.out.write(format::coloured(log.update(eval->value, *allocs, now()), c.out.colours()));
    if (is_terminal(eval->value)) {
      c.out.write(format::coloured(log.finish(eval->value, now()), c.out.colours()));
      c.out.flush();
      return std::move(eval->value);
    }
    c.out.flush();
    ask.index = std::max<uint64_t>(eval->index, 1);
  }
}

}  // namespace

result<int> monitor_evaluation(context& c, const std::string& eval_id) {
  std::string id = eval_id;
  for (;;) {
    TRY_ASSIGN(auto eval, follow_evaluation(c, id));
    if (eval.status != "complete") return 1;
    bool unplaced = !eval.failed_tg_allocs.empty();
    if (!eval.next_eval.empty() && eval.wait.ns == 0 && eval.wait_until.is_zero() && eval.deployment_id.empty()) {
      id = eval.next_eval;
      continue;
    }
    if (!eval.deployment_id.empty()) {
      TRY_ASSIGN(auto code, monitor_deployment(c, eval.deployment_id));
      if (code != 0) return code;
    }
    return unplaced ? 2 : 0;
  }
}

result<int> monitor_deployment(context& c, const std::string& deployment_id, bool with_heading) {
  auto how = c.style();
  if (with_heading) c.out.write(format::coloured(head_line(now(), fmt::format("Monitoring deployment \"{}\"", how.id(deployment_id))), c.out.colours()));
  c.out.flush();
  api_request ask{.path = "/v1/deployment/" + path_word(deployment_id)};
  std::string last;
  for (;;) {
    auto d = c.api.get_indexed<schema::deployment>(ask);
    if (!d) return context::failed("reading deployment", d.error());
    how.now = now();
    auto text = format::deployment(d->value, how);
    if (c.verbose()) {
      auto allocs = c.api.get<std::vector<schema::alloc_list_stub>>("/v1/deployment/allocations/" + path_word(deployment_id));
      if (allocs) text += "\n\n" + format::bold("Allocations") + "\n" + format::allocation_list(*allocs, how);
    }
    if (text != last) {
      c.say(fmt::format("    \n{}\n{}", format::clock_time(how.now), text));
      c.out.flush();
      last = std::move(text);
    }
    if (format::is_terminal(d->value)) return d->value.status == "failed" ? 1 : 0;
    ask.index = std::max<uint64_t>(d->index, 1);
  }
}

}  // namespace drover::cli
