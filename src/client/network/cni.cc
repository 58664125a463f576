#include "client/network/cni.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <ranges>

#include "base/text.h"
#include "client/exec/program.h"
#include "client/limits.h"
#include "client/system.h"
#include "codec/json.h"

namespace drover::client {

namespace {
constexpr std::string_view usual_version = "1.0.0";

std::string text_of(const value* v) {
  auto* text = v ? v->as_string() : nullptr;
  return text ? *text : std::string();
}

std::vector<std::string> texts_of(const value* v) {
  std::vector<std::string> out;
  if (auto* list = v ? v->as_list() : nullptr)
    for (auto& each : *list)
      if (auto* text = each.as_string()) out.push_back(*text);
  return out;
}

std::vector<std::string> config_files(const std::string& directory) {
  std::vector<std::string> out;
  std::error_code failed;
  for (auto& entry : std::filesystem::directory_iterator(directory, failed)) {
    auto extension = entry.path().extension();
    if (extension == ".conflist" || extension == ".conf" || extension == ".json") out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

// "1.2.3" and "v1.2.3-rc1".
bool is_version(std::string_view word) {
  if (word.starts_with('v')) word.remove_prefix(1);
  auto parts = split(word.substr(0, word.find_first_of("-+")), '.');
  return parts.size() == 3 && std::ranges::all_of(parts, [](auto part) { return parse_uint(part).has_value(); });
}

// A single plugin is a list of one.
result<value> as_list(value config) {
  if (config.find("plugins")) return config;
  if (text_of(config.find("type")).empty()) return fail(errc::invalid, "it has neither plugins nor a type");
  value::object out;
  for (auto key : {"cniVersion", "name"})
    if (auto* v = config.find(key)) out.set(key, *v);
  out.set("plugins", value(value::list{std::move(config)}));
  return value(std::move(out));
}

result<value> read_config(const std::string& path) {
  TRY_ASSIGN(auto text, read_file(path));
  TRY_ASSIGN(auto parsed, codec::value_from_json(text));
  TRY_ASSIGN(auto list, as_list(std::move(parsed)));
  if (text_of(list.find("name")).empty()) return fail(errc::invalid, "it has no name");
  auto* plugins = list.find("plugins")->as_list();
  if (!plugins || plugins->empty()) return fail(errc::invalid, "its plugins are no list");
  if (plugins->size() > limits::cni_plugins_max)
    return fail(errc::too_large, "it has {} plugins; at most {} are run", plugins->size(), limits::cni_plugins_max);
  for (auto& plugin : *plugins)
    if (text_of(plugin.find("type")).empty()) return fail(errc::invalid, "a plugin has no type");
  return list;
}

value port_mappings(const network_record& record) {
  value::list out;
  for (auto& port : record.ports)
    for (auto protocol : {"tcp", "udp"}) {
      value::object each;
      each.set("hostPort", port.value);
      each.set("containerPort", port.to > 0 ? port.to : port.value);
      each.set("protocol", protocol);
      bool any = std::ranges::find(record.wildcard_ports, port.label) != record.wildcard_ports.end();
      if (!any && !port.host_ip.empty()) each.set("hostIP", port.host_ip);
      out.push_back(value(std::move(each)));
    }
  return value(std::move(out));
}

// What a plugin reads: its own part of the list, with name and version of the list, the result so far, and what it says it can use.
std::string plugin_config(const value& plugin, const value& list, const network_record& record, const value& previous) {
  value::object out;
  for (auto& [key, v] : *plugin.as_object())
    if (key != "capabilities") out.set(key, v);
  auto version = text_of(list.find("cniVersion"));
  out.set("cniVersion", version.empty() ? std::string(usual_version) : version);
  out.set("name", text_of(list.find("name")));
  if (!previous.is_null()) out.set("prevResult", previous);
  auto* wants_ports = plugin.find("capabilities") ? plugin.find("capabilities")->find("portMappings") : nullptr;
  if (wants_ports && wants_ports->as_bool() && *wants_ports->as_bool()) {
    value::object runtime;
    runtime.set("portMappings", port_mappings(record));
    out.set("runtimeConfig", value(std::move(runtime)));
  }
  return codec::value_to_json(value(std::move(out)));
}

// "ADD failed: ..." from the error object that a plugin prints.
std::string reason_of(const exec::program_result& end) {
  auto said = codec::value_from_json(end.out);
  if (said) {
    auto message = text_of(said->find("msg")), details = text_of(said->find("details"));
    if (!message.empty()) return details.empty() ? message : message + ": " + details;
  }
  auto errors = std::string(trim(end.err.empty() ? end.out : end.err));
  return errors.empty() ? end.how() : errors.substr(0, 512);
}

// Addresses and names in the last result; the interface is the one inside.
void take_result(network_record& record, const value& last) {
  auto* ips = last.find("ips");
  if (auto* list = ips ? ips->as_list() : nullptr)
    for (auto& each : *list) {
      auto text = text_of(each.find("address"));
      auto address = text.substr(0, text.find('/'));
      auto& into = address.contains(':') ? record.address_ipv6 : record.address;
      if (into.empty()) into = address;
    }
  if (auto* dns = last.find("dns")) {
    record.dns_servers = texts_of(dns->find("nameservers"));
    record.dns_searches = texts_of(dns->find("search"));
    record.dns_options = texts_of(dns->find("options"));
  }
  record.cni_result = codec::value_to_json(last);
}
}  // namespace

struct cni_networks::list {
  value config;
};

struct cni_networks::invocation {
  std::string command;
  const value& plugin;
  const value& list;
  const value& previous;
};

std::vector<std::string> cni_networks::names(std::vector<std::string>* problems) const {
  std::vector<std::string> out;
  for (auto& path : config_files(config_dir_)) {
    auto config = read_config(path);
    if (!config) {
      if (problems) problems->push_back(path + ": " + config.error().text());
      continue;
    }
    auto name = text_of(config->find("name"));
    if (std::ranges::find(out, name) == out.end()) out.push_back(name);
  }
  return out;
}

std::map<std::string, std::string> cni_networks::plugin_versions() const {
  std::map<std::string, std::string> out;
  for (auto directory : split(path_, ':')) {
    std::error_code failed;
    for (auto& entry : std::filesystem::directory_iterator(std::string(directory), failed)) {
      auto name = entry.path().filename().string();
      if (out.contains(name) || ::access(entry.path().c_str(), X_OK) != 0 || !entry.is_regular_file(failed)) continue;
      auto ended = exec::run_program({.command = {entry.path()},
                                      .env = {{"CNI_COMMAND", ""}},
                                      .directory = {},
                                      .input = {},
                                      .timeout = seconds(5),
                                      .output_bytes_max = limits::cni_output_bytes_max});
      if (!ended) continue;
      // "CNI bridge plugin v1.1.1", or with the protocol versions on a second line: the first whole version in it, as Nomad takes it.
      for (auto word : split(replace_all(ended->err + " " + ended->out, "\n", " "), ' '))
        if (is_version(word)) {
          out[name] = word;
          break;
        }
    }
  }
  return out;
}

result<cni_networks::list> cni_networks::load(const std::string& name) const {
  std::vector<std::string> known;
  for (auto& path : config_files(config_dir_)) {
    auto config = read_config(path);
    if (!config) continue;
    if (text_of(config->find("name")) == name) return list{std::move(*config)};
    known.push_back(text_of(config->find("name")));
  }
  return fail(errc::not_found, "no CNI network \"{}\" is configured in {}; there are: {}", name, config_dir_, known.empty() ? "none" : join(known, ", "));
}

result<std::string> cni_networks::find_plugin(const std::string& type) const {
  if (type.empty() || type.contains('/')) return fail(errc::invalid, "\"{}\" is no name of a CNI plugin", type);
  for (auto directory : split(path_, ':')) {
    auto candidate = fmt::format("{}/{}", directory, type);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return fail(errc::not_found, "CNI plugin \"{}\" is not in {}", type, path_);
}

result<> cni_networks::plan(network_record& record, const std::map<std::string, std::string>& arguments) const {
  TRY_ASSIGN(auto found, load(record.mode.substr(4)));
  record.cni_list = codec::value_to_json(found.config);
  record.interface_name = "eth0";
  std::vector<std::string> pairs = {"IgnoreUnknown=true", "NOMAD_ALLOC_ID=" + record.alloc_id};
  for (auto& [key, text] : arguments) {
    if (key.find_first_of(";=") != std::string::npos || text.contains(';'))
      return fail(errc::invalid, "CNI argument {}: neither \";\" nor \"=\" may be in it", key);
    pairs.push_back(key + "=" + text);
  }
  record.cni_arguments = join(pairs, ";");
  return {};
}

result<std::string> cni_networks::run(const invocation& what, const network_record& record) const {
  auto type = text_of(what.plugin.find("type"));
  TRY_ASSIGN(auto path, find_plugin(type));
  auto usual_path = std::string("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  auto ended = exec::run_program({.command = {path},
                                  .env = {{"CNI_COMMAND", what.command},
                                          {"CNI_CONTAINERID", record.alloc_id},
                                          {"CNI_NETNS", record.namespace_path},
                                          {"CNI_IFNAME", record.interface_name},
                                          {"CNI_ARGS", record.cni_arguments},
                                          {"CNI_PATH", path_},
                                          {"PATH", usual_path}},
                                  .directory = {},
                                  .input = plugin_config(what.plugin, what.list, record, what.previous),
                                  .timeout = limits::cni_timeout,
                                  .output_bytes_max = limits::cni_output_bytes_max});
  if (!ended) return fail(ended.error());
  if (!ended->ok()) return fail(errc::io, "CNI plugin {} {}: {}", type, what.command, reason_of(*ended));
  return ended->out;
}

result<> cni_networks::add(network_record& record) const {
  TRY_ASSIGN(auto list, codec::value_from_json(record.cni_list));
  value previous;
  for (auto& plugin : *list.find("plugins")->as_list()) {
    TRY_ASSIGN(auto output, run({"ADD", plugin, list, previous}, record));
    auto parsed = codec::value_from_json(output);
    if (!parsed || !parsed->as_object()) return fail(errc::io, "CNI plugin {} ADD: what it printed is no result", text_of(plugin.find("type")));
    previous = std::move(*parsed);
  }
  take_result(record, previous);
  return {};
}

result<> cni_networks::check(const network_record& record) const {
  TRY_ASSIGN(auto list, codec::value_from_json(record.cni_list));
  TRY_ASSIGN(auto previous, codec::value_from_json(record.cni_result));
  // Before 0.4.0 there was no CHECK, and a list may say that it wants none.
  if (text_of(list.find("cniVersion")) < "0.4.0") return {};
  if (auto* off = list.find("disableCheck"); off && off->as_bool() && *off->as_bool()) return {};
  for (auto& plugin : *list.find("plugins")->as_list()) TRY(run({"CHECK", plugin, list, previous}, record));
  return {};
}

result<> cni_networks::remove(const network_record& record) const {
  if (record.cni_list.empty()) return {};
  TRY_ASSIGN(auto list, codec::value_from_json(record.cni_list));
  value previous;
  if (!record.cni_result.empty()) {
    TRY_ASSIGN(previous, codec::value_from_json(record.cni_result));
  }
  result<> outcome;
  for (auto& plugin : *list.find("plugins")->as_list() | std::views::reverse)
    if (auto done = run({"DEL", plugin, list, previous}, record); !done && outcome) outcome = fail(done.error());
  return outcome;
}

}  // namespace drover::client
