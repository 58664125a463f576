#include "client/driver/docker/config.h"

#include <algorithm>

#include "base/text.h"
#include "client/driver/config_reader.h"

namespace drover::client::docker {

namespace {
constexpr std::string_view unix_default = "unix:///var/run/docker.sock";

result<logging_config> parse_logging(const value& block) {
  config_reader r("docker", block);
  logging_config out;
  out.type = r.text("type");
  if (auto driver = r.text("driver"); out.type.empty()) out.type = driver;
  out.options = r.map("config");
  TRY(r.finish());
  return out;
}

result<> parse_gc(const value& block, options& out) {
  config_reader r("docker", block);
  out.gc_image = r.boolean("image", out.gc_image);
  out.gc_image_delay = r.time("image_delay", out.gc_image_delay);
  out.gc_container = r.boolean("container", out.gc_container);
  auto* dangling = r.block("dangling_containers");
  TRY(r.finish());
  if (!dangling) return {};
  config_reader d("docker", *dangling);
  out.dangling = d.boolean("enabled", out.dangling);
  out.dangling_period = d.time("period", out.dangling_period);
  out.dangling_grace = d.time("creation_grace", out.dangling_grace);
  out.dangling_dry_run = d.boolean("dry_run", out.dangling_dry_run);
  TRY(d.finish());
  if (out.dangling && out.dangling_period.ns < seconds(1).ns)
    return fail(errc::invalid, "gc.dangling_containers.period of the docker driver must be at least \"1s\", not \"{}\"", to_string(out.dangling_period));
  return {};
}

result<> parse_option_blocks(config_reader& r, options& out) {
  if (auto* auth = r.block("auth")) {
    config_reader a("docker", *auth);
    out.auth_config_file = a.text("config");
    out.auth_helper = a.text("helper");
    TRY(a.finish());
    if (out.auth_helper.find('/') != std::string::npos)
      return fail(errc::invalid, "auth.helper of the docker driver is the end of a program's name (\"ecr-login\" for docker-credential-ecr-login), not a path");
  }
  if (auto* tls = r.block("tls")) {
    config_reader t("docker", *tls);
    if (!t.text("cert").empty() || !t.text("key").empty() || !t.text("ca").empty())
      return fail(errc::unsupported, "tls of the docker driver: dockerd is reached over its unix socket only; leave the block out");
  }
  if (auto* logging = r.block("logging")) {
    TRY_ASSIGN(out.logging, parse_logging(*logging));
  }
  if (auto* gc = r.block("gc")) TRY(parse_gc(*gc, out));
  if (auto* volumes = r.block("volumes")) {
    config_reader v("docker", *volumes);
    out.volumes = v.boolean("enabled", false);
    out.selinux_label = v.text("selinuxlabel");
    TRY(v.finish());
  }
  if (auto* modes = r.block("allowed_modes")) {
    config_reader m("docker", *modes);
    out.allowed_pid = m.texts("pid");
    out.allowed_ipc = m.texts("ipc");
    out.allowed_userns = m.texts("userns");
    out.allowed_uts = m.texts("uts");
    TRY(m.finish());
  }
  return {};
}

result<mount> parse_mount(const value& block) {
  config_reader r("docker", block);
  mount out;
  out.type = r.text("type", "volume");
  out.target = r.text("target");
  out.source = r.text("source");
  out.read_only = r.boolean("readonly", false);
  auto* bind = r.block("bind_options");
  auto* tmpfs = r.block("tmpfs_options");
  auto* volume = r.block("volume_options");
  TRY(r.finish());
  if (bind) {
    config_reader b("docker", *bind);
    out.propagation = b.text("propagation");
    TRY(b.finish());
  }
  if (tmpfs) {
    config_reader t("docker", *tmpfs);
    out.tmpfs_size = t.integer("size", 0);
    out.tmpfs_mode = t.integer("mode", 0);
    TRY(t.finish());
  }
  if (volume) {
    config_reader v("docker", *volume);
    out.no_copy = v.boolean("no_copy", false);
    out.labels = v.map("labels");
    auto* driver = v.block("driver_config");
    TRY(v.finish());
    if (driver) {
      config_reader d("docker", *driver);
      out.driver = d.text("name");
      out.driver_options = d.map("options");
      TRY(d.finish());
    }
  }
  if (out.type != "bind" && out.type != "tmpfs" && out.type != "volume")
    return fail(errc::invalid, "type of a docker mount must be \"volume\", \"bind\" or \"tmpfs\", not \"{}\"", out.type);
  if (out.target.empty()) return fail(errc::invalid, "target is missing in a docker mount of type \"{}\": the path inside the container", out.type);
  if (out.type == "bind" && out.source.empty()) return fail(errc::invalid, "source is missing in the docker mount of \"{}\"", out.target);
  if (out.type == "tmpfs" && !out.source.empty()) return fail(errc::invalid, "the docker mount of \"{}\" is a tmpfs: it has no source", out.target);
  return out;
}

result<device> parse_device(const value& block) {
  config_reader r("docker", block);
  device out;
  out.host_path = r.required_text("host_path", "the device on this machine");
  out.container_path = r.text("container_path", out.host_path);
  out.permissions = r.text("cgroup_permissions", "rwm");
  TRY(r.finish());
  if (out.permissions.empty() || out.permissions.find_first_not_of("rwm") != std::string::npos)
    return fail(errc::invalid, "cgroup_permissions of the docker device {} must be made of \"r\", \"w\" and \"m\", not \"{}\"", out.host_path, out.permissions);
  return out;
}

void parse_texts(config_reader& r, config& out) {
  out.image = r.required_text("image", "the image to run");
  struct row {
    const char* key;
    std::string* into;
  } const rows[] = {{"load", &out.load},
                    {"command", &out.command},
                    {"work_dir", &out.work_dir},
                    {"hostname", &out.hostname},
                    {"network_mode", &out.network_mode},
                    {"runtime", &out.runtime},
                    {"mac_address", &out.mac_address},
                    {"ipv4_address", &out.ipv4_address},
                    {"ipv6_address", &out.ipv6_address},
                    {"ipc_mode", &out.ipc_mode},
                    {"pid_mode", &out.pid_mode},
                    {"uts_mode", &out.uts_mode},
                    {"userns_mode", &out.userns_mode},
                    {"cgroupns", &out.cgroupns},
                    {"volume_driver", &out.volume_driver}};
  for (auto& [key, into] : rows) *into = r.text(key);
}

void parse_lists(config_reader& r, config& out) {
  struct row {
    const char* key;
    std::vector<std::string>* into;
  } const rows[] = {{"args", &out.args},
                    {"entrypoint", &out.entrypoint},
                    {"cap_add", &out.cap_add},
                    {"cap_drop", &out.cap_drop},
                    {"dns_servers", &out.dns_servers},
                    {"dns_search_domains", &out.dns_search_domains},
                    {"dns_options", &out.dns_options},
                    {"extra_hosts", &out.extra_hosts},
                    {"group_add", &out.group_add},
                    {"network_aliases", &out.network_aliases},
                    {"ports", &out.ports},
                    {"security_opt", &out.security_opt},
                    {"volumes", &out.volumes}};
  out.has_entrypoint = r.has("entrypoint");
  for (auto& [key, into] : rows) *into = r.texts(key);
  out.labels = r.map("labels");
  out.sysctl = r.map("sysctl");
  out.storage_opt = r.map("storage_opt");
  out.ulimit = r.map("ulimit");
}

void parse_numbers(config_reader& r, config& out) {
  struct row {
    const char* key;
    bool* into;
  } const rows[] = {{"auth_soft_fail", &out.auth_soft_fail},
                    {"force_pull", &out.force_pull},
                    {"init", &out.init},
                    {"interactive", &out.interactive},
                    {"tty", &out.tty},
                    {"privileged", &out.privileged},
                    {"readonly_rootfs", &out.readonly_rootfs},
                    {"cpu_hard_limit", &out.cpu_hard_limit},
                    {"advertise_ipv6_address", &out.advertise_ipv6}};
  for (auto& [key, into] : rows) *into = r.boolean(key, false);
  out.cpu_cfs_period = r.integer("cpu_cfs_period", 0);
  out.memory_hard_limit = r.integer("memory_hard_limit", 0);
  out.oom_score_adj = r.integer("oom_score_adj", 0);
  out.pids_limit = r.integer("pids_limit", 0);
  out.shm_size = r.integer("shm_size", 0);
  out.container_exists_attempts = r.integer("container_exists_attempts", -1);
  out.pull_timeout = r.time("image_pull_timeout");
}

result<> parse_blocks(config_reader& r, config& out) {
  if (auto* auth = r.block("auth")) {
    config_reader a("docker", *auth);
    out.auth = {.username = a.text("username"), .password = a.text("password"), .email = a.text("email"), .server_address = a.text("server_address")};
    TRY(a.finish());
  }
  if (auto* logging = r.block("logging")) {
    TRY_ASSIGN(out.logging, parse_logging(*logging));
  }
  if (auto* checks = r.block("healthchecks")) {
    config_reader h("docker", *checks);
    out.healthchecks_disabled = h.boolean("disable", false);
    TRY(h.finish());
  }
  for (const char* key : {"mount", "mounts"})
    for (auto* block : r.blocks(key)) {
      TRY_ASSIGN(auto one, parse_mount(*block));
      out.mounts.push_back(std::move(one));
    }
  for (auto* block : r.blocks("devices")) {
    TRY_ASSIGN(auto one, parse_device(*block));
    out.devices.push_back(std::move(one));
  }
  for (auto& [label, text] : r.map("port_map")) {
    auto number = parse_int(text);
    if (!number || *number < 1 || *number > 65535)
      return fail(errc::invalid, "port_map of the docker driver: \"{}\" is no port of the container (1 to 65535) for \"{}\"", text, label);
    out.port_map[label] = *number;
  }
  return {};
}
}  // namespace

result<options> parse_options(const value& plugin) {
  config_reader r("docker", plugin);
  options out;
  out.endpoint = r.text("endpoint", std::string(unix_default));
  out.extra_labels = r.texts("extra_labels");
  out.allow_privileged = r.boolean("allow_privileged", false);
  out.allow_caps = r.texts("allow_caps");
  if (r.has("allow_runtimes")) out.allow_runtimes = r.texts("allow_runtimes");
  r.ignore("nvidia_runtime");
  r.ignore("windows_allow_insecure_container_admin");
  r.ignore("enabled");
  out.infra_image = r.text("infra_image");
  out.infra_pull_timeout = r.time("infra_image_pull_timeout", out.infra_pull_timeout);
  out.pull_timeout = r.time("image_pull_timeout", out.pull_timeout);
  out.pull_activity_timeout = r.time("pull_activity_timeout", out.pull_activity_timeout);
  out.container_exists_attempts = r.integer("container_exists_attempts", out.container_exists_attempts);
  out.oom_score_adj = r.integer("oom_score_adj", 0);
  out.pids_limit = r.integer("pids_limit", 0);
  out.disable_log_collection = r.boolean("disable_log_collection", false);
  TRY(parse_option_blocks(r, out));
  TRY(r.finish());
  if (out.endpoint.empty()) out.endpoint = unix_default;
  return out;
}

result<config> parse_config(const value& task) {
  config_reader r("docker", task);
  config out;
  parse_texts(r, out);
  parse_lists(r, out);
  parse_numbers(r, out);
  for (const char* old : {"cpuset_cpus", "isolation"}) r.ignore(old);
  TRY(parse_blocks(r, out));
  TRY(r.finish());
  if (out.image.starts_with("https://")) out.image.erase(0, 8);
  TRY(parse_image(out.image));
  if (out.load.starts_with('/') || ("/" + out.load + "/").find("/../") != std::string::npos)
    return fail(errc::invalid, "load of the docker driver must be a file below the task's local directory, not \"{}\"", out.load);
  if (!task.find("isolation")) return out;
  return fail(errc::unsupported, "isolation of the docker driver is for Windows: leave it out");
}

std::string image_name::registry() const {
  auto slash = repository.find('/');
  auto first = repository.substr(0, slash);
  bool names_host = slash != std::string::npos && (first.find('.') != std::string::npos || first.find(':') != std::string::npos || first == "localhost");
  return names_host ? first : "docker.io";
}

result<image_name> parse_image(std::string_view text) {
  image_name out;
  bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
  if (text.empty() || !printable || text.starts_with('/') || text.ends_with('/') || text.ends_with(':'))
    return fail(errc::invalid, "\"{}\" is no image name: NAME, NAME:TAG or NAME@DIGEST is needed, such as \"redis:7\"", text);
  if (auto at = text.find('@'); at != std::string_view::npos) {
    out.is_digest = true;
    out.repository = text.substr(0, at);
    out.tag = text.substr(at + 1);
    // A tag beside a digest says nothing more.
    if (auto colon = out.repository.rfind(':'); colon != std::string::npos && out.repository.find('/', colon) == std::string::npos)
      out.repository.resize(colon);
    return out;
  }
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos || text.find('/', colon) != std::string_view::npos) {
    out.repository = text;
    out.tag = "latest";
  } else {
    out.repository = text.substr(0, colon);
    out.tag = text.substr(colon + 1);
  }
  return out;
}

}  // namespace drover::client::docker
