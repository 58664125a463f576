#include "client/volume/host_volumes.h"

#include <sys/stat.h>

#include "client/limits.h"
#include "client/volume/plugin.h"
#include "codec/json.h"
#include "schema/describe_macros.h"

namespace drover::client {

using namespace schema;

#define SELF known_host_volume
DESCRIBE(known_host_volume, "KnownHostVolume", BASES(schema::client_host_volume_create_request), FIELD(host_path), FIELD(capacity_bytes))
#undef SELF

namespace {

constexpr const char* fact = "host_volumes";
using volumes = std::map<std::string, known_host_volume>;

bool is_directory(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

volume_plugins plugins_of(const host_volume_options& o) { return {.volumes_dir = o.volumes_dir, .plugin_dir = o.plugin_dir, .node_pool = o.node_pool}; }

}  // namespace

// One operation on a volume at a time: the next is refused, and its caller tries again.
class host_volumes::turn {
 public:
  turn(std::set<std::string>& busy, std::string id) : busy_(busy), id_(std::move(id)), mine_(busy_.insert(id_).second) {}
  ~turn() {
    if (mine_) busy_.erase(id_);
  }
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;
  result<> check() const {
    if (mine_) return {};
    return fail(errc::unavailable, "another operation on host volume {} is under way: try again when it is over", id_);
  }

 private:
  std::set<std::string>& busy_;
  std::string id_;
  bool mine_;
};

host_volumes::host_volumes(host_volume_options options, state_db& db, net::blocking_pool& pool, log::logger logger)
    : options_(std::move(options)), db_(db), pool_(pool), logger_(std::move(logger)) {}

result<> host_volumes::load() {
  TRY_ASSIGN(auto stored, db_.fact(fact));
  if (stored) TRY(codec::from_json(*stored, schema::slot(known_)));
  plugins_ = plugins_of(options_).find(
      [this](const std::string& plugin, const error& why) { logger_.warn("a host volume plugin is left out", {{"plugin", plugin}, {"error", why.text()}}); });
  return {};
}

net::awaitable<void> host_volumes::restore() {
  auto all = known_;
  for (auto& [id, volume] : all) {
    if (volume.plugin_id.empty() || is_directory(volume.host_path)) continue;
    turn mine(busy_, id);
    if (!mine.check()) continue;
    auto made = co_await pool_.run([&] { return plugins_of(options_).create(volume); });
    if (!made) logger_.error("a host volume is not there any more, and cannot be made again", {{"volume_id", id}, {"error", made.error().text()}});
    else if (changed) changed();
  }
}

void host_volumes::show_in(schema::node& node) const {
  for (const auto& [id, volume] : known_) {
    // One whose directory is gone is not offered until it is made again.
    if (!is_directory(volume.host_path)) continue;
    auto& shown = node.host_volumes[volume.name];
    shown.name = volume.name;
    shown.path = volume.host_path;
    shown.id = id;
  }
  for (const auto& [name, version] : plugins_) node.attributes["plugins.host_volume." + name + ".version"] = version;
}

result<> host_volumes::check_name(const std::string& name, const std::string& id) const {
  if (name.empty()) return fail(errc::invalid, "a host volume needs a name");
  bool taken = options_.taken.contains(name);
  for (const auto& [other, volume] : known_) taken = taken || (other != id && volume.name == name);
  if (taken) return fail(errc::conflict, "volume name already exists on this node: {}", name);
  if (known_.size() >= limits::host_volumes_max && !known_.contains(id))
    return fail(errc::too_large, "this node has {} dynamic host volumes already, which is the most it keeps", known_.size());
  return {};
}

result<> host_volumes::save(const volumes& all) {
  TRY(db_.put_fact(fact, codec::to_json(schema::view(all))));
  known_ = all;
  if (changed) changed();
  return {};
}

result<> host_volumes::keep(known_host_volume volume) {
  auto all = known_;
  auto id = volume.id;
  all[id] = std::move(volume);
  return save(all);
}

result<> host_volumes::forget(const std::string& id) {
  auto all = known_;
  all.erase(id);
  return save(all);
}

net::awaitable<result<schema::client_host_volume_create_response>> host_volumes::create(schema::client_host_volume_create_request request) {
  turn mine(busy_, request.id);
  CO_TRY(mine.check());
  CO_TRY(check_name(request.name, request.id));
  CO_TRY_ASSIGN(auto made, co_await pool_.run([&] { return plugins_of(options_).create(request); }));
  schema::client_host_volume_create_response out;
  out.volume_name = request.name;
  out.volume_id = request.id;
  out.host_path = made.path;
  out.capacity_bytes = made.bytes;
  known_host_volume volume;
  static_cast<schema::client_host_volume_create_request&>(volume) = std::move(request);
  volume.host_path = made.path;
  volume.capacity_bytes = made.bytes;
  CO_TRY(keep(std::move(volume)));
  co_return out;
}

net::awaitable<result<schema::client_host_volume_register_response>> host_volumes::add(schema::client_host_volume_register_request request) {
  turn mine(busy_, request.id);
  CO_TRY(mine.check());
  CO_TRY(check_name(request.name, request.id));
  if (request.host_path.empty() || request.host_path.front() != '/')
    co_return fail(errc::invalid, "host_path must be the absolute path of a directory of that node, not \"{}\"", request.host_path);
  if (!is_directory(request.host_path)) co_return fail(errc::invalid, "there is no directory {} on that node", request.host_path);
  known_host_volume volume;
  volume.id = request.id;
  volume.name = request.name;
  volume.node_id = request.node_id;
  volume.parameters = request.parameters;
  volume.host_path = request.host_path;
  volume.capacity_bytes = request.capacity_bytes;
  CO_TRY(keep(std::move(volume)));
  co_return schema::client_host_volume_register_response{};
}

net::awaitable<result<schema::client_host_volume_delete_response>> host_volumes::remove(schema::client_host_volume_delete_request request) {
  turn mine(busy_, request.id);
  CO_TRY(mine.check());
  // One that was registered is forgotten, and what is in it stays.
  if (!request.plugin_id.empty()) CO_TRY(co_await pool_.run([&] { return plugins_of(options_).remove(request); }));
  CO_TRY(forget(request.id));
  schema::client_host_volume_delete_response out;
  out.volume_name = request.name;
  out.volume_id = request.id;
  co_return out;
}

}  // namespace drover::client
