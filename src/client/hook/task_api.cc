// The task's own door to the HTTP API: a Unix socket in its secrets directory, open while the task lives. Who comes through it shows a token; that is
// the API's to check. A task that does without it runs without it: what fails here is a warning.
#include <fcntl.h>
#include <unistd.h>

#include "client/exec/isolation.h"
#include "client/hook/hook.h"
#include "client/system.h"
#include "net/http_server.h"
#include "net/task_scope.h"

namespace drover::client {

namespace {

constexpr const char* socket_name = "api.sock";
constexpr size_t task_connections_max = 64;  // 503

// A task that is under way may have put anything there: nothing is followed.
class own_directory {
 public:
  explicit own_directory(const std::string& path) : descriptor_(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) {}
  ~own_directory() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  own_directory(const own_directory&) = delete;
  own_directory& operator=(const own_directory&) = delete;
  int descriptor() const { return descriptor_; }
  // Short, whatever the directory's path is: the name of a socket has at most 107 bytes.
  std::string file(const char* name) const { return fmt::format("/proc/self/fd/{}/{}", descriptor_, name); }

 private:
  int descriptor_;
};

class task_api_hook : public task_hook {
 public:
  std::string_view name() const override { return "api"; }
  bool once() const override { return false; }

  awaitable<result<>> prestart(task_hook_context& c) override {
    begin(c);
    co_return result<>{};
  }
  void resumed(task_hook_context& c) override { begin(c); }

  awaitable<void> stop() override {
    if (door_) door_->close();
    if (scope_) co_await scope_->stop();
    if (server_) co_await server_->stop();
    door_.reset();
    server_.reset();
    scope_.reset();
    secrets_.reset();
  }

 private:
  void begin(task_hook_context& c) {
    if (!c.node.task_api) return;
    auto opened = door_ ? result<>() : open(c);
    if (!opened) {
      c.node.logger.warn("a task has no API socket", {{"alloc_id", c.alloc->id}, {"task", c.task.name}, {"error", opened.error().text()}});
      return;
    }
    auto env = c.env().all();
    c.hook_env["NOMAD_UNIX_ADDR"] = "unix://" + env["NOMAD_SECRETS_DIR"] + "/" + socket_name;
  }

  result<> open(task_hook_context& c) {
    auto path = c.dir.task(c.task.name).secrets;
    secrets_ = std::make_unique<own_directory>(path);
    if (secrets_->descriptor() < 0) return fail(system_error(errno, "opening " + path));
    auto user = c.env().replace(c.task.user);
    // The directory is the task's alone: where the user is not known before it starts, whoever gets there may connect.
    TRY_ASSIGN(door_, net::listener::listen(c.node.loop, {.path = secrets_->file(socket_name)}, user.empty() ? 0666 : 0600));
    if (auto given = user.empty() ? result<>() : give_to(user); !given) {
      door_->close();
      door_.reset();
      return given;
    }
    net::http_server_options options{.handler = c.node.task_api, .logger = c.node.logger.named("task_api")};
    options.limits.connections_max = task_connections_max;
    server_ = std::make_unique<net::http_server>(c.node.loop, std::move(options));
    scope_ = std::make_unique<net::task_scope>(c.node.loop, c.node.logger.named("task_api"));
    scope_->spawn(accept(door_.get(), server_.get()));
    return {};
  }

  result<> give_to(const std::string& name) const {
    TRY_ASSIGN(auto user, exec::find_user(name));
    if (::fchownat(secrets_->descriptor(), socket_name, user.uid, user.gid, AT_SYMLINK_NOFOLLOW) != 0)
      return fail(system_error(errno, fmt::format("giving {} to {}", socket_name, name)));
    return {};
  }

  static awaitable<void> accept(net::listener* door, net::http_server* server) {
    for (;;) {
      auto stream = co_await door->accept();
      if (!stream && (stream.error().code() == errc::closed || stream.error().code() == errc::cancelled)) co_return;
      // Out of descriptors, say: it passes.
      if (!stream) co_await net::sleep_for(milliseconds(100));
      else server->serve(std::move(*stream));
    }
  }

  std::unique_ptr<own_directory> secrets_;
  std::unique_ptr<net::listener> door_;
  std::unique_ptr<net::http_server> server_;
  std::unique_ptr<net::task_scope> scope_;
};

}  // namespace

std::unique_ptr<task_hook> make_task_api_hook() { return std::make_unique<task_api_hook>(); }

}  // namespace drover::client
