// The templates of one task: written before it starts, written again when their data change, and what the job wants to happen then.
//
// Loop thread; templates are run and files written on the blocking pool. Lifecycle: create(), first() before the task starts or resume()
// for one that runs already, stop() before it is destroyed.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/hook/hook.h"
#include "client/restart_turn.h"
#include "client/template_source.h"
#include "net/event.h"
#include "net/task_scope.h"
#include "templating/template.h"

namespace drover::client {

class task_templates {
 public:
  explicit task_templates(task_hook_context& c);
  ~task_templates();
  task_templates(const task_templates&) = delete;
  task_templates& operator=(const task_templates&) = delete;

  // Waits until every template has its data and is written. An error is final for the task.
  awaitable<result<>> first();
  // Follows the data of a task that runs: what changed while nobody looked counts as a change.
  void resume();
  // The task has begun to run.
  void task_started();
  awaitable<void> stop();

 private:
  struct one;
  // What a pass over all templates did.
  struct outcome {
    std::vector<const one*> changed;
    std::vector<std::string> missing;
  };
  awaitable<result<>> prepare();
  result<> compile();
  awaitable<result<outcome>> render();
  awaitable<result<bool>> render_one(one& t, outcome& out);
  awaitable<void> follow(bool prepared);
  awaitable<void> quiet_down();
  awaitable<void> apply(std::vector<const one*> changed);
  awaitable<void> restart_task(bool rolling);
  awaitable<void> run_script(schema::change_script script);
  awaitable<result<int>> run_command(std::vector<std::string> command);
  void tell_missing(const std::vector<std::string>& missing);
  result<> take_env(const one& t, const std::string& text);
  std::function<result<std::string>()> file_reader(const std::string& path) const;
  bool wants_to_follow() const;

  runner_context& node_;
  task_control control_;
  std::function<void(schema::task_event)> emit_;
  std::function<task_env()> env_;
  std::map<std::string, std::string>& template_env_;
  alloc_dir dir_;
  std::string task_name_;
  bool own_root_;
  std::string namespace_;
  std::vector<std::unique_ptr<one>> all_;
  net::event changed_;
  template_source source_;
  restart_turn turn_;
  health_rules rollout_rules_;
  // What runs once, when the task has begun with its first files.
  std::vector<schema::change_script> first_scripts_;
  std::string told_missing_;
  log::logger logger_;
  net::task_scope scope_;
};

// KEY=value lines as a template with env = true makes them: comments, quotes, "export". Pure.
result<std::map<std::string, std::string>> parse_env_text(std::string_view text);

}  // namespace drover::client
