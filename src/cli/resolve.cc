#include "cli/resolve.h"

#include "base/text.h"
#include "cli/format/alloc.h"
#include "cli/format/deployment.h"
#include "cli/format/job.h"
#include "cli/format/node.h"

namespace drover::cli {

match choose(const std::vector<std::string>& ids, std::string_view wanted, size_t& at) {
  size_t count = 0;
  for (size_t i = 0; i < ids.size(); i++) {
    if (ids[i] == wanted) {
      at = i;
      return match::one;
    }
    if (!ids[i].starts_with(wanted)) continue;
    if (count++ == 0) at = i;
  }
  return count == 0 ? match::none : count == 1 ? match::one : match::many;
}

namespace {

// How one kind of record is looked up by prefix.
struct lookup {
  std::string_view one, many;  // "allocation", "allocations"
  std::string_view too_short;  // "Alloc ID"
  std::string_view not_found;  // "allocation(s)"
  std::string_view list_path, item_path;
};

template <class Stub, class Show>
result<std::string> resolve_id(context& c, const lookup& l, const std::string& wanted, Show show) {
  if (wanted.size() < 2) return fail(errc::invalid, "{} must contain at least two characters.", l.too_short);
  if (is_uuid(wanted)) return wanted;
  auto prefix = format::id_prefix(wanted);
  auto list = c.api.get<std::vector<Stub>>(api_request{.path = std::string(l.list_path), .query = {{"prefix", prefix}}});
  if (!list) return context::failed(fmt::format("querying {}", l.one), list.error());
  std::vector<std::string> ids;
  for (const auto& item : *list) ids.push_back(item.id);
  size_t at = 0;
  switch (choose(ids, prefix, at)) {
    case match::one: return ids[at];
    case match::none: return fail(errc::not_found, "No {} with prefix or id \"{}\" found", l.not_found, wanted);
    case match::many: return fail(errc::invalid, "Prefix matched multiple {}\n\n{}", l.many, format::without_marks(show(*list)));
  }
  return fail(errc::unknown, "unreachable");
}

template <class Record, class Stub, class Show>
result<Record> find(context& c, const lookup& l, const std::string& wanted, Show show) {
  TRY_ASSIGN(auto id, resolve_id<Stub>(c, l, wanted, show));
  auto item = c.api.get<Record>(api_request{.path = std::string(l.item_path) + path_word(id)});
  if (item) return item;
  if (item.error().code() == errc::not_found) return fail(errc::not_found, "No {} with prefix or id \"{}\" found", l.not_found, wanted);
  return context::failed(fmt::format("querying {}", l.one), item.error());
}

}  // namespace

result<job_name> resolve_job(context& c, const std::string& wanted) {
  api_request ask{.path = "/v1/jobs", .query = {{"prefix", wanted}}};
  auto list = c.api.get<std::vector<schema::job_list_stub>>(std::move(ask));
  if (!list) return context::failed("querying job prefix", list.error());
  std::vector<std::string> ids;
  for (const auto& item : *list) ids.push_back(item.id);
  size_t at = 0;
  switch (choose(ids, wanted, at)) {
    case match::none: return fail(errc::not_found, "No job(s) with prefix or ID \"{}\" found", wanted);
    case match::many:
      return fail(errc::invalid, "Prefix matched multiple jobs\n\n{}", format::without_marks(format::job_list(*list, c.api.options().namespace_ == "*")));
    case match::one: break;
  }
  return job_name{(*list)[at].id, (*list)[at].namespace_};
}

result<schema::job> find_job(context& c, const std::string& wanted) {
  TRY_ASSIGN(auto name, resolve_job(c, wanted));
  auto job = c.api.get<schema::job>(api_request{.path = "/v1/job/" + path_word(name.id), .namespace_ = name.namespace_});
  if (!job) return context::failed("querying job", job.error());
  return job;
}

result<schema::allocation> find_alloc(context& c, const std::string& wanted) {
  static constexpr lookup l = {"allocation", "allocations", "Alloc ID", "allocation(s)", "/v1/allocations", "/v1/allocation/"};
  return find<schema::allocation, schema::alloc_list_stub>(c, l, wanted, [&](const auto& list) {
    auto how = c.style();
    how.verbose = true;
    return format::allocation_list(list, how);
  });
}

result<schema::node> find_node(context& c, const std::string& wanted) {
  static constexpr lookup l = {"node info", "nodes", "Node ID", "node(s)", "/v1/nodes", "/v1/node/"};
  return find<schema::node, schema::node_list_stub>(c, l, wanted, [&](const auto& list) { return format::node_list(list, {.how = {.verbose = true}}); });
}

result<schema::evaluation> find_eval(context& c, const std::string& wanted) {
  static constexpr lookup l = {"evaluation", "evaluations", "Evaluation ID", "evaluation(s)", "/v1/evaluations", "/v1/evaluation/"};
  return find<schema::evaluation, schema::evaluation>(c, l, wanted, [&](const auto& list) { return format::evaluation_table(list, {.verbose = true}); });
}

result<schema::deployment> find_deployment(context& c, const std::string& wanted) {
  static constexpr lookup l = {"deployment", "deployments", "Deployment ID", "deployment(s)", "/v1/deployments", "/v1/deployment/"};
  return find<schema::deployment, schema::deployment>(c, l, wanted, [&](const auto& list) { return format::deployment_list(list, {.verbose = true}); });
}

result<std::string> own_node_id(context& c) {
  auto answer = c.api.send({.path = "/v1/agent/self"});
  if (!answer) return context::failed("querying agent info", answer.error());
  TRY_ASSIGN(auto self, codec::value_from_json(answer->body));
  const auto* stats = self.find("stats");
  const auto* client = stats == nullptr ? nullptr : stats->find("client");
  const auto* id = client == nullptr ? nullptr : client->find("node_id");
  if (id == nullptr || id->as_string() == nullptr)
    return fail(errc::invalid, "The agent at {} runs no client: -self needs one that does.", c.api.options().address);
  return *id->as_string();
}

result<schema::allocation> find_alloc_of_job(context& c, const std::string& job, const std::string& group) {
  TRY_ASSIGN(auto name, resolve_job(c, job));
  auto list =
      c.api.get<std::vector<schema::alloc_list_stub>>(api_request{.path = "/v1/job/" + path_word(name.id) + "/allocations", .namespace_ = name.namespace_});
  if (!list) return context::failed("querying allocations of the job", list.error());
  const schema::alloc_list_stub* best = nullptr;
  for (const auto& a : *list) {
    if (!group.empty() && a.task_group != group) continue;
    bool better = best == nullptr || (a.client_status == "running") > (best->client_status == "running") ||
                  ((a.client_status == "running") == (best->client_status == "running") && a.create_index > best->create_index);
    if (better) best = &a;
  }
  if (best == nullptr && !group.empty()) return fail(errc::not_found, "No allocations of job \"{}\" in group \"{}\"", name.id, group);
  if (best == nullptr) return fail(errc::not_found, "No allocations for job \"{}\"", name.id);
  return find_alloc(c, best->id);
}

result<std::string> choose_task(const schema::allocation& alloc, const std::string& named) {
  std::vector<std::string> names;
  if (alloc.job)
    for (const auto& g : alloc.job->task_groups)
      if (g.name == alloc.task_group)
        for (const auto& t : g.tasks) names.push_back(t.name);
  if (names.empty())
    for (const auto& [name, state] : alloc.task_states) names.push_back(name);
  if (!named.empty()) {
    for (const auto& name : names)
      if (name == named) return named;
    return fail(errc::invalid, "Could not find task named: {}, found:\n  * {}", named, join(names, "\n  * "));
  }
  if (names.size() == 1) return names[0];
  return fail(errc::invalid, "Allocation \"{}\" is running the following tasks:\n  * {}\n\nPlease specify the task.", short_id(alloc.id),
              join(names, "\n  * "));
}

}  // namespace drover::cli
