#include "client/driver/docker/docker.h"

#include <unistd.h>

#include "base/text.h"
#include "client/driver/docker/container.h"
#include "client/driver/docker/limits.h"
#include "client/driver/docker/state.h"

namespace drover::client {

using namespace docker;

docker_driver::state::state(shim_services& s, std::string a, result<docker::options> o)
    : services(s), agent(std::move(a)), logger("client.driver.docker"), scope(s.loop, logger) {
  if (o) {
    options = std::move(*o);
    auto made = api::create(s.loop, s.pool, options.endpoint);
    if (made) engine = std::move(*made);
    else wrong = made.error();
  } else {
    wrong = o.error();
  }
  if (wrong) logger.error("the docker plugin's configuration is wrong: the driver stays off", {{"error", wrong->text()}});
  if (engine) images = std::make_unique<docker::images>(*engine, options, s.pool, scope, logger);
  info.health_description = wrong ? wrong->text() : "Failed to connect to docker daemon";
}

result<> docker_driver::state::ready() const {
  if (wrong) return fail(*wrong);
  return {};
}

docker_driver::docker_driver(shim_services& services, std::string agent, const value& plugin)
    : state_(std::make_unique<state>(services, std::move(agent), parse_options(plugin))) {}
docker_driver::~docker_driver() = default;

void docker_driver::begin(std::function<void()> changed) {
  state_->changed = std::move(changed);
  if (!state_->engine) return;
  state_->scope.spawn(&state::watch, state_.get());
  if (state_->options.gc_container && state_->options.dangling) state_->scope.spawn(&state::sweep_regularly, state_.get());
}

awaitable<void> docker_driver::end() { co_await state_->scope.stop(); }

schema::driver_info docker_driver::fingerprint() const { return state_->info; }

result<> docker_driver::validate(const value& config) const {
  TRY(state_->ready());
  TRY(parse_config(config));
  return {};
}

namespace {
// A start that is cancelled leaves nothing behind. (An agent that stops leaves it to the next one, which finds the container by name.)
class start_guard {
 public:
  start_guard(docker_driver::state& s, std::string name, std::string image_id, std::string user)
      : state_(s), name_(std::move(name)), image_id_(std::move(image_id)), user_(std::move(user)) {
    // While a container is made it has no id that could be protected, only its name.
    place_ = s.containers.insert(name_);
  }
  ~start_guard() {
    state_.containers.erase(place_);
    if (done_) return;
    state_.images->release(image_id_, user_);
    state_.scope.spawn(&start_guard::clean_up, &state_, name_);
  }
  void done() { done_ = true; }

 private:
  static awaitable<void> clean_up(docker_driver::state* s, std::string name) {
    auto gone = co_await s->engine->remove_container(net::percent_encode(name));
    if (!gone) s->logger.warn("cannot remove a container that did not start", {{"container", name}, {"error", gone.error().text()}});
  }
  docker_driver::state& state_;
  std::string name_, image_id_, user_;
  std::multiset<std::string>::iterator place_;
  bool done_ = false;
};

bool is_transient(const error& e) {
  auto text = to_lower(e.text());
  for (std::string_view word : {"client.timeout exceeded while awaiting headers", "eof", "connection reset", "device or resource busy"})
    if (text.find(word) != std::string::npos) return true;
  return e.code() == errc::timeout;
}

// dockerd says so when two requests met, or something of an earlier container is still going away.
awaitable<void> pause_before(int attempt) { co_await net::sleep_for(std::min(duration(milliseconds(50) * (int64_t{1} << std::min(attempt, 8))), seconds(10))); }

// The container's id. One of this name that runs is ours from before the agent was killed: it is taken as it is.
awaitable<result<std::string>> create_container(docker_driver::state& s, std::string name, value body, int64_t attempts) {
  for (int attempt = 0;; ++attempt) {
    auto made = co_await s.engine->call(
        {.method = "POST", .target = "/containers/create?name=" + net::percent_encode(name), .body = body, .timeout = limits::start_timeout});
    if (made) co_return text_at(*made, "Id");
    if (made.error().code() == errc::conflict) {
      auto found = co_await s.engine->call({.target = fmt::format("/containers/{}/json", net::percent_encode(name))});
      if (found && boolean_at(*found, "State.Running") && text_at(*found, "Config.Image") == text_at(body, "Image")) co_return text_at(*found, "Id");
      if (found) CO_TRY(co_await s.engine->remove_container(text_at(*found, "Id")));
    } else if (!is_transient(made.error()) || attempt >= limits::start_attempts) {
      co_return wrap(made.error(), "Failed to create container");
    }
    if (attempt >= attempts) co_return fail(errc::unavailable, "Failed to create container: {}", made.error().text());
    co_await pause_before(attempt);
  }
}

awaitable<result<>> start_container(docker_driver::state& s, std::string id) {
  for (int attempt = 0;; ++attempt) {
    auto started = co_await s.engine->call({.method = "POST", .target = fmt::format("/containers/{}/start", id), .timeout = limits::start_timeout});
    if (started) co_return result<>{};
    if (!is_transient(started.error()) || attempt >= limits::start_attempts) {
      // A port that is taken or a command that does not exist may be right next time: the restart policy decides.
      auto code = started.error().code() == errc::cancelled ? errc::cancelled : errc::unavailable;
      co_return fail(code, "Failed to start container {}: {}", id, started.error().text());
    }
    co_await pause_before(attempt);
  }
}

awaitable<result<std::unique_ptr<task_handle>>> run_container(docker_driver::state& s, task_spec spec, config c, std::string id, std::string image_id) {
  CO_TRY(co_await start_container(s, id));
  CO_TRY_ASSIGN(auto facts, co_await s.engine->call({.target = fmt::format("/containers/{}/json", id)}));
  stored_task stored{.container = id, .image = image_id, .logs = {}, .terminal = c.tty};
  CO_TRY_ASSIGN(auto logs, co_await start_logs(s, spec, id, c.tty));
  if (logs) stored.logs = logs->serialise();
  s.logger.info("container started", {{"container_id", id}, {"alloc_id", spec.alloc_id}, {"task", spec.task_name}, {"image", c.image}});
  co_return make_handle(s, std::move(stored), std::move(spec), std::move(c), std::move(logs), text_at(facts, "Config.StopSignal"));
}

awaitable<result<std::unique_ptr<task_handle>>> make_and_run(docker_driver::state& s, std::string name, value body, task_spec spec, config c,
                                                             std::string image_id) {
  auto attempts = c.container_exists_attempts >= 0 ? c.container_exists_attempts : s.options.container_exists_attempts;
  CO_TRY_ASSIGN(auto id, co_await create_container(s, name, std::move(body), attempts));
  co_return co_await run_container(s, std::move(spec), std::move(c), std::move(id), std::move(image_id));
}

awaitable<result<std::unique_ptr<task_handle>>> start_task(docker_driver::state& s, task_spec spec, config c) {
  auto user = spec.alloc_id + "/" + spec.task_name;
  CO_TRY_ASSIGN(auto body, make_container(spec, c, s.options, s.agent));
  image_request request{.image = c.image,
                        .load_path = c.load.empty() ? std::string() : spec.dir.local + "/" + c.load,
                        .force_pull = c.force_pull,
                        .auth_soft_fail = c.auth_soft_fail,
                        .auth = c.auth,
                        .pull_timeout = c.pull_timeout.ns > 0 ? c.pull_timeout : s.options.pull_timeout,
                        .user = user,
                        .tell = spec.tell};
  CO_TRY_ASSIGN(auto image_id, co_await s.images->ensure(std::move(request)));
  auto name = container_name(spec);
  start_guard guard(s, name, image_id, user);
  auto handle = co_await make_and_run(s, name, std::move(body), std::move(spec), std::move(c), image_id);
  if (handle) {
    guard.done();
    co_return handle;
  }
  // Before the next try, which uses the same name.
  if (auto gone = co_await s.engine->remove_container(net::percent_encode(name)); !gone)
    s.logger.warn("cannot remove a container that did not start", {{"container", name}, {"error", gone.error().text()}});
  guard.done();
  s.images->release(image_id, user);
  co_return handle;
}
}  // namespace

awaitable<result<std::unique_ptr<task_handle>>> docker_driver::start(task_spec spec) {
  auto& s = *state_;
  CO_TRY(s.ready());
  CO_TRY_ASSIGN(auto c, parse_config(spec.config));
  auto started = co_await start_task(s, std::move(spec), std::move(c));
  if (started) co_return started;
  // An image that is not there yet, a dockerd that is busy or away, a port in use: the restart policy decides.
  auto code = started.error().code();
  if (code == errc::timeout || code == errc::closed || code == errc::io || code == errc::not_found || code == errc::conflict)
    co_return fail(errc::unavailable, "{}", started.error().text());
  co_return started;
}

awaitable<result<std::unique_ptr<task_handle>>> docker_driver::recover(task_spec spec, std::string text) {
  auto& s = *state_;
  CO_TRY(s.ready());
  CO_TRY_ASSIGN(auto stored, stored_task::parse(text));
  CO_TRY_ASSIGN(auto c, parse_config(spec.config));
  auto facts = co_await s.engine->call({.target = fmt::format("/containers/{}/json", stored.container)});
  if (!facts && facts.error().code() == errc::not_found) {
    // What its output's collector has left is freed; how the task ended is not known.
    if (auto logs =
            stored.logs.empty() ? result<std::unique_ptr<task_handle>>(fail(errc::not_found, "")) : co_await recover_shim_task(s.services, stored.logs, false);
        logs)
      co_await (*logs)->destroy();
    co_return fail(errc::not_found, "the container {} is gone, and how it ended is not known", stored.container.substr(0, 12));
  }
  // A dockerd that is away comes back, most probably with the container: the handle waits for it.
  std::unique_ptr<task_handle> logs;
  if (!stored.logs.empty()) {
    auto found = co_await recover_shim_task(s.services, stored.logs, false);
    if (!found) found = co_await start_logs(s, spec, stored.container, stored.terminal);
    if (found) logs = std::move(*found);
    else s.logger.error("a container's output is not collected", {{"container_id", stored.container}, {"error", found.error().text()}});
  }
  s.images->use(stored.image, spec.alloc_id + "/" + spec.task_name);
  co_return make_handle(s, std::move(stored), std::move(spec), std::move(c), std::move(logs), facts ? text_at(*facts, "Config.StopSignal") : std::string());
}

awaitable<result<std::unique_ptr<task_handle>>> docker_driver::find(task_spec spec) {
  auto& s = *state_;
  CO_TRY(s.ready());
  CO_TRY_ASSIGN(auto c, parse_config(spec.config));
  CO_TRY_ASSIGN(auto facts, co_await s.engine->call({.target = fmt::format("/containers/{}/json", net::percent_encode(container_name(spec)))}));
  stored_task stored{.container = text_at(facts, "Id"), .image = text_at(facts, "Image"), .logs = {}, .terminal = c.tty};
  if (text_at(facts, "State.Status") == "created") {
    CO_TRY(co_await s.engine->remove_container(stored.container));
    co_return fail(errc::not_found, "the container was made, but not started");
  }
  auto logs = co_await start_logs(s, spec, stored.container, c.tty);
  if (!logs) s.logger.error("a container's output is not collected", {{"container_id", stored.container}, {"error", logs.error().text()}});
  if (logs && *logs) stored.logs = (*logs)->serialise();
  s.images->use(stored.image, spec.alloc_id + "/" + spec.task_name);
  co_return make_handle(s, std::move(stored), std::move(spec), std::move(c), logs ? std::move(*logs) : nullptr, text_at(facts, "Config.StopSignal"));
}

}  // namespace drover::client
