// Search.PrefixSearch and Search.FuzzySearch: how people and tools turn the beginning of an id, or a part of a name, into things.
#include <algorithm>

#include "base/text.h"
#include "schema/operator_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/reads.h"

namespace drover::server {
namespace {

using state::table;

constexpr size_t matches_max = 20;  // per context
constexpr size_t fuzzy_matches_max = 100;
constexpr size_t fuzzy_term_min = 2;

// One context of a prefix search: its name on the wire, what it reads, and how it finds.
struct prefix_context {
  std::string_view name;
  table from;
  void (*find)(const state::snapshot& state, std::string_view ns, std::string_view prefix, const std::function<bool(const std::string&)>& add);
};

bool in_namespace(std::string_view wanted, const std::string& ns) { return wanted == "*" || wanted == ns; }

const prefix_context prefix_contexts[] = {
    {"jobs", table::jobs,
     [](const state::snapshot& s, std::string_view ns, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       s.visit_jobs(ns, prefix, [&](const auto& job) { return add(job->id); });
     }},
    {"evals", table::evals,
     [](const state::snapshot& s, std::string_view ns, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       s.visit_evals(prefix, [&](const auto& eval) { return !in_namespace(ns, eval->namespace_) || add(eval->id); });
     }},
    {"allocs", table::allocs,
     [](const state::snapshot& s, std::string_view ns, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       s.visit_allocs(prefix, [&](const auto& alloc) { return !in_namespace(ns, alloc->namespace_) || add(alloc->id); });
     }},
    {"nodes", table::nodes,
     [](const state::snapshot& s, std::string_view, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       s.visit_nodes(prefix, [&](const auto& node) { return add(node->id); });
     }},
    {"node_pools", table::node_pools,
     [](const state::snapshot& s, std::string_view, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       s.visit_node_pools(prefix, [&](const auto& pool) { return add(pool->name); });
     }},
    {"deployment", table::deployments,
     [](const state::snapshot& s, std::string_view ns, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       s.visit_deployments(prefix, [&](const auto& d) { return !in_namespace(ns, d->namespace_) || add(d->id); });
     }},
    {"namespaces", table::namespaces,
     [](const state::snapshot& s, std::string_view, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       s.visit_namespaces(prefix, [&](const auto& n) { return add(n->name); });
     }},
};

// Contexts that exist but have nothing to find yet answer with nothing.
bool is_known_context(std::string_view name) {
  constexpr std::string_view others[] = {"quotas", "recommendations", "scaling_policy", "plugins", "vars", "volumes", "host_volumes"};
  return std::ranges::find(others, name) != std::end(others) || std::ranges::find(prefix_contexts, name, &prefix_context::name) != std::end(prefix_contexts);
}

result<> prefix_search(const read& r, const schema::search_request& request, schema::search_response& out) {
  if (!request.context.empty() && request.context != "all" && !is_known_context(request.context))
    return fail(errc::invalid, "context must be one of jobs, evals, allocs, nodes, node_pools, deployment, namespaces or all; got \"{}\"", request.context);
  auto ns = namespace_of(request);
  bool all = request.context.empty() || request.context == "all";
  for (const auto& context : prefix_contexts) {
    if (!all && context.name != request.context) continue;
    r.watch(state::watch_table(context.from));
    std::string name(context.name);
    auto& matches = out.matches[name];
    out.truncations[name] = false;
    context.find(r.state, ns, request.prefix, [&](const std::string& id) {
      if (matches.size() == matches_max) return out.truncations[name] = true, false;
      matches.push_back(id);
      return true;
    });
    out.index = std::max(out.index, r.state.index(context.from));
  }
  if (out.index == 0) out.index = r.state.index();
  return {};
}

class fuzzy_finder {
 public:
  fuzzy_finder(const read& r, const schema::fuzzy_search_request& request, schema::fuzzy_search_response& out)
      : r_(r), text_(to_lower(request.text)), context_(request.context), ns_(namespace_of(request)), out_(out) {}

  void find() {
    r_.state.visit_jobs(ns_, "", [&](const ref<schema::job>& job) {
      offer("jobs", job->name, {job->namespace_, job->id});
      for (const auto& group : job->task_groups) {
        offer("groups", group.name, {job->namespace_, job->id});
        for (const auto& service : group.services) offer("services", service.name, {job->namespace_, job->id, group.name});
        for (const auto& task : group.tasks) offer_task(*job, group, task);
      }
      return true;
    });
    r_.state.visit_nodes("", [&](const ref<schema::node>& node) { return offer("nodes", node->name, {node->id}), true; });
    r_.state.visit_namespaces("", [&](const auto& n) { return offer("namespaces", n->name, {}), true; });
    r_.state.visit_node_pools("", [&](const auto& pool) { return offer("node_pools", pool->name, {}), true; });
    r_.state.visit_allocs("", [&](const ref<schema::allocation>& alloc) {
      if (in_namespace(ns_, alloc->namespace_)) offer("allocs", alloc->name, {alloc->namespace_, alloc->id});
      return true;
    });
  }

 private:
  void offer_task(const schema::job& job, const schema::task_group& group, const schema::task& task) {
    std::vector<std::string> scope = {job.namespace_, job.id, group.name};
    offer("tasks", task.name, scope);
    scope.push_back(task.name);
    for (const auto& service : task.services) offer("services", service.name, scope);
    auto text_of = [&](const char* key) -> const std::string* {
      auto it = task.config.find(key);
      return it == task.config.end() ? nullptr : it->second.as_string();
    };
    if (auto* image = text_of("image")) offer("images", *image, scope);
    if (auto* command = text_of("command")) offer("commands", *command, scope);
  }

  void offer(const std::string& context, const std::string& name, std::vector<std::string> scope) {
    if (!context_.empty() && context_ != "all" && context_ != context) return;
    if (to_lower(name).find(text_) == std::string::npos) return;
    auto& matches = out_.matches[context];
    out_.truncations.try_emplace(context, false);
    if (matches.size() == fuzzy_matches_max) out_.truncations[context] = true;
    else matches.push_back({.id = name, .scope = std::move(scope)});
  }

  const read& r_;
  std::string text_;
  std::string context_;
  std::string_view ns_;
  schema::fuzzy_search_response& out_;
};

result<> fuzzy_search(const read& r, const schema::fuzzy_search_request& request, schema::fuzzy_search_response& out) {
  if (request.text.size() < fuzzy_term_min) return fail(errc::invalid, "fuzzy search query must be at least {} characters, got {}", fuzzy_term_min, request.text.size());
  r.watch(state::watch_table(table::jobs));
  fuzzy_finder(r, request, out).find();
  out.index = r.state.index({table::jobs, table::nodes, table::allocs, table::namespaces, table::node_pools});
  return {};
}

}  // namespace

void add_search_methods(rpc::method_table& table, server_context& context) {
  add_read(table, context, "Search.PrefixSearch", &prefix_search);
  add_read(table, context, "Search.FuzzySearch", &fuzzy_search);
}

}  // namespace drover::server
