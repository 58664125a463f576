// Search.PrefixSearch and Search.FuzzySearch: how people and tools turn the beginning of an id, or a part of a name, into things.
#include <algorithm>
#include <map>
#include <tuple>

#include "base/text.h"
#include "schema/operator_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/reads.h"

namespace drover::server {
namespace {

using state::table;

constexpr size_t matches_max = 20;  // per context
// Finds of a context that are kept for each object that limit_query allows: the best of them are taken.
constexpr size_t fuzzy_finds_per_query = 50;

// One context of a prefix search: its name on the wire, what it reads, whether a caller may look there (the namespace is "*" for all), and how it finds.
struct prefix_context {
  std::string_view name;
  table from;
  bool (*open)(const caller& by, std::string_view ns);
  void (*find)(const read& r, std::string_view ns, std::string_view prefix, const std::function<bool(const std::string&)>& add);
};

bool sees_jobs(const caller& by, std::string_view ns) { return ns == "*" || by.may->allows(ns, acl::capability::read_job); }
bool sees_nodes(const caller& by, std::string_view) { return by.may->allows_node(acl::level::read); }
// Its elements are looked at one by one.
bool sees_some(const caller&, std::string_view) { return true; }
bool shows(const read& r, const std::string& ns) { return r.by == nullptr || r.by->may->allows(ns, acl::capability::read_job); }

bool sees_plugins(const caller& by, std::string_view) { return by.may->allows_plugin(acl::level::list); }
using capabilities = std::initializer_list<acl::capability>;
constexpr acl::capability volume_words[] = {acl::capability::csi_list_volume, acl::capability::csi_read_volume, acl::capability::csi_mount_volume,
                                            acl::capability::list_jobs};
bool shows_volumes(const read& r, const std::string& ns) {
  return r.by == nullptr || std::ranges::any_of(volume_words, [&](auto c) { return r.by->may->allows(ns, c); });
}
bool shows_any(const read& r, const std::string& ns, capabilities each) { return r.by == nullptr || r.by->may->allows_any(ns, each); }

bool in_namespace(std::string_view wanted, const std::string& ns) { return wanted == "*" || wanted == ns; }

const prefix_context prefix_contexts[] = {
    {"jobs", table::jobs, &sees_jobs,
     [](const read& r, std::string_view ns, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       r.state.visit_jobs(ns, prefix, [&](const auto& job) { return !shows(r, job->namespace_) || add(job->id); });
     }},
    {"evals", table::evals, &sees_jobs,
     [](const read& r, std::string_view ns, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       r.state.visit_evals(prefix, [&](const auto& eval) { return !in_namespace(ns, eval->namespace_) || !shows(r, eval->namespace_) || add(eval->id); });
     }},
    {"allocs", table::allocs, &sees_jobs,
     [](const read& r, std::string_view ns, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       r.state.visit_allocs(prefix, [&](const auto& alloc) { return !in_namespace(ns, alloc->namespace_) || !shows(r, alloc->namespace_) || add(alloc->id); });
     }},
    {"nodes", table::nodes, &sees_nodes,
     [](const read& r, std::string_view, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       r.state.visit_nodes(prefix, [&](const auto& node) { return add(node->id); });
     }},
    {"node_pools", table::node_pools, &sees_some,
     [](const read& r, std::string_view, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       r.state.visit_node_pools(prefix, [&](const auto& pool) { return (r.by != nullptr && !r.by->may->sees_pool(pool->name)) || add(pool->name); });
     }},
    {"deployment", table::deployments, &sees_jobs,
     [](const read& r, std::string_view ns, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       r.state.visit_deployments(prefix, [&](const auto& d) { return !in_namespace(ns, d->namespace_) || !shows(r, d->namespace_) || add(d->id); });
     }},
    {"namespaces", table::namespaces, &sees_some,
     [](const read& r, std::string_view, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       r.state.visit_namespaces(prefix, [&](const auto& n) { return (r.by != nullptr && !r.by->may->sees_namespace(n->name)) || add(n->name); });
     }},
    {"scaling_policy", table::scaling_policies, &sees_some,
     [](const read& r, std::string_view ns, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       state::visit<table::scaling_policies>(r.state, state::starting(prefix), [&](const auto& p) {
         auto of = p->target.find("Namespace");
         bool hidden = of != p->target.end() && (!in_namespace(ns, of->second) || !shows_any(r, of->second, {acl::capability::list_scaling_policies}));
         return hidden || add(p->id);
       });
     }},
    {"plugins", table::csi_plugins, &sees_plugins,
     [](const read& r, std::string_view, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       state::visit<table::csi_plugins>(r.state, state::starting(prefix), [&](const auto& p) { return add(p->id); });
     }},
    {"volumes", table::csi_volumes, &sees_some,
     [](const read& r, std::string_view ns, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       state::visit<table::csi_volumes>(r.state, state::starting(""), [&](const auto& v) {
         bool hidden = !in_namespace(ns, v->namespace_) || !shows_volumes(r, v->namespace_);
         return hidden || !v->id.starts_with(prefix) || add(v->id);
       });
     }},
    {"host_volumes", table::host_volumes, &sees_some,
     [](const read& r, std::string_view ns, std::string_view prefix, const std::function<bool(const std::string&)>& add) {
       state::visit<table::host_volumes>(r.state, state::starting(""), [&](const auto& v) {
         bool hidden = !in_namespace(ns, v->namespace_) || !shows_any(r, v->namespace_, {acl::capability::host_volume_read});
         return hidden || !v->id.starts_with(prefix) || add(v->id);
       });
     }},
};

// Contexts that exist but have nothing to find yet answer with nothing.
result<> check_context(const std::string& name) {
  constexpr std::string_view others[] = {"", "all", "quotas", "recommendations", "vars", "groups", "services", "tasks", "images", "commands", "classes"};
  if (std::ranges::find(others, name) != std::end(others)) return {};
  if (std::ranges::find(prefix_contexts, name, &prefix_context::name) != std::end(prefix_contexts)) return {};
  return fail(errc::invalid, "context must be one of jobs, evals, allocs, nodes, node_pools, deployment, namespaces or all; got \"{}\"", name);
}

result<> prefix_search(const read& r, const schema::search_request& request, schema::search_response& out) {
  TRY(check_context(request.context));
  auto ns = namespace_of(request);
  bool all = request.context.empty() || request.context == "all";
  for (const auto& context : prefix_contexts) {
    if (!all && context.name != request.context) continue;
    if (r.by != nullptr && !context.open(*r.by, ns)) {
      if (!all) return std::unexpected(denied());
      continue;
    }
    r.watch(state::watch_table(context.from));
    std::string name(context.name);
    auto& matches = out.matches[name];
    out.truncations[name] = false;
    context.find(r, ns, request.prefix, [&](const std::string& id) {
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
      if (!shows(r_, job->namespace_)) return true;
      offer("jobs", job->name, {job->namespace_, job->id});
      for (const auto& group : job->task_groups) {
        offer("groups", group.name, {job->namespace_, job->id});
        for (const auto& service : group.services) offer("services", service.name, {job->namespace_, job->id, group.name});
        for (const auto& task : group.tasks) offer_task(*job, group, task);
      }
      return true;
    });
    if (r_.by == nullptr || sees_nodes(*r_.by, ns_))
      r_.state.visit_nodes("", [&](const ref<schema::node>& node) { return offer("nodes", node->name, {node->id}), true; });
    r_.state.visit_namespaces("", [&](const auto& n) {
      if (r_.by == nullptr || r_.by->may->sees_namespace(n->name)) offer("namespaces", n->name, {});
      return true;
    });
    r_.state.visit_node_pools("", [&](const auto& pool) {
      if (r_.by == nullptr || r_.by->may->sees_pool(pool->name)) offer("node_pools", pool->name, {});
      return true;
    });
    r_.state.visit_allocs("", [&](const ref<schema::allocation>& alloc) {
      if (in_namespace(ns_, alloc->namespace_) && shows(r_, alloc->namespace_)) offer("allocs", alloc->name, {alloc->namespace_, alloc->id});
      return true;
    });
    if (r_.by == nullptr || sees_plugins(*r_.by, ns_))
      state::visit<table::csi_plugins>(r_.state, state::starting(""), [&](const auto& p) { return offer("plugins", p->id, {}), true; });
    find_by_id();
    take_best();
  }

 private:
  // What has no name is found by the beginning of its id.
  void find_by_id() {
    r_.state.visit_evals(text_, [&](const auto& eval) { return offer_id("evals", eval->namespace_, eval->id); });
    r_.state.visit_deployments(text_, [&](const auto& d) { return offer_id("deployment", d->namespace_, d->id); });
  }
  bool offer_id(const std::string& context, const std::string& ns, const std::string& id) {
    if (in_namespace(ns_, ns) && shows(r_, ns)) offer(context, id, {ns});
    return !out_.truncations.contains(context) || !out_.truncations[context];
  }

  // Those that have the text nearest to their beginning.
  void take_best() {
    for (auto& [context, matches] : found_) {
      std::ranges::sort(matches, [](const auto& a, const auto& b) {
        return std::tie(a.first, a.second.id, a.second.scope) < std::tie(b.first, b.second.id, b.second.scope);
      });
      if (matches.size() > limits().limit_results) {
        matches.resize(limits().limit_results);
        out_.truncations[context] = true;
      }
      for (auto& [at, match] : matches) out_.matches[context].push_back(std::move(match));
    }
  }

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
    if (auto* name = text_of("class")) offer("classes", *name, scope);
  }

  void offer(const std::string& context, const std::string& name, std::vector<std::string> scope) {
    if (!context_.empty() && context_ != "all" && context_ != context) return;
    auto at = to_lower(name).find(text_);
    if (at == std::string::npos) return;
    auto& matches = found_[context];
    out_.truncations.try_emplace(context, false);
    if (matches.size() >= limits().limit_query * fuzzy_finds_per_query) out_.truncations[context] = true;
    else matches.emplace_back(at, schema::fuzzy_match{.id = name, .scope = std::move(scope)});
  }

  const search_options& limits() const { return r_.options->search; }

  const read& r_;
  std::string text_;
  std::string context_;
  std::string_view ns_;
  schema::fuzzy_search_response& out_;
  // With the place of the text in the name.
  std::map<std::string, std::vector<std::pair<size_t, schema::fuzzy_match>>> found_;
};

result<> fuzzy_search(const read& r, const schema::fuzzy_search_request& request, schema::fuzzy_search_response& out) {
  const auto& limits = r.options->search;
  if (!limits.fuzzy_enabled) return fail(errc::unknown, "fuzzy search is not enabled");
  if (request.text.size() < limits.min_term_length)
    return fail(errc::invalid, "fuzzy search query must be at least {} characters, got {}", limits.min_term_length, request.text.size());
  TRY(check_context(request.context));
  constexpr table looked_at[] = {table::jobs,       table::nodes, table::allocs,      table::namespaces,
                                 table::node_pools, table::evals, table::deployments, table::csi_plugins};
  for (auto each : looked_at) r.watch(state::watch_table(each));
  fuzzy_finder(r, request, out).find();
  for (auto each : looked_at) out.index = std::max(out.index, r.state.index(each));
  return {};
}

}  // namespace

void add_search_methods(rpc::method_table& table, server_context& context) {
  add_read(table, context, "Search.PrefixSearch", &prefix_search);
  add_read(table, context, "Search.FuzzySearch", &fuzzy_search);
}

}  // namespace drover::server
