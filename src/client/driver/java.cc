#include "client/driver/java.h"

#include <unistd.h>

#include "base/text.h"
#include "client/exec/program.h"

namespace drover::client {

namespace {
struct java_config {
  std::string main_class, class_path, jar_path;
  std::vector<std::string> jvm_options, args;
  isolated_config isolation;
};

result<java_config> decode(const value& config, const value& plugin) {
  config_reader r("java", config);
  java_config out;
  out.main_class = r.text("class");
  out.class_path = r.text("class_path");
  out.jar_path = r.text("jar_path");
  out.jvm_options = r.texts("jvm_options");
  out.args = r.texts("args");
  out.isolation = read_isolated(r, plugin);
  TRY(r.finish());
  TRY(check_isolated("java", out.isolation));
  if (out.main_class.empty() && out.jar_path.empty())
    return fail(errc::invalid, "jar_path or class must be specified: the java driver needs jar_path = \"local/app.jar\", or class = \"Main\" with class_path");
  return out;
}

std::vector<std::string> words_of(const java_config& c) {
  auto words = c.jvm_options;
  if (!c.class_path.empty()) words.insert(words.end(), {"-cp", c.class_path});
  if (!c.jar_path.empty()) words.insert(words.end(), {"-jar", c.jar_path});
  // Beside a jar that has a main class of its own, it is the first argument.
  if (!c.main_class.empty()) words.push_back(c.main_class);
  words.insert(words.end(), c.args.begin(), c.args.end());
  return words;
}
}  // namespace

result<java_version> parse_java_version(std::string_view text) {
  java_version out;
  for (auto line : split(text, '\n')) {
    line = trim(line);
    auto quote = line.find(" version \"");
    if (out.version.empty() && quote != std::string_view::npos) {
      auto begin = quote + 10;
      out.version = line.substr(begin, line.find('"', begin) - begin);
    } else if (line.find("Runtime Environment") != std::string_view::npos) {
      out.runtime = line;
    } else if (line.find(" VM ") != std::string_view::npos) {
      out.vm = line;
    }
  }
  if (out.version.empty()) return fail(errc::invalid, "what `java -version` says names no version: {}", text.substr(0, 200));
  return out;
}

java_driver::java_driver(shim_services& services, std::map<std::string, std::string> chroot_env, value plugin)
    : services_(services), chroot_env_(std::move(chroot_env)), plugin_(std::move(plugin)), scope_(services.loop, log::logger("client.driver.java")) {
  info_.health_description = ::geteuid() == 0 ? "" : "Driver must run as root";
}

void java_driver::begin(std::function<void()> changed) {
  if (::geteuid() == 0) scope_.spawn(&java_driver::look, this, std::move(changed));
}

awaitable<void> java_driver::end() { co_await scope_.stop(); }

awaitable<void> java_driver::look(std::function<void()> changed) {
  auto said = co_await services_.pool.run([] { return exec::output_of(exec::with_own_env({"java", "-version"}), true); });
  auto version = said ? parse_java_version(*said) : result<java_version>(fail(said.error()));
  if (!version) {
    if (version.error().code() == errc::not_found) co_return;
    info_.health_description = version.error().text();
    changed();
    co_return;
  }
  info_.detected = info_.healthy = true;
  info_.health_description = "Healthy";
  info_.attributes["driver.java"] = "true";
  info_.attributes["driver.java.version"] = version->version;
  info_.attributes["driver.java.runtime"] = version->runtime;
  info_.attributes["driver.java.vm"] = version->vm;
  changed();
}

result<> java_driver::validate(const value& config) const {
  TRY(decode(config, plugin_));
  return {};
}

awaitable<result<std::unique_ptr<task_handle>>> java_driver::start(task_spec task) {
  CO_TRY_ASSIGN(auto config, decode(task.config, plugin_));
  co_return co_await start_isolated(services_, std::move(task), std::move(config.isolation), {"java", "java", words_of(config)}, chroot_env_, plugin_);
}

awaitable<result<std::unique_ptr<task_handle>>> java_driver::recover(task_spec, std::string stored) {
  co_return co_await recover_shim_task(services_, std::move(stored), true);
}

awaitable<result<std::unique_ptr<task_handle>>> java_driver::find(task_spec task) {
  auto limits = limits_of(task.resources);
  co_return co_await find_shim_task(services_, std::move(task), limits);
}

}  // namespace drover::client
