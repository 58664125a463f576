#include "client/task_templates.h"

#include <openssl/rand.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "client/beneath.h"
#include "client/exec/isolation.h"
#include "client/limits.h"
#include "client/system.h"
#include "client/task_event.h"
#include "client/task_path.h"
#include "client/template_limits.h"

namespace drover::client {

struct task_templates::one {
  schema::task_template spec;
  std::string source;
  templating::compiled_template compiled;
  std::optional<std::string> written;
  duration wait_min, wait_max;
  unsigned mode = 0644;
};

namespace {
std::string random_bytes(size_t n) {
  std::string out(n, '\0');
  return RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(n)) == 1 ? out : std::string(n, '\0');
}

result<unsigned> parse_mode(const std::string& perms, const std::string& dest) {
  unsigned mode = 0;
  for (char digit : perms.empty() ? std::string("0644") : perms) {
    if (digit < '0' || digit > '7' || mode > 07777) return fail(errc::invalid, "perms \"{}\" of the template for \"{}\" is no octal number", perms, dest);
    mode = mode * 8 + static_cast<unsigned>(digit - '0');
  }
  return mode & 07777;
}

duration clamped(duration d, duration low, duration high) {
  if (low.ns > 0 && d < low) d = low;
  if (high.ns > 0 && d > high) d = high;
  return d;
}

// Without the allocation's root; host_path() has made it absolute.
std::string below(const std::string& root, const std::string& path) { return std::filesystem::path(path).lexically_relative(root).string(); }

bool changes(const schema::task_template& t, std::string_view mode) { return (t.change_mode.empty() ? "restart" : t.change_mode) == mode; }

std::string token_of(const task_hook_context& c) {
  auto found = c.alloc->signed_identities.find(c.task.name);
  return found == c.alloc->signed_identities.end() ? "" : found->second;
}
}  // namespace

task_templates::task_templates(task_hook_context& c)
    : node_(c.node),
      control_(c.control),
      emit_(c.emit),
      env_(c.env),
      template_env_(c.template_env),
      dir_(c.dir),
      task_name_(c.task.name),
      own_root_(c.driver.has_own_root()),
      namespace_(c.alloc->namespace_),
      source_(c.node, {.namespace_ = c.alloc->namespace_, .token = token_of(c), .file_reader = [this](std::string path) { return file_reader(path); }},
              [this] { changed_.set(); }),
      turn_(c.node, c.alloc->id, c.task.name, [this](std::string text) { emit_(events::template_message(wall_now(), std::move(text))); }),
      rollout_rules_(rollout_rules_of(c.group)),
      logger_(c.node.logger.named("template")),
      scope_(c.node.loop, logger_) {
  const auto& o = node_.options.templates;
  for (auto& t : c.task.templates) {
    auto made = std::make_unique<one>();
    made->spec = t;
    made->wait_min = t.wait && t.wait->min ? *t.wait->min : o.wait_min;
    made->wait_max = t.wait && t.wait->max ? *t.wait->max : t.wait && t.wait->min ? made->wait_min * 4 : o.wait_max;
    made->wait_min = clamped(made->wait_min, o.bound_min_low, o.bound_min_high);
    made->wait_max = std::max(made->wait_min, clamped(made->wait_max, o.bound_max_low, o.bound_max_high));
    all_.push_back(std::move(made));
  }
}

task_templates::~task_templates() = default;

awaitable<void> task_templates::stop() {
  co_await scope_.stop();
  co_await turn_.stop();
  co_await source_.stop();
}

// A file that a job names: below the task's directory, or anywhere where the agent allows it.
std::function<result<std::string>()> task_templates::file_reader(const std::string& path) const {
  auto env = env_();
  if (node_.options.templates.disable_file_sandbox) {
    auto text = env.replace(path);
    auto full = text.starts_with('/') ? text : dir_.task(task_name_).root + "/" + text;
    return [full] { return read_file(full, limits::template_bytes_max); };
  }
  auto full = host_path(env, dir_, task_name_, own_root_, path);
  return [full, root = dir_.root()]() -> result<std::string> {
    if (!full) return fail(full.error());
    return read_beneath(root, below(root, *full), limits::template_bytes_max);
  };
}

awaitable<result<>> task_templates::prepare() {
  for (auto& t : all_) {
    if (t->spec.source_path.empty()) {
      t->source = t->spec.embedded_tmpl;
    } else {
      auto text = co_await node_.pool.run(file_reader(t->spec.source_path));
      if (!text) co_return wrap(text.error(), fmt::format("template source \"{}\"", t->spec.source_path));
      t->source = std::move(*text);
    }
    if (t->source.size() > limits::template_bytes_max)
      co_return fail(errc::too_large, "the template for \"{}\" is larger than {} bytes", t->spec.dest_path, limits::template_bytes_max);
  }
  co_return co_await node_.pool.run([this] { return compile(); });
}

result<> task_templates::compile() {
  for (auto& t : all_) {
    TRY_ASSIGN(t->mode, parse_mode(t->spec.perms, t->spec.dest_path));
    templating::compile_options options;
    options.name = t->spec.source_path.empty() ? t->spec.dest_path : t->spec.source_path;
    options.left_delimiter = t->spec.left_delim;
    options.right_delimiter = t->spec.right_delim;
    options.missing = t->spec.err_missing_key ? templating::missing_key::refuse : templating::missing_key::zero;
    options.denied = node_.options.templates.function_denylist;
    TRY_ASSIGN(t->compiled, templating::compiled_template::compile(t->source, std::move(options)));
  }
  return {};
}

result<> task_templates::take_env(const one& t, const std::string& text) {
  if (!t.spec.envvars) return {};
  auto parsed = parse_env_text(text);
  if (!parsed) return wrap(parsed.error(), fmt::format("template \"{}\" with env = true", t.spec.dest_path));
  for (auto& [key, v] : *parsed) template_env_[key] = std::move(v);
  return {};
}

// True: the text is another than what the file had.
awaitable<result<bool>> task_templates::render_one(one& t, outcome& out) {
  auto env = env_();
  auto path = host_path(env, dir_, task_name_, own_root_, t.spec.dest_path);
  if (!path) co_return fail(path.error());
  auto data = source_.known();
  templating::world outside{
      .now = wall_now(), .random = random_bytes, .env = env.all(), .data = data.get(), .namespace_ = namespace_, .region = node_.options.region};
  auto made = co_await node_.pool.run([&] { return t.compiled.run(outside); });
  if (!made) co_return fail(made.error());
  source_.watch(made->used);
  for (auto& m : made->missing) out.missing.push_back(m.shown());
  if (!made->missing.empty() || t.written == made->text) co_return false;
  if (made->text.size() > limits::template_bytes_max)
    co_return fail(errc::too_large, "the template for \"{}\" writes more than {} bytes", t.spec.dest_path, limits::template_bytes_max);
  CO_TRY(take_env(t, made->text));
  auto relative = below(dir_.root(), *path);
  new_file how{.mode = t.mode, .uid = t.spec.uid.value_or(-1), .gid = t.spec.gid.value_or(-1)};
  auto done = co_await node_.pool.run([&]() -> result<bool> {
    // A file that says so already was written before this agent began.
    auto have = read_beneath(dir_.root(), relative, limits::template_bytes_max);
    if (have && *have == made->text) return false;
    TRY(write_beneath(dir_.root(), relative, made->text, how));
    return true;
  });
  if (!done) co_return fail(done.error());
  t.written = std::move(made->text);
  co_return *done;
}

awaitable<result<task_templates::outcome>> task_templates::render() {
  outcome out;
  for (auto& t : all_) {
    if (t->spec.once && t->written) continue;
    auto done = co_await render_one(*t, out);
    if (!done) co_return fail(done.error());
    if (*done) out.changed.push_back(t.get());
  }
  co_return out;
}

void task_templates::tell_missing(const std::vector<std::string>& missing) {
  auto count = std::min(missing.size(), limits::template_missing_shown);
  auto text = "Missing: " + join({missing.begin(), missing.begin() + static_cast<ptrdiff_t>(count)}, ", ");
  if (missing.size() > count) text += fmt::format(", and {} more", missing.size() - count);
  if (std::exchange(told_missing_, text) != text) emit_(events::template_message(wall_now(), std::move(text)));
}

awaitable<result<>> task_templates::first() {
  if (auto prepared = co_await prepare(); !prepared) co_return fail(prepared.error());
  auto tell_at = net::after(limits::template_event_pause);
  for (;;) {
    changed_.reset();
    auto done = co_await render();
    if (!done) co_return fail(errc::invalid, "{}", done.error().text());
    if (done->missing.empty()) break;
    // What a template asks for may be known only when it has other data: it asked for it in this very pass.
    if (source_.given_up()) co_return fail(errc::invalid, "{}", source_.given_up()->text());
    while (!changed_.is_set()) {
      if (co_await changed_.wait(tell_at)) break;
      tell_missing(done->missing);
      tell_at = net::never;
    }
  }
  for (auto& t : all_)
    if (changes(t->spec, "script") && t->spec.change_script && t->spec.change_script->run_on_first_render) first_scripts_.push_back(*t->spec.change_script);
  if (wants_to_follow()) scope_.spawn(&task_templates::follow, this, true);
  co_return result<>{};
}

void task_templates::task_started() {
  for (auto& script : std::exchange(first_scripts_, {})) scope_.spawn(&task_templates::run_script, this, std::move(script));
}

void task_templates::resume() { scope_.spawn(&task_templates::follow, this, false); }

bool task_templates::wants_to_follow() const {
  return std::ranges::any_of(all_, [](auto& t) { return !t->spec.once; });
}

// Until nothing has changed for a while, but not for ever.
awaitable<void> task_templates::quiet_down() {
  duration least, most = hours(24);
  for (auto& t : all_) {
    if (t->spec.once) continue;
    least = std::max(least, t->wait_min);
    most = std::min(most, t->wait_max);
  }
  auto end = net::after(most);
  for (;;) {
    changed_.reset();
    if (least.ns == 0 || !co_await changed_.wait(std::min(net::after(least), end)) || net::now() >= end) co_return;
  }
}

awaitable<void> task_templates::follow(bool prepared) {
  if (!prepared) {
    if (auto ready = co_await prepare(); !ready) {
      emit_(events::template_message(wall_now(), "Template failed: " + ready.error().text()));
      co_return;
    }
    changed_.set();
  }
  std::string told;
  for (;;) {
    co_await changed_.wait();
    if (prepared) co_await quiet_down();
    prepared = true;
    changed_.reset();
    auto done = co_await render();
    if (!done) {
      // The task keeps the last good file: a mistake in data must not take it down.
      auto text = "Template failed: " + done.error().text();
      if (std::exchange(told, text) != text) emit_(events::template_message(wall_now(), text));
      continue;
    }
    told.clear();
    if (!done->changed.empty()) co_await apply(std::move(done->changed));
  }
}

// ---- what follows a change ----

awaitable<void> task_templates::apply(std::vector<const one*> changed) {
  duration splay;
  bool restart = false, rolling = true;
  std::set<std::string> signals;
  std::vector<schema::change_script> scripts;
  for (auto* t : changed) {
    if (changes(t->spec, "noop")) continue;
    splay = std::max(splay, t->spec.splay);
    if (changes(t->spec, "restart")) {
      restart = true;
      rolling = rolling && t->spec.change_rollout == "rolling";
    } else if (changes(t->spec, "signal")) signals.insert(t->spec.change_signal.empty() ? "SIGHUP" : t->spec.change_signal);
    else if (t->spec.change_script) scripts.push_back(*t->spec.change_script);
  }
  logger_.info("templates rendered again", {{"task", task_name_}, {"templates", std::to_string(changed.size())}});
  if (!restart && signals.empty() && scripts.empty()) co_return;
  if (splay.ns > 0) co_await net::sleep_for(duration(static_cast<int64_t>(static_cast<double>(splay.ns) * random_unit())));
  if (restart) {
    co_await restart_task(rolling);
    co_return;
  }
  for (auto& name : signals) {
    auto number = exec::parse_signal(name);
    auto sent = number ? co_await control_.signal(*number, "Template re-rendered") : result<>(fail(number.error()));
    if (!sent && sent.error().code() != errc::not_found) control_.fail(fmt::format("Template failed to send signals [{}]: {}", name, sent.error().text()));
  }
  for (auto& script : scripts) co_await run_script(std::move(script));
}

awaitable<void> task_templates::restart_task(bool rolling) {
  if (rolling) {
    co_await turn_.take();
    // What came while it was waited for is part of this restart.
    changed_.reset();
    if (auto again = co_await render(); !again) changed_.set();
  }
  auto now = wall_now();
  auto asked = control_.restart("Template with change_mode restart re-rendered");
  // A task that does not run reads the new file when it starts.
  if (!asked) logger_.debug("a changed template found its task not running", {{"task", task_name_}});
  if (rolling && asked) turn_.keep(rollout_rules_, now);
  else if (rolling) co_await turn_.leave();
}

awaitable<result<int>> task_templates::run_command(std::vector<std::string> command) {
  auto process = co_await control_.exec(std::move(command));
  if (!process) co_return fail(process.error());
  size_t bytes = 0;
  for (;;) {
    auto chunk = co_await (*process)->read();
    if (!chunk) co_return fail(chunk.error());
    if (!*chunk) break;
    bytes += (*chunk)->data.size();
    if (bytes > limits::template_script_output_max) co_return fail(errc::too_large, "it wrote more than {} bytes", limits::template_script_output_max);
  }
  co_return co_await (*process)->wait();
}

awaitable<void> task_templates::run_script(schema::change_script script) {
  std::vector<std::string> command{script.command};
  auto env = env_();
  for (auto& argument : script.args) command.push_back(env.replace(argument));
  command[0] = env.replace(script.command);
  auto code = co_await net::with_deadline(run_command(command), net::after(script.timeout));
  if (code && *code == 0) {
    emit_(events::template_message(wall_now(),
                                   fmt::format("Template successfully ran script {} with arguments: [{}]. Exit code: 0", command[0], join(script.args, " "))));
    co_return;
  }
  auto why = code ? fmt::format("exit code: {}", *code) : code.error().text();
  emit_(events::template_message(wall_now(),
                                 fmt::format("Template failed to run script {} with arguments [{}] on change: {}", command[0], join(script.args, " "), why)));
  if (script.fail_on_error) control_.fail("Template script failed, task is being killed");
}

}  // namespace drover::client
