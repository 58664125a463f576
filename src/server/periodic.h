// Periodic jobs: the leader launches a child job whenever one is due, in the job's time zone. Loop thread only.
//
// What was launched last is in the state (periodic_launches), so a new leader goes on where the old one stopped; of the launches that were missed
// meanwhile, one is made up for.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "net/event.h"
#include "net/task_scope.h"
#include "schema/job_rpc.h"
#include "server/context.h"

namespace drover::server {

// The first launch after `after`: the earliest of the job's cron expressions. Nothing if none will ever come. errc::invalid: an expression or
// the time zone cannot be read.
result<std::optional<timestamp>> next_launch(const schema::periodic_config& config, timestamp after);

class periodic_launcher {
 public:
  explicit periodic_launcher(server_context& context);

  void set_enabled(bool enabled);
  // The job of that id was stored, changed or removed.
  void changed(const std::string& namespace_, const std::string& id);
  // Launches now, whatever the schedule says; an overlap that the job forbids is refused.
  net::awaitable<result<schema::periodic_force_response>> force(schema::ref<schema::job> job);
  size_t size() const { return due_.size(); }
  net::awaitable<void> stop() { co_await scope_.stop(); }

 private:
  using key = std::pair<std::string, std::string>;
  void track(const schema::job& job, timestamp last, bool make_up);
  bool overlaps(const schema::job& parent) const;
  net::awaitable<result<schema::job_register_response>> launch(schema::ref<schema::job> parent, timestamp when);
  net::awaitable<void> launch_due(key which, timestamp when);
  net::awaitable<void> run();

  server_context& context_;
  log::logger logger_{"nomad.periodic"};
  bool enabled_ = false;
  std::map<key, timestamp> due_;
  net::event changed_;
  net::task_scope scope_;
};

}  // namespace drover::server
