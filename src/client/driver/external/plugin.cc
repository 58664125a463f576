#include "client/driver/external/plugin.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

#include "base/bytes.h"
#include "base/text.h"
#include "client/driver/external/limits.h"
#include "client/exec/files.h"
#include "client/logs/directory_watch.h"
#include "client/system.h"
#include "codec/json.h"
#include "codec/msgpack_value.h"
#include "grpc/protobuf.h"

namespace drover::client::external {

namespace {
// What no later try will change.
bool is_final(errc code) {
  return code == errc::invalid || code == errc::unsupported || code == errc::permission_denied || code == errc::corrupt || code == errc::conflict;
}

std::string text_of(const value& v, std::string_view key) {
  const auto* found = v.find(key);
  return found != nullptr && found->as_string() != nullptr ? *found->as_string() : std::string();
}
}  // namespace

plugin::plugin(shim_services& services, state_db& db, plugin_options options)
    : services_(services), db_(db), options_(std::move(options)), logger_(log::logger("client.driver").named(options_.file)), scope_(services.loop, logger_) {
  load();
  info_.health_description = "Driver plugin is starting";
}
plugin::~plugin() = default;

void plugin::load() {
  auto text = db_.fact("external_driver:" + options_.file);
  if (!text || !*text) return;
  auto decoded = codec::value_from_json(**text);
  if (!decoded) return;
  stored_.name = text_of(*decoded, "name");
  stored_.device = text_of(*decoded, "type") == "device";
  stored_.capabilities = base64_decode(text_of(*decoded, "capabilities")).value_or(std::string());
  if (auto can = parse_capabilities(stored_.capabilities)) capabilities_ = *can;
  auto& p = stored_.process;
  p.pid = static_cast<int>(parse_int(text_of(*decoded, "pid")).value_or(0));
  p.start_ticks = parse_uint(text_of(*decoded, "start_ticks")).value_or(0);
  p.address = text_of(*decoded, "address");
  p.program = text_of(*decoded, "program");
}

void plugin::save() {
  value::object out;
  out.set("name", stored_.name);
  out.set("type", stored_.device ? "device" : "driver");
  out.set("capabilities", base64_encode(stored_.capabilities));
  out.set("pid", std::to_string(stored_.process.pid));
  out.set("start_ticks", std::to_string(stored_.process.start_ticks));
  out.set("address", stored_.process.address);
  out.set("program", stored_.process.program);
  auto kept = db_.put_fact("external_driver:" + options_.file, codec::value_to_json(value(std::move(out))));
  if (!kept) logger_.error("cannot store how to find a driver's plugin again", {{"error", kept.error().text()}});
}

void plugin::set_info(schema::driver_info next) {
  bool same = next.detected == info_.detected && next.healthy == info_.healthy && next.health_description == info_.health_description &&
              next.attributes == info_.attributes;
  info_ = std::move(next);
  if (!same && changed && !stored_.name.empty()) changed();
}

void plugin::set_unhealthy(std::string why) {
  schema::driver_info next;
  next.attributes = info_.attributes;
  next.detected = info_.detected;
  next.health_description = std::move(why);
  devices_lost(next.health_description);
  set_info(std::move(next));
}

void plugin::run() { scope_.spawn(&plugin::keep_up, this); }
void plugin::retire() { scope_.spawn(&plugin::end_left, this); }

awaitable<void> plugin::end_left() {
  auto found = plugin_process::attach(services_.loop, stored_.process);
  if (!found) co_return;
  logger_.info("the program of a driver is gone from plugin_dir: what runs of it is ended", {{"driver", name()}, {"pid", stored_.process.pid}});
  process_ = std::move(*found);
  co_await end_process();
}

awaitable<void> plugin::end(bool with_process) {
  co_await scope_.stop();
  if (with_process) co_await end_process();
  if (way_) co_await way_->stop();
  way_.reset();
}

awaitable<result<std::shared_ptr<grpc::channel>>> plugin::ready(net::time_point deadline) {
  while (!given_up_) {
    if (up_.is_set() && !way_->closed()) co_return way_;
    // It broke a moment ago, and keep_up() has not seen it yet.
    if (up_.is_set()) co_await net::sleep_for(milliseconds(10));
    else if (!co_await up_.wait(deadline)) break;
  }
  if (given_up_) co_return fail(*given_up_);
  co_return fail(errc::unavailable, "the plugin of driver \"{}\" does not run: {}", name().empty() ? options_.file : name(), info_.health_description);
}

awaitable<result<std::string>> plugin::call(std::string method, std::string request, net::time_point deadline) {
  CO_TRY_ASSIGN(auto way, co_await ready(std::min(deadline, net::after(limits::ready_timeout))));
  co_return co_await way->call(std::string(driver_service) + method, std::move(request), deadline);
}

// ---- keeping it up ----

awaitable<void> plugin::keep_up() {
  if (auto made = make_directories(options_.program.directory, 0700); !made) {
    given_up_ = made.error();
    co_return set_unhealthy(made.error().text());
  }
  scope_.spawn(&plugin::forward_errors, this);
  auto pause = limits::retry;
  for (;;) {
    auto began = net::now();
    auto up = co_await bring_up();
    if (up) {
      co_await serve();
      if (net::now() - began >= std::chrono::nanoseconds(limits::fine_after.ns)) pause = limits::retry;
      logger_.warn("the plugin of a driver is gone; it is started again", {{"driver", name()}, {"pause", pause}});
      set_unhealthy("Driver plugin ended and is started again");
    } else if (up.error().code() == errc::cancelled) {
      co_return;
    } else {
      logger_.error("the plugin of a driver does not start", {{"path", options_.program.path}, {"error", up.error().text()}});
      set_unhealthy(up.error().text());
      if (way_) co_await way_->stop();
      if (is_final(up.error().code())) {
        co_await end_process();
        given_up_ = up.error();
        up_.notify_all();
        co_return;
      }
    }
    co_await net::sleep_for(pause);
    pause = std::min(duration(pause * 2), limits::retry_max);
  }
}

awaitable<result<>> plugin::bring_up() {
  if (!process_) {
    if (auto found = plugin_process::attach(services_.loop, stored_.process)) process_ = std::move(*found);
  }
  bool replaced = process_ && (stored_.process.address.empty() || stored_.process.program != program_text(options_.program));
  if (replaced) {
    logger_.info("the program of a driver's plugin was replaced: the old one is ended", {{"pid", stored_.process.pid}});
    co_await end_process();
  }
  if (process_ && process_->ended()) process_.reset();
  if (!process_) CO_TRY(co_await begin_process());
  CO_TRY_ASSIGN(auto where, process_->address());
  auto way = co_await grpc::channel::connect(services_.loop, where, net::after(limits::connect_timeout));
  if (!way) {
    // It runs and cannot be reached: the next one will be.
    co_await end_process();
    co_return fail(way.error());
  }
  way_ = std::move(*way);
  CO_TRY(co_await introduce());
  ++generation_;
  up_.set();
  co_return result<>{};
}

awaitable<result<>> plugin::begin_process() {
  CO_TRY_ASSIGN(process_, co_await plugin_process::start(services_, options_.program));
  // Before it has said a word: an agent that is killed now leaves it to the next one.
  stored_.process = process_->identity();
  save();
  auto greeted = co_await process_->handshake(services_.loop, options_.program);
  if (!greeted) {
    // With what it started: nothing of that is a task yet.
    process_->kill_group();
    (void)co_await net::with_deadline(process_->wait_end(), net::after(limits::end_patience));
    process_.reset();
    co_return fail(greeted.error().code(), "{}: {}", options_.program.path, greeted.error().text());
  }
  stored_.process = process_->identity();
  save();
  logger_.info("plugin started", {{"pid", stored_.process.pid}, {"address", stored_.process.address}});
  co_return result<>{};
}

awaitable<void> plugin::end_process() {
  if (!process_) co_return;
  co_await net::keep_going();
  // Asked first: it may have to put something away.
  std::shared_ptr<grpc::channel> way = way_ && !way_->closed() ? way_ : nullptr;
  if (auto where = process_->address(); !way && where) {
    auto made = co_await grpc::channel::connect(services_.loop, *where, net::after(limits::end_patience));
    if (made) way = *made;
  }
  if (way) {
    (void)co_await way->ask("/plugin.GRPCController/Shutdown", {}, net::after(limits::end_patience));
    (void)co_await net::with_deadline(process_->wait_end(), net::after(limits::end_patience));
    co_await way->stop();
  }
  process_->kill();
  (void)co_await net::with_deadline(process_->wait_end(), net::after(limits::end_patience));
  process_.reset();
  stored_.process = {};
  save();
}

// Who it is, and what it makes of its configuration.
awaitable<result<>> plugin::introduce() {
  auto base = [&](std::string_view method, std::string request) {
    return way_->call(std::string(base_service) + std::string(method), std::move(request), net::after(limits::call_timeout));
  };
  CO_TRY_ASSIGN(auto info_bytes, co_await base("PluginInfo", {}));
  CO_TRY_ASSIGN(auto info, parse_plugin_info(info_bytes));
  bool device = info.type == plugin_info::device;
  if (info.type != plugin_info::driver && !device)
    co_return fail(errc::unsupported, "{} is neither a task driver nor a plugin of devices (type {}); other plugins are not known", options_.program.path,
                   info.type);
  if (info.name.empty()) co_return fail(errc::invalid, "{} does not say its name", options_.program.path);
  if (std::ranges::none_of(info.api_versions, [](auto& v) { return v.starts_with("0.1.") || v.starts_with("v0.1."); }))
    co_return fail(errc::unsupported, "{} knows versions {} of its interface; 0.1.0 is known here", options_.program.path, fmt::join(info.api_versions, ", "));
  if (info.name != stored_.name || device != stored_.device) {
    if (named && !device) CO_TRY(named(info.name));
    stored_.name = info.name;
    stored_.device = device;
    save();
  }
  CO_TRY(co_await configure(info));
  if (!device) co_return co_await introduce_driver(std::move(info));
  logger_.info("device plugin is ready", {{"plugin", info.name}, {"version", info.version}});
  co_return result<>{};
}

awaitable<result<>> plugin::introduce_driver(plugin_info info) {
  CO_TRY_ASSIGN(auto schema_bytes, co_await way_->call(std::string(driver_service) + "TaskConfigSchema", {}, net::after(limits::call_timeout)));
  CO_TRY_ASSIGN(auto spec, parse_inner(schema_bytes));
  auto schema = config_schema::parse(spec);
  if (!schema) co_return wrap(schema.error(), fmt::format("reading what a task of driver \"{}\" is configured with", info.name));
  task_schema_ = std::move(*schema);
  CO_TRY_ASSIGN(auto can_bytes, co_await way_->call(std::string(driver_service) + "Capabilities", {}, net::after(limits::call_timeout)));
  CO_TRY_ASSIGN(auto can, parse_inner(can_bytes));
  CO_TRY_ASSIGN(capabilities_, parse_capabilities(can));
  stored_.capabilities = can;
  save();
  logger_.info("driver plugin is ready", {{"driver", info.name}, {"version", info.version}});
  co_return result<>{};
}

awaitable<result<>> plugin::configure(plugin_info info) {
  CO_TRY_ASSIGN(auto answer, co_await way_->call(std::string(base_service) + "ConfigSchema", {}, net::after(limits::call_timeout)));
  CO_TRY_ASSIGN(auto spec, parse_inner(answer));
  CO_TRY_ASSIGN(auto schema, config_schema::parse(spec));
  value block;
  for (const auto& name : {info.name, options_.file})
    if (auto it = options_.blocks->find(name); it != options_.blocks->end() && block.is_null()) block = it->second;
  if (block.as_list() && block.as_list()->size() == 1) block = value(block.as_list()->front());
  auto config = schema.evaluate(block);
  if (!config) co_return wrap(config.error(), fmt::format("the configuration of plugin \"{}\"", info.name));
  set_config message{.msgpack = codec::value_to_msgpack(*config),
                     .api_version = info.api_versions.front(),
                     .min_port = options_.program.min_port,
                     .max_port = options_.program.max_port,
                     .cores = std::thread::hardware_concurrency(),
                     .core_mhz = core_mhz};
  auto set = co_await way_->ask(std::string(base_service) + "SetConfig", encode(message), net::after(limits::call_timeout));
  if (set.status.ok()) co_return result<>{};
  auto e = set.status.error();
  // What it says about its configuration it will say again.
  co_return fail(set.status.code == grpc::code::unavailable ? errc::unavailable : errc::invalid, "plugin \"{}\" refuses its configuration: {}", info.name,
                 e.text());
}

awaitable<void> plugin::serve() {
  auto way = way_;
  // They end with the connection.
  scope_.spawn(stored_.device ? &plugin::follow_devices : &plugin::follow_fingerprint, this, way);
  scope_.spawn(stored_.device ? &plugin::follow_device_stats : &plugin::follow_events, this, way);
  co_await way->ended().wait();
  up_.reset();
  co_await way->stop();
  // Its last moments: what comes next depends on whether it still runs.
  (void)co_await net::with_deadline(process_->wait_end(), net::after(seconds(1)));
}

// ---- what it tells ----

awaitable<void> plugin::follow_fingerprint(std::shared_ptr<grpc::channel> way) {
  auto call = way->open(std::string(driver_service) + "Fingerprint");
  if (!call || !co_await (*call)->send({})) co_return;
  (*call)->finish_sending();
  while (auto message = co_await (*call)->receive()) {
    auto f = parse_fingerprint(*message);
    if (!f) {
      logger_.warn("a fingerprint of a driver cannot be read", {{"error", f.error().text()}});
      continue;
    }
    schema::driver_info next;
    next.detected = f->state != fingerprint::health::undetected;
    next.healthy = f->state == fingerprint::health::healthy && f->error.empty();
    next.health_description = !f->error.empty() ? f->error : !f->description.empty() ? f->description : next.healthy ? "Healthy" : "";
    next.attributes = std::move(f->attributes);
    if (next.detected) next.attributes["driver." + name()] = "true";
    set_info(std::move(next));
  }
  if (way->closed()) co_return;
  logger_.error("a driver tells nothing more about its health", {{"driver", name()}, {"error", (*call)->ended().message}});
  set_unhealthy("the driver ended its fingerprint");
}

awaitable<void> plugin::follow_events(std::shared_ptr<grpc::channel> way) {
  auto call = way->open(std::string(driver_service) + "TaskEvents");
  if (!call || !co_await (*call)->send({})) co_return;
  (*call)->finish_sending();
  while (auto message = co_await (*call)->receive()) {
    auto e = parse_event(*message);
    if (!e) continue;
    auto listener = listeners.find(e->task_id);
    if (listener != listeners.end()) listener->second(e->message, e->annotations);
    else logger_.info("a driver says something about a task", {{"task_id", e->task_id}, {"text", e->message}});
  }
}

// Lines of HashiCorp's log format, or any text.
void plugin::log_line(std::string_view line) const {
  if (trim(line).empty()) return;
  auto decoded = line.starts_with("{") ? codec::value_from_json(line) : result<value>(value());
  auto message = decoded ? text_of(*decoded, "@message") : std::string();
  if (message.empty()) return logger_.info("plugin says", {{"text", line.substr(0, limits::error_line_bytes_max)}});
  auto level = log::parse_level(text_of(*decoded, "@level"));
  std::string rest;
  for (const auto& [key, v] : *decoded->as_object())
    if (!key.starts_with("@")) rest += fmt::format("{}{}={}", rest.empty() ? "" : " ", key, v.as_string() ? *v.as_string() : codec::value_to_json(v));
  switch (level ? *level : log::level::info) {
    case log::level::error: return logger_.error(message, {{"said", rest}});
    case log::level::warn: return logger_.warn(message, {{"said", rest}});
    case log::level::info: return logger_.info(message, {{"said", rest}});
    default: return logger_.debug(message, {{"said", rest}});
  }
}

// Its error stream is a file, so that it is never held up or lost, and that file is cut when it has grown.
awaitable<void> plugin::forward_errors() {
  const auto& dir = options_.program.directory;
  auto path = dir + "/stderr";
  exec::unique_fd file(::open(path.c_str(), O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600));
  if (!file) co_return;
  auto at = static_cast<int64_t>(::lseek(file.get(), 0, SEEK_END));
  directory_watch watch(services_.loop, dir);
  std::string pending;
  for (;;) {
    std::array<char, 16 * 1024> buffer;
    auto n = ::pread(file.get(), buffer.data(), buffer.size(), at);
    if (n > 0) {
      at += n;
      pending.append(buffer.data(), static_cast<size_t>(n));
      for (size_t end = 0; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) log_line(std::string_view(pending).substr(0, end));
      if (pending.size() > limits::error_line_bytes_max) log_line(std::exchange(pending, {}));
      co_await net::yield();
      continue;
    }
    if (at > limits::error_log_bytes_max && ::ftruncate(file.get(), 0) == 0) at = 0;
    co_await watch.wait(net::after(minutes(1)));
  }
}

}  // namespace drover::client::external
