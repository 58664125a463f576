#include "client/csi/volumes.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "client/csi/limits.h"
#include "client/kill_point.h"
#include "client/system.h"
#include "client/task_env.h"
#include "codec/json.h"
#include "net/http.h"

namespace drover::client::csi {

namespace {
constexpr int64_t read_claim = 0, write_claim = 1, state_node_detached = 1;
constexpr const char* fact_name = "csi_volumes";

std::string text_at(const value& v, std::string_view key) {
  const auto* found = v.find(key);
  return found != nullptr && found->as_string() != nullptr ? *found->as_string() : std::string();
}
bool flag_at(const value& v, std::string_view key) {
  const auto* found = v.find(key);
  return found != nullptr && found->as_bool() != nullptr && *found->as_bool();
}

value to_value(const held_volume& v) {
  value::object out;
  out.set("name", v.name);
  out.set("source", v.source);
  out.set("namespace", v.namespace_);
  out.set("plugin", v.plugin_id);
  out.set("external", v.external_id);
  out.set("access", v.access_mode);
  out.set("attachment", v.attachment_mode);
  out.set("read_only", v.read_only);
  return value(std::move(out));
}

held_volume from_value(const value& v) {
  return {.name = text_at(v, "name"),
          .source = text_at(v, "source"),
          .namespace_ = text_at(v, "namespace"),
          .plugin_id = text_at(v, "plugin"),
          .external_id = text_at(v, "external"),
          .access_mode = text_at(v, "access"),
          .attachment_mode = text_at(v, "attachment"),
          .read_only = flag_at(v, "read_only")};
}

// One folder for each way to use a volume: "rw-file-system-single-node-writer".
std::string way_of(const held_volume& v) { return fmt::format("{}-{}-{}", v.read_only ? "ro" : "rw", v.attachment_mode, v.access_mode); }
std::string turn_of(const held_volume& v) { return v.plugin_id + "/" + v.namespace_ + "/" + v.source; }
bool same_staging(const held_volume& a, const held_volume& b) { return turn_of(a) == turn_of(b) && way_of(a) == way_of(b); }

// Of any kind, also a bind mount of the same file system.
bool is_mount_point(const std::string& path) {
  struct statx info{};
  if (::statx(AT_FDCWD, path.c_str(), AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &info) != 0) return false;
  return (info.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0 && (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// What would be the same a second time.
bool is_final(const error& e) {
  auto text = e.text();
  auto says = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  return says("volume not found") || says("cannot change attachment mode") || says("cannot be written to") || says("Unknown allocation") ||
         says("allocation missing") || e.code() == errc::permission_denied;
}

error not_wanted() { return error(errc::cancelled, "the allocation is not to run any more"); }
}  // namespace

volumes::volumes(plugins& p, rpc::channel& servers, state_db& db, net::blocking_pool& pool, volume_options options, log::logger logger)
    : plugins_(p), servers_(servers), db_(db), pool_(pool), options_(std::move(options)), logger_(logger.named("csi")) {}

std::string volumes::plugin_root(const std::string& plugin_id) const { return options_.root + "/node/" + net::percent_encode(plugin_id); }
std::string volumes::socket_folder(const std::string& alloc_id, size_t number) const {
  return fmt::format("{}/plugins/{}-{}", options_.root, alloc_id.substr(0, 8), number);
}

std::string volumes::staging_of(const held_volume& v) {
  return fmt::format("/staging/{}/{}/{}", net::percent_encode(v.namespace_), net::percent_encode(v.source), way_of(v));
}
std::string volumes::target_of(const std::string& alloc_id, const held_volume& v) {
  return fmt::format("/per-alloc/{}/{}/{}", alloc_id, net::percent_encode(v.source), way_of(v));
}

awaitable<void> volumes::forget_plugins(std::string alloc_id, std::map<size_t, std::string> tasks) {
  std::vector<std::string> roots;
  for (const auto& [number, plugin_id] : tasks)
    if (!plugins_.runs(plugin_id)) roots.push_back(plugin_root(plugin_id));
  co_await pool_.run([&] {
    for (const auto& [number, plugin_id] : tasks) {
      auto folder = socket_folder(alloc_id, number);
      (void)::unlink((folder + "/csi.sock").c_str());
      (void)::rmdir(folder.c_str());
    }
    // Of a plugin in a container the root is a mount of its own. Refused while something is still mounted below it.
    for (const auto& root : roots)
      if (is_mount_point(root)) (void)::umount2(root.c_str(), UMOUNT_NOFOLLOW);
  });
}

// ---- what is held ----

result<> volumes::load() {
  TRY_ASSIGN(auto text, db_.fact(fact_name));
  if (!text || text->empty()) return {};
  TRY_ASSIGN(auto decoded, codec::value_from_json(*text));
  const auto* all = decoded.as_object();
  if (all == nullptr) return fail(errc::corrupt, "the stored list of CSI volumes is none");
  for (const auto& [alloc_id, list] : *all)
    if (list.as_list() != nullptr)
      for (const auto& each : *list.as_list()) held_[alloc_id].push_back(from_value(each));
  return {};
}

result<> volumes::store() {
  value::object all;
  for (const auto& [alloc_id, mine] : held_) {
    value::list list;
    for (const auto& each : mine) list.push_back(to_value(each));
    all.set(alloc_id, value(std::move(list)));
  }
  return db_.put_fact(fact_name, codec::value_to_json(value(std::move(all))));
}

void volumes::forget(const std::string& alloc_id, const std::string& name) {
  auto mine = held_.find(alloc_id);
  if (mine == held_.end()) return;
  std::erase_if(mine->second, [&](const auto& each) { return each.name == name; });
  if (mine->second.empty()) held_.erase(mine);
  if (auto stored = store(); !stored) logger_.error("cannot store which volumes are held", {{"error", stored.error().text()}});
}

const held_volume* volumes::find(const std::string& alloc_id, const std::string& name) const {
  auto mine = held_.find(alloc_id);
  if (mine == held_.end()) return nullptr;
  auto found = std::ranges::find(mine->second, name, &held_volume::name);
  return found == mine->second.end() ? nullptr : &*found;
}

std::vector<std::string> volumes::forgotten(const std::function<bool(const std::string&)>& known) const {
  std::vector<std::string> out;
  for (const auto& [alloc_id, mine] : held_)
    if (!known(alloc_id)) out.push_back(alloc_id);
  return out;
}

bool volumes::is_staged_by_others(const std::string& alloc_id, const held_volume& v) const {
  return std::ranges::any_of(held_, [&](const auto& each) {
    return each.first != alloc_id && std::ranges::any_of(each.second, [&](const auto& other) { return same_staging(other, v); });
  });
}

// ---- taking ----

awaitable<result<>> volumes::hold(schema::ref<schema::allocation> alloc, const schema::task_group* group, std::function<bool()> wanted) {
  for (const auto& [name, request] : group->volumes) {
    if (request.type != "csi") continue;
    auto done = co_await hold_one(alloc, name, request, wanted);
    if (!done) co_return wrap(done.error(), fmt::format("volume \"{}\"", name));
  }
  co_return result<>{};
}

// A volume that others still give back is worth waiting for: its last allocation may have ended a moment ago. So is a controller that fails.
awaitable<result<schema::csi_volume_claim_response>> volumes::claim(schema::ref<schema::allocation> alloc, std::string source, schema::volume_request request,
                                                                    std::function<bool()> wanted) {
  auto deadline = net::after(limits::claim_patience);
  for (auto pause = limits::claim_retry;; pause = std::min(pause * 2, limits::claim_retry_max)) {
    schema::csi_volume_claim_request r;
    r.region = options_.region;
    r.namespace_ = alloc->namespace_;
    r.volume_id = source;
    r.allocation_id = alloc->id;
    r.node_id = alloc->node_id;
    r.claim = request.read_only ? read_claim : write_claim;
    r.access_mode = request.access_mode;
    r.attachment_mode = request.attachment_mode;
    r.auth_token = options_.node()->secret_id;
    auto answer = co_await rpc::call<schema::csi_volume_claim_response>(servers_, "CSIVolume.Claim", std::move(r));
    if (answer && answer->volume) co_return answer;
    if (answer) co_return fail(errc::corrupt, "the servers claimed volume {} and do not say what it is", source);
    if (is_final(answer.error()) || net::now() >= deadline) co_return wrap(answer.error(), "could not claim volume " + source);
    logger_.debug("a volume cannot be claimed yet", {{"volume", source}, {"alloc_id", alloc->id}, {"error", answer.error().text()}});
    co_await net::sleep_for(pause);
    if (!wanted()) co_return fail(not_wanted());
  }
}

awaitable<result<std::shared_ptr<const plugin>>> volumes::wait_plugin(std::string id, std::function<bool()> wanted) {
  auto deadline = net::after(limits::plugin_patience);
  for (;;) {
    auto p = co_await plugins_.node_plugin(id, std::min(deadline, net::after(limits::wanted_interval)));
    if (p || net::now() >= deadline) co_return p;
    if (!wanted()) co_return fail(not_wanted());
  }
}

awaitable<result<>> volumes::hold_one(schema::ref<schema::allocation> alloc, std::string name, schema::volume_request request, std::function<bool()> wanted) {
  auto source = request.per_alloc ? fmt::format("{}[{}]", request.source, alloc_index(alloc->name)) : request.source;
  // Of an agent before this one, and still there: the tasks use it.
  if (const auto* known = find(alloc->id, name); known != nullptr && is_mount_point(path_of(alloc->id, *known))) co_return result<>{};
  CO_TRY_ASSIGN(auto claimed, co_await claim(alloc, source, request, wanted));
  kill_point("csi_claimed");
  const auto& v = *claimed.volume;
  CO_TRY_ASSIGN(auto p, co_await wait_plugin(v.plugin_id, wanted));
  held_volume mine{.name = name,
                   .source = source,
                   .namespace_ = v.namespace_,
                   .plugin_id = v.plugin_id,
                   .external_id = v.external_id.empty() ? v.id : v.external_id,
                   .access_mode = request.access_mode,
                   .attachment_mode = request.attachment_mode,
                   .read_only = request.read_only};
  auto turn = co_await turns_.take(turn_of(mine));
  auto& all = held_[alloc->id];
  std::erase_if(all, [&](const auto& each) { return each.name == name; });
  all.push_back(mine);
  // Before anything is mounted: whoever comes after a crash finds it.
  CO_TRY(store());
  kill_point("csi_held");
  co_return co_await mount(alloc->id, std::move(mine), std::move(request), std::move(claimed), std::move(p));
}

node_request volumes::request_for(const std::string& alloc_id, const held_volume& v, const plugin& p) const {
  node_request r;
  r.volume_id = v.external_id;
  if (p.node_info.node_info && p.node_info.node_info->requires_node_stage_volume) r.staging_path = p.own_root + staging_of(v);
  r.target_path = p.own_root + target_of(alloc_id, v);
  r.usage.access_mode = v.access_mode;
  r.usage.attachment_mode = v.attachment_mode;
  r.read_only = v.read_only;
  return r;
}

awaitable<result<>> volumes::mount(std::string alloc_id, held_volume v, schema::volume_request request, schema::csi_volume_claim_response claimed,
                                   std::shared_ptr<const plugin> p) {
  auto r = request_for(alloc_id, v, *p);
  auto staging = p->host_root + staging_of(v), target = p->host_root + target_of(alloc_id, v);
  CO_TRY(co_await pool_.run([&]() -> result<> {
    TRY(make_directories(staging, 0700));
    // The plugin makes the target itself; what leads there must be.
    return make_directories(target.substr(0, target.rfind('/')), 0700);
  }));
  r.publish_context = std::move(claimed.publish_context);
  r.secrets = claimed.volume->secrets;
  r.volume_context = claimed.volume->context;
  // What the volume says counts, unless the job says something else.
  for (const auto* options : {&claimed.volume->mount_options, &std::as_const(request.mount_options)}) {
    if (!*options || v.attachment_mode == "block-device") continue;
    if (!(*options)->fs_type.empty()) r.usage.fs_type = (*options)->fs_type;
    if (!(*options)->mount_flags.empty()) r.usage.mount_flags = (*options)->mount_flags;
  }
  if (!r.staging_path.empty()) {
    auto staged = co_await stage(p->way, r);
    if (!staged) co_return wrap(staged.error(), "node stage volume failed");
    kill_point("csi_staged");
  }
  auto published = co_await publish(p->way, std::move(r));
  if (!published) co_return wrap(published.error(), "node publish volume failed");
  kill_point("csi_published");
  logger_.info("volume mounted", {{"volume", v.source}, {"alloc_id", alloc_id}, {"plugin", v.plugin_id}});
  co_return result<>{};
}

// ---- giving back ----

awaitable<result<>> volumes::unmount(std::string alloc_id, held_volume v, duration patience) {
  CO_TRY_ASSIGN(auto p, co_await plugins_.node_plugin(v.plugin_id, net::after(patience)));
  auto turn = co_await turns_.take(turn_of(v));
  // Somebody else may have done it meanwhile.
  if (find(alloc_id, v.name) == nullptr) co_return result<>{};
  auto r = request_for(alloc_id, v, *p);
  auto target = p->host_root + target_of(alloc_id, v);
  auto undone = co_await unpublish(p->way, v.external_id, r.target_path);
  if (!undone && undone.error().code() != errc::not_found) co_return wrap(undone.error(), "node unpublish volume failed");
  kill_point("csi_unpublished");
  if (!r.staging_path.empty() && !is_staged_by_others(alloc_id, v)) {
    auto unstaged = co_await unstage(p->way, v.external_id, r.staging_path);
    if (!unstaged && unstaged.error().code() != errc::not_found) co_return wrap(unstaged.error(), "node unstage volume failed");
    kill_point("csi_unstaged");
  }
  co_await pool_.run([&] {
    (void)::rmdir(target.c_str());
    (void)::unlink(target.c_str());
    (void)::rmdir(target.substr(0, target.rfind('/')).c_str());
    (void)::rmdir((p->host_root + "/per-alloc/" + alloc_id).c_str());
  });
  logger_.info("volume unmounted", {{"volume", v.source}, {"alloc_id", alloc_id}, {"plugin", v.plugin_id}});
  forget(alloc_id, v.name);
  kill_point("csi_forgotten");
  co_return result<>{};
}

// The servers look for claims of ended allocations themselves; so they hear of it sooner.
awaitable<void> volumes::tell_released(std::string alloc_id, held_volume v) {
  schema::csi_volume_unpublish_request r;
  r.region = options_.region;
  r.namespace_ = v.namespace_;
  r.volume_id = v.source;
  r.auth_token = options_.node()->secret_id;
  r.claim.emplace();
  r.claim->allocation_id = alloc_id;
  r.claim->node_id = options_.node()->id;
  r.claim->mode = v.read_only ? read_claim : write_claim;
  r.claim->state = state_node_detached;
  auto told = co_await rpc::call<schema::csi_volume_unpublish_response>(servers_, "CSIVolume.Unpublish", std::move(r));
  if (!told) logger_.warn("cannot tell the servers that a volume is free", {{"volume", v.source}, {"alloc_id", alloc_id}, {"error", told.error().text()}});
}

awaitable<result<>> volumes::release(std::string alloc_id, duration patience) {
  auto mine = held_.find(alloc_id);
  if (mine == held_.end()) co_return result<>{};
  result<> outcome;
  for (const auto& each : held(mine->second)) {
    auto done = co_await unmount(alloc_id, each, patience);
    if (done) co_await tell_released(alloc_id, each);
    else outcome = wrap(done.error(), "cannot unmount volume " + each.source);
  }
  co_return outcome;
}

awaitable<result<schema::client_csi_node_detach_volume_response>> volumes::detach(schema::client_csi_node_detach_volume_request request) {
  auto mine = held_.find(request.alloc_id);
  // What is not held is detached.
  if (mine == held_.end()) co_return schema::client_csi_node_detach_volume_response();
  for (const auto& each : held(mine->second))
    if (each.source == request.volume_id && each.namespace_ == request.volume_namespace)
      CO_TRY(co_await unmount(request.alloc_id, each, limits::release_patience));
  co_return schema::client_csi_node_detach_volume_response();
}

awaitable<result<schema::client_csi_node_expand_volume_response>> volumes::expand(schema::client_csi_node_expand_volume_request request) {
  schema::client_csi_node_expand_volume_response out;
  if (!request.claim) co_return fail(errc::invalid, "a volume is expanded where it is claimed: the claim is missing");
  auto mine = held_.find(request.claim->allocation_id);
  if (mine == held_.end()) co_return out;
  capacity_range range;
  for (auto [key, into] : {std::pair<const char*, int64_t*>("RequiredBytes", &range.least), {"LimitBytes", &range.most}})
    if (const auto* n = request.capacity.find(key); n != nullptr && n->as_int() != nullptr) *into = *n->as_int();
  for (const auto& each : held(mine->second)) {
    if (each.source != request.volume_id || each.namespace_ != request.volume_namespace) continue;
    CO_TRY_ASSIGN(auto p, co_await plugins_.node_plugin(each.plugin_id, net::after(limits::release_patience)));
    auto turn = co_await turns_.take(turn_of(each));
    CO_TRY_ASSIGN(out.capacity_bytes, co_await expand_on_node(p->way, request_for(request.claim->allocation_id, each, *p), range));
  }
  co_return out;
}

}  // namespace drover::client::csi
