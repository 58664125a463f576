#include "client/volume/plugin.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/text.h"
#include "client/exec/program.h"
#include "client/limits.h"
#include "client/system.h"
#include "codec/json.h"

namespace drover::client {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view built_in = "mkdir";
constexpr const char* built_in_version = "0.0.1";

result<> check_plugin_name(const std::string& name) {
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos)
    return fail(errc::invalid, "\"{}\" is no name of a host volume plugin: give \"mkdir\", or the file name of a plugin in host_volume_plugin_dir", name);
  return {};
}

// Ids are the servers' and become names of directories.
result<> check_id(const std::string& id) {
  if (id.empty() || id.front() == '.' || id.find('/') != std::string::npos) return fail(errc::invalid, "\"{}\" is no id of a host volume", id);
  return {};
}

struct mkdir_parameters {
  mode_t mode = 0700;
  int64_t uid = -1, gid = -1;
};
result<mkdir_parameters> read_parameters(const std::map<std::string, std::string>& given) {
  mkdir_parameters out;
  for (const auto& [key, text] : given) {
    if (key == "mode") {
      size_t used = 0;
      unsigned long mode = 0;
      if (!text.empty() && text.find_first_not_of("01234567") == std::string::npos && text.size() <= 6) mode = std::stoul(text, &used, 8);
      if (used == 0 || mode > 07777)
        return fail(errc::invalid, "parameter mode of the mkdir plugin must be an octal number such as \"0750\", not \"{}\"", text);
      out.mode = static_cast<mode_t>(mode);
    } else if (key == "uid" || key == "gid") {
      auto number = parse_int(text);
      if (!number || *number < -1 || *number > UINT32_MAX - 1LL)
        return fail(errc::invalid, "parameter {} of the mkdir plugin must be a number, not \"{}\"", key, text);
      (key == "uid" ? out.uid : out.gid) = *number;
    } else {
      return fail(errc::invalid, "the mkdir plugin has no parameter \"{}\": it knows mode, uid and gid", key);
    }
  }
  return out;
}

result<volume_place> make_directory(const volume_plugins& in, const schema::client_host_volume_create_request& request) {
  TRY_ASSIGN(auto wanted, read_parameters(request.parameters));
  TRY(make_directories(in.volumes_dir, 0711));
  auto path = in.volumes_dir + "/" + request.id;
  if (::mkdir(path.c_str(), 0700) == 0) {
    // Both act on the directory just made: its name is ours alone.
    if (::chown(path.c_str(), static_cast<uid_t>(wanted.uid), static_cast<gid_t>(wanted.gid)) != 0 || ::chmod(path.c_str(), wanted.mode) != 0) {
      auto why = system_error(errno, "giving " + path + " its owner and mode");
      ::rmdir(path.c_str());
      return fail(std::move(why));
    }
    return volume_place{path, 0};
  }
  if (errno != EEXIST) return fail(system_error(errno, "making the directory " + path));
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return fail(errc::io, "{} is there, but it is no directory", path);
  return volume_place{path, 0};
}

exec::program_request program(const volume_plugins& in, const std::string& plugin, const std::string& operation) {
  exec::program_request out;
  out.command = {in.plugin_dir + "/" + plugin, operation};
  out.env = {{"DHV_OPERATION", operation}, {"DHV_PLUGIN_DIR", in.plugin_dir}};
  out.timeout = limits::volume_plugin_time;
  out.output_bytes_max = limits::volume_plugin_output_max;
  return out;
}

template <class Request>
exec::program_request program_for(const volume_plugins& in, const Request& request, const std::string& operation) {
  auto out = program(in, request.plugin_id, operation);
  out.env["DHV_VOLUMES_DIR"] = in.volumes_dir;
  out.env["DHV_NAMESPACE"] = request.namespace_;
  out.env["DHV_VOLUME_NAME"] = request.name;
  out.env["DHV_VOLUME_ID"] = request.id;
  out.env["DHV_NODE_ID"] = request.node_id;
  out.env["DHV_NODE_POOL"] = in.node_pool;
  out.env["DHV_PARAMETERS"] = codec::to_json(schema::view(request.parameters));
  return out;
}

result<value> answer_of(const exec::program_request& request) {
  auto done = exec::run_program(request);
  if (!done) return wrap(done.error(), fmt::format("host volume plugin {}", request.command[0]));
  if (!done->ok()) return fail(errc::io, "host volume plugin {} could not {}: {}", request.command[0], request.command[1], done->how());
  if (trim(done->out).empty()) return value();
  auto parsed = codec::value_from_json(done->out);
  if (!parsed) return wrap(parsed.error(), fmt::format("what host volume plugin {} said to \"{}\" is no JSON", request.command[0], request.command[1]));
  return *std::move(parsed);
}

std::string text_in(const value& answer, std::string_view key) {
  const auto* found = answer.find(key);
  const auto* text = found ? found->as_string() : nullptr;
  return text ? *text : std::string();
}

}  // namespace

std::map<std::string, std::string> volume_plugins::find(const std::function<void(const std::string&, const error&)>& complain) const {
  std::map<std::string, std::string> out;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(plugin_dir, missing)) {
    auto name = entry.path().filename().string();
    if (name.starts_with('.') || name == built_in || out.size() >= limits::volume_plugins_max) continue;
    std::error_code failed;
    if (!entry.is_regular_file(failed) || ::access(entry.path().c_str(), X_OK) != 0) continue;
    auto answer = answer_of(program(*this, name, "fingerprint"));
    auto version = answer ? text_in(*answer, "version") : std::string();
    if (!answer) complain(name, answer.error());
    else if (version.empty()) complain(name, error(errc::invalid, "its answer to \"fingerprint\" has no \"version\""));
    else out[name] = version;
  }
  out[std::string(built_in)] = built_in_version;
  return out;
}

result<volume_place> volume_plugins::create(const schema::client_host_volume_create_request& request) const {
  TRY(check_id(request.id));
  TRY(check_plugin_name(request.plugin_id));
  if (request.plugin_id == built_in) return make_directory(*this, request);
  TRY(make_directories(volumes_dir, 0711));
  auto wanted = program_for(*this, request, "create");
  wanted.env["DHV_CAPACITY_MIN_BYTES"] = std::to_string(request.requested_capacity_min_bytes);
  wanted.env["DHV_CAPACITY_MAX_BYTES"] = std::to_string(request.requested_capacity_max_bytes);
  TRY_ASSIGN(auto answer, answer_of(wanted));
  volume_place out;
  out.path = text_in(answer, "path");
  const auto* bytes = answer.find("bytes");
  if (bytes && bytes->as_int()) out.bytes = *bytes->as_int();
  if (out.path.empty() || out.path.front() != '/')
    return fail(errc::invalid, "host volume plugin {} answered \"create\" without an absolute \"path\"", request.plugin_id);
  return out;
}

result<> volume_plugins::remove(const schema::client_host_volume_delete_request& request) const {
  TRY(check_id(request.id));
  TRY(check_plugin_name(request.plugin_id));
  if (request.plugin_id == built_in) {
    std::error_code failed;
    fs::remove_all(volumes_dir + "/" + request.id, failed);
    if (failed) return fail(system_error(failed.value(), "deleting the directory of host volume " + request.id));
    return {};
  }
  auto wanted = program_for(*this, request, "delete");
  wanted.env["DHV_CREATED_PATH"] = request.host_path;
  TRY(answer_of(wanted));
  return {};
}

}  // namespace drover::client
