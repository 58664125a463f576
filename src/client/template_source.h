// Where the templates of one task get their data: variables and services by blocking queries to the servers, files by looking again.
//
// Loop thread. begin() makes it watch; changed() of the owner is called when an answer is new; stop() before it is destroyed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/runner_context.h"
#include "net/task_scope.h"
#include "templating/template.h"

namespace drover::client {

struct template_source_options {
  std::string namespace_;
  // Of the task's own identity; empty without one.
  std::string token;
  // What reads a file that a template names: asked for on the loop, run on the blocking pool.
  std::function<std::function<result<std::string>()>(std::string path)> file_reader;
};

class template_source {
 public:
  template_source(runner_context& node, template_source_options options, std::function<void()> changed);

  // What is known now, for a run on any thread.
  std::unique_ptr<templating::data_source> known() const;
  // Watches these too.
  void watch(const std::vector<templating::data_request>& requests);
  // Something that was never there could not be asked for as often as the agent is configured to.
  const std::optional<error>& given_up() const { return given_up_; }
  awaitable<void> stop() { co_await scope_.stop(); }

 private:
  struct answer {
    uint64_t index = 0;
    // Nothing: not there, and what is known stays.
    std::optional<templating::datum> found;
  };
  // Told apart by their text, so that an answer that says the same is no change.
  struct entry {
    std::optional<templating::datum> value;
    std::string text;
  };
  awaitable<void> follow(templating::data_request request);
  awaitable<result<answer>> ask(templating::data_request request, uint64_t index);
  awaitable<result<answer>> ask_variable(templating::data_request request, uint64_t index);
  awaitable<result<answer>> ask_variables(templating::data_request request, uint64_t index);
  awaitable<result<answer>> ask_service(templating::data_request request, uint64_t index);
  awaitable<result<answer>> ask_services(templating::data_request request, uint64_t index);
  awaitable<result<answer>> ask_file(templating::data_request request, uint64_t index);
  void take(const std::string& key, templating::datum value);
  template <class Request>
  Request prepared(const templating::data_request& request, uint64_t index) const;

  runner_context& node_;
  template_source_options options_;
  std::function<void()> changed_;
  std::map<std::string, entry> entries_;
  std::optional<error> given_up_;
  net::task_scope scope_;
};

}  // namespace drover::client
