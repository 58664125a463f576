#include <unistd.h>

#include <filesystem>

#include "base/text.h"
#include "client/hook/hook.h"
#include "client/limits.h"
#include "client/system.h"
#include "client/task_event.h"
#include "client/task_path.h"

namespace drover::client {

namespace {
// KEY=value lines of a template with env = true; # starts a comment, quotes around a value go.
std::map<std::string, std::string> parse_env_file(std::string_view text) {
  std::map<std::string, std::string> out;
  for (auto line : split(text, '\n')) {
    line = trim(line);
    auto equals = line.find('=');
    if (line.empty() || line[0] == '#' || equals == std::string_view::npos) continue;
    auto key = trim(line.substr(0, equals));
    if (key.starts_with("export ")) key = trim(key.substr(7));
    auto v = trim(line.substr(equals + 1));
    if (v.size() >= 2 && (v.front() == '"' || v.front() == '\'') && v.back() == v.front()) v = v.substr(1, v.size() - 2);
    out[std::string(key)] = v;
  }
  return out;
}

// Copies the text of templates that have no actions. One with actions is refused: half a configuration file is worse than none.
class template_hook : public task_hook {
 public:
  std::string_view name() const override { return "template"; }
  bool once() const override { return false; }
  awaitable<result<>> prestart(task_hook_context& c) override {
    for (auto& t : c.task.templates) CO_TRY(render(c, t));
    co_return result<>{};
  }

 private:
  static result<std::string> source_text(task_hook_context& c, const task_env& env, const schema::task_template& t) {
    if (t.source_path.empty()) return t.embedded_tmpl;
    TRY_ASSIGN(auto path, host_path(env, c.dir, c.task.name, c.driver.has_own_root(), t.source_path));
    return read_file(path, limits::template_bytes_max);
  }

  static result<> render(task_hook_context& c, const schema::task_template& t) {
    auto env = c.env();
    TRY_ASSIGN(auto text, source_text(c, env, t));
    if (text.size() > limits::template_bytes_max)
      return fail(errc::too_large, "template for \"{}\" is larger than {} bytes", t.dest_path, limits::template_bytes_max);
    auto delimiter = t.left_delim.empty() ? std::string("{{") : t.left_delim;
    if (text.find(delimiter) != std::string::npos)
      return fail(errc::unsupported, "template for \"{}\" has actions ({} ...), which this release does not run yet", t.dest_path, delimiter);
    TRY_ASSIGN(auto path, host_path(env, c.dir, c.task.name, c.driver.has_own_root(), t.dest_path));
    auto perms = t.perms.empty() ? "0644" : t.perms;
    unsigned mode = 0;
    for (char digit : perms) {
      if (digit < '0' || digit > '7') return fail(errc::invalid, "perms \"{}\" of the template for \"{}\" is no octal number", perms, t.dest_path);
      mode = mode * 8 + static_cast<unsigned>(digit - '0');
    }
    TRY(make_directories(std::filesystem::path(path).parent_path().string()));
    TRY(write_file(path, text, mode & 07777));
    if ((t.uid || t.gid) && ::chown(path.c_str(), static_cast<uid_t>(t.uid.value_or(-1)), static_cast<gid_t>(t.gid.value_or(-1))) != 0)
      return fail(system_error(errno, "change the owner of " + t.dest_path));
    if (t.envvars)
      for (auto& [key, v] : parse_env_file(text)) c.template_env[key] = v;
    return {};
  }
};
}  // namespace

std::unique_ptr<task_hook> make_template_hook() { return std::make_unique<template_hook>(); }

}  // namespace drover::client
