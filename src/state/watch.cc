#include "state/watch.h"

#include "base/ensure.h"
#include "state/limits.h"

namespace drover::state {

namespace {

std::string key_text(const table_key& key, int full_parts) {
  std::string out;
  const std::string_view parts[] = {key.a, key.b, key.c};
  for (int i = 0; i < 3; i++) {
    out += parts[i];
    if (i >= full_parts) break;
    out += '\0';
  }
  return out;
}

// How many parts of its records' keys a table's own order uses.
int own_parts(table t) {
  switch (t) {
    case table::jobs:
    case table::job_versions:
    case table::job_summaries:
    case table::job_submissions:
    case table::scaling_events:
    case table::periodic_launches:
    case table::variables:
    case table::csi_volumes:
    case table::host_volumes:
    case table::host_volume_claims: return 2;
    case table::scheduler_config:
    case table::autopilot_config:
    case table::cluster_metadata: return 0;
    default: return 1;
  }
}

// FNV-1a, taken on byte by byte so that every prefix of a key is hashed in one pass.
uint64_t hash_start(tree_id id) { return (14695981039346656037ull ^ (static_cast<uint64_t>(id) + 1)) * 1099511628211ull; }
uint64_t hash_byte(uint64_t h, char c) { return (h ^ static_cast<uint8_t>(c)) * 1099511628211ull; }
uint64_t hash_of(tree_id id, std::string_view text) {
  auto h = hash_start(id);
  for (char c : text) h = hash_byte(h, c);
  return h;
}

key_prefix parse(std::string_view text) {
  key_prefix out;
  std::string_view* parts[] = {&out.key.a, &out.key.b, &out.key.c};
  while (out.parts < 3) {
    const auto end = text.find('\0');
    *parts[out.parts] = text.substr(0, end);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
    out.parts++;
  }
  return out;
}

std::vector<const void*> first_records(const root& r, const watch_key& key, size_t most) {
  std::vector<const void*> out;
  visit_tree(r, key.tree, parse(key.prefix), [&](const entry& e) {
    out.push_back(e.get());
    return out.size() < most;
  });
  return out;
}

}  // namespace

watch_key watch_table(table t) { return {tree_of(t), {}}; }
watch_key watch_record(table t, std::string_view a, std::string_view b) { return {tree_of(t), key_text({a, b, {}, 0}, own_parts(t))}; }
watch_key watch_prefix(table t, const key_prefix& prefix) { return watch_prefix(tree_of(t), prefix); }
watch_key watch_prefix(tree_id id, const key_prefix& prefix) { return {id, key_text(prefix.key, prefix.parts)}; }
watch_key watch_jobs(std::string_view ns, std::string_view id_prefix) {
  return ns == "*" ? watch_table(table::jobs) : watch_prefix(table::jobs, within(ns, id_prefix));
}
watch_key watch_job(std::string_view ns, std::string_view id) { return watch_record(table::jobs, ns, id); }
watch_key watch_job_summary(std::string_view ns, std::string_view id) { return watch_record(table::job_summaries, ns, id); }
watch_key watch_job_versions(std::string_view ns, std::string_view id) { return watch_record(table::job_versions, ns, id); }
watch_key watch_eval(std::string_view id) { return watch_record(table::evals, id); }
watch_key watch_evals_of_job(std::string_view ns, std::string_view job_id) { return watch_prefix(tree_id::evals_by_job, within2(ns, job_id)); }
watch_key watch_alloc(std::string_view id) { return watch_record(table::allocs, id); }
watch_key watch_allocs_of_job(std::string_view ns, std::string_view job_id) { return watch_prefix(tree_id::allocs_by_job, within2(ns, job_id)); }
watch_key watch_allocs_of_node(std::string_view node_id) { return watch_prefix(tree_id::allocs_by_node, within2(node_id, {})); }
watch_key watch_allocs_of_eval(std::string_view eval_id) { return watch_prefix(tree_id::allocs_by_eval, within2(eval_id, {})); }
watch_key watch_allocs_of_deployment(std::string_view deployment_id) { return watch_prefix(tree_id::allocs_by_deployment, within2(deployment_id, {})); }
watch_key watch_node(std::string_view id) { return watch_record(table::nodes, id); }
watch_key watch_deployment(std::string_view id) { return watch_record(table::deployments, id); }
watch_key watch_deployments_of_job(std::string_view ns, std::string_view job_id) { return watch_prefix(tree_id::deployments_by_job, within2(ns, job_id)); }
watch_key watch_services_named(std::string_view ns, std::string_view name) { return watch_prefix(tree_id::services_by_name, within2(ns, name)); }
watch_key watch_services_of_alloc(std::string_view alloc_id) { return watch_prefix(tree_id::services_by_alloc, within2(alloc_id, {})); }

bool differs(const root& from, const root& to, const watch_key& key) {
  const auto number = static_cast<size_t>(key.tree);
  if (from.trees[number].same(to.trees[number])) return false;
  if (key.prefix.empty()) return true;
  if (definition(key.tree).order.grouped && parse(key.prefix).parts < 2) return true;
  const auto a = first_records(from, key, watch_compare_max);
  return a.size() == watch_compare_max || a != first_records(to, key, watch_compare_max);
}

watch_handle::watch_handle(std::shared_ptr<detail::watch_registry> registry, std::shared_ptr<detail::watcher> watcher)
    : registry_(std::move(registry)), watcher_(std::move(watcher)) {}

watch_handle& watch_handle::operator=(watch_handle&& other) noexcept {
  if (this != &other) {
    cancel();
    registry_ = std::move(other.registry_);
    watcher_ = std::move(other.watcher_);
  }
  return *this;
}

void watch_handle::cancel() {
  if (!watcher_) return;
  std::function<void()> dropped;  // destroyed outside the lock: it may own other handles
  {
    std::lock_guard lock(registry_->mutex());
    registry_->remove(*watcher_);
    dropped = std::move(watcher_->callback);
    watcher_->callback = nullptr;
  }
  watcher_.reset();
  registry_.reset();
}

namespace detail {

// Stands among the lengths of a tree's keys for all of them, complete ones too: a tree without it is watched by nobody, and is not even hashed.
constexpr uint32_t any_length = UINT32_MAX;

std::shared_ptr<watcher> watch_registry::add(std::span<const watch_key> keys, std::function<void()> callback) {
  auto made = std::make_shared<watcher>();
  made->callback = std::move(callback);
  made->self = made;
  made->link_count = static_cast<uint32_t>(keys.size());
  made->links = std::make_unique<watch_link[]>(keys.size());
  for (size_t i = 0; i < keys.size(); i++) {
    auto& link = made->links[i];
    link.owner = made.get();
    link.hash = hash_of(keys[i].tree, keys[i].prefix);
    auto& head = lists_[link.hash];
    link.next = head;
    if (head) head->previous = &link;
    head = &link;
    const auto count = [&](uint32_t length) {
      partial_lengths_[static_cast<size_t>(keys[i].tree)][length]++;
      made->partial.emplace_back(keys[i].tree, length);
    };
    count(any_length);
    if (!keys[i].prefix.empty() && keys[i].prefix.back() != '\0') count(static_cast<uint32_t>(keys[i].prefix.size()));
  }
  watchers_++;
  return made;
}

void watch_registry::remove(watcher& w) {
  if (!w.self) return;
  for (uint32_t i = 0; i < w.link_count; i++) {
    auto& link = w.links[i];
    if (link.next) link.next->previous = link.previous;
    if (link.previous) {
      link.previous->next = link.next;
    } else if (link.next) {
      lists_[link.hash] = link.next;
    } else {
      lists_.erase(link.hash);
    }
  }
  for (const auto& [id, length] : w.partial) {
    auto& lengths = partial_lengths_[static_cast<size_t>(id)];
    if (auto it = lengths.find(length); --it->second == 0) lengths.erase(it);
  }
  w.link_count = 0;
  w.links.reset();
  watchers_--;
  // The handle holds the watcher too, or it is gone and this was the last owner.
  auto last = std::move(w.self);
}

void watch_registry::take_hash(uint64_t hash, std::vector<std::function<void()>>& fired) {
  auto it = lists_.find(hash);
  while (it != lists_.end()) {
    auto kept = it->second->owner->self;
    if (kept->callback) fired.push_back(std::move(kept->callback));
    kept->callback = nullptr;
    remove(*kept);
    it = lists_.find(hash);
  }
}

void watch_registry::take_key(tree_id id, const table_key& key, std::vector<std::function<void()>>& fired) {
  const auto& lengths = partial_lengths_[static_cast<size_t>(id)];
  if (lengths.empty()) return;
  const bool has_partial = lengths.size() > 1;
  auto h = hash_start(id);
  take_hash(h, fired);
  uint32_t length = 0;
  for (auto part : {key.a, key.b, key.c}) {
    for (char c : part) {
      h = hash_byte(h, c);
      length++;
      if (has_partial && lengths.contains(length)) take_hash(h, fired);
    }
    h = hash_byte(h, '\0');
    length++;
    take_hash(h, fired);
  }
}

void watch_registry::take(const change& c, std::vector<std::function<void()>>& fired) {
  for (auto id : trees_of(c.table)) {
    const auto& d = definition(id);
    const auto* before = c.before && (!d.has || d.has(c.before.get())) ? c.before.get() : nullptr;
    const auto* after = c.after && (!d.has || d.has(c.after.get())) ? c.after.get() : nullptr;
    if (before) take_key(id, d.order.key_of(before), fired);
    if (after && !(before && d.order.key_of(before) == d.order.key_of(after))) take_key(id, d.order.key_of(after), fired);
  }
}

void watch_registry::take_all(std::vector<std::function<void()>>& fired) {
  while (!lists_.empty()) take_hash(lists_.begin()->first, fired);
}

}  // namespace detail
}  // namespace drover::state
