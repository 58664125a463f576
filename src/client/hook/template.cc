#include "client/hook/hook.h"
#include "client/system.h"
#include "client/task_event.h"
#include "client/task_templates.h"

namespace drover::client {

namespace {
class template_hook : public task_hook {
 public:
  std::string_view name() const override { return "template"; }
  bool once() const override { return false; }

  awaitable<result<>> prestart(task_hook_context& c) override {
    if (c.task.templates.empty()) co_return result<>{};
    // A task that is restarted keeps its files and what watches them, unless its policy says otherwise.
    bool anew = c.task.restart_policy ? c.task.restart_policy->render_templates : c.group.restart_policy && c.group.restart_policy->render_templates;
    if (templates_ && !anew) co_return result<>{};
    if (templates_) co_await templates_->stop();
    templates_ = std::make_unique<task_templates>(c);
    auto done = co_await templates_->first();
    if (done) co_return done;
    c.failure = events::hook_failed(wall_now(), "Template failed: " + done.error().text());
    co_await templates_->stop();
    templates_.reset();
    co_return done;
  }

  void resumed(task_hook_context& c) override {
    if (c.task.templates.empty()) return;
    templates_ = std::make_unique<task_templates>(c);
    templates_->resume();
  }

  void started() override {
    if (templates_) templates_->task_started();
  }

  awaitable<void> stop() override {
    if (templates_) co_await templates_->stop();
  }

 private:
  std::unique_ptr<task_templates> templates_;
};
}  // namespace

std::unique_ptr<task_hook> make_template_hook() { return std::make_unique<template_hook>(); }

}  // namespace drover::client
