// The images of this node's docker tasks: there once, pulled once however many tasks want it, removed some time after the last task that used
// it. Loop thread; pulls and removals run in the scope of the driver, so that a task that is stopped meanwhile does not end the pull of others.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "client/driver/docker/api.h"
#include "client/driver/docker/config.h"
#include "net/event.h"
#include "net/task_scope.h"

namespace drover::client::docker {

using teller = std::function<void(std::string message, std::map<std::string, std::string> details)>;

struct image_request {
  std::string image;
  // Empty: pull. Otherwise a tarball of `docker save`.
  std::string load_path;
  bool force_pull = false, auth_soft_fail = false;
  registry_auth auth;
  duration pull_timeout;
  // Who will use it: "ALLOC/TASK".
  std::string user;
  teller tell;
};

class images {
 public:
  images(api& engine, const options& o, net::blocking_pool& pool, net::task_scope& scope, log::logger logger);
  ~images();
  // Its id. unavailable and timeout are worth another try.
  awaitable<result<std::string>> ensure(image_request request);
  // A task that was found again uses it.
  void use(const std::string& id, const std::string& user);
  // The last user's release starts the delay until it is removed.
  void release(const std::string& id, const std::string& user);
  // For tests: images with users or a removal under way.
  size_t known() const { return users_.size() + removals_.size(); }

 private:
  struct pull;
  awaitable<result<std::string>> find(std::string image);
  awaitable<result<>> load(image_request request);
  awaitable<result<>> pull_shared(image_request request);
  awaitable<void> run_pull(std::shared_ptr<pull> p);
  awaitable<result<>> download(std::shared_ptr<pull> p);
  awaitable<result<registry_auth>> find_auth(image_request request);
  awaitable<void> remove_later(std::string id, std::shared_ptr<net::event> wanted_again);

  api& engine_;
  const options& options_;
  net::blocking_pool& pool_;
  net::task_scope& scope_;
  log::logger logger_;
  std::map<std::string, std::shared_ptr<pull>> pulls_;
  std::map<std::string, std::set<std::string>> users_;
  std::map<std::string, std::shared_ptr<net::event>> removals_;
};

// "3 of 5 layers, 12.5 of 40.0 MiB", from the lines of a pull. Pure.
class pull_progress {
 public:
  // The error that a line reports.
  result<> add(const value& line);
  std::string text() const;

 private:
  struct layer {
    int64_t current = 0, total = 0;
    bool done = false;
  };
  std::map<std::string, layer> layers_;
};

}  // namespace drover::client::docker
