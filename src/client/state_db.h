// What the node agent must remember over a restart: allocations, task states, how to find the running tasks again. SQLite in WAL mode.
//
// Loop thread only. Writes are short transactions that survive kill -9 of the agent; a power failure may lose the last of them, and with
// it the machine's tasks are gone anyway. Lifecycle: open() at start, destroyed after the last runner.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "schema/alloc.h"

struct sqlite3;
struct sqlite3_stmt;

namespace drover::client {

struct stored_task {
  schema::task_state state;
  // What the driver needs to find the task again; empty: it does not run.
  std::string handle;
  // Hooks that have done their work and need not do it again, by name.
  std::map<std::string, std::string> hooks;
};

struct stored_alloc {
  schema::ref<schema::allocation> record;
  // Health as reported to the servers.
  std::optional<schema::alloc_deployment_status> health;
  std::map<std::string, stored_task> tasks;
};

class state_db {
 public:
  // corrupt: the file is not ours or damaged; io, permission: it cannot be read or written.
  static result<std::unique_ptr<state_db>> open(const std::string& path);
  ~state_db();
  state_db(const state_db&) = delete;
  state_db& operator=(const state_db&) = delete;

  result<> put_alloc(const schema::allocation& alloc);
  result<> put_health(const std::string& alloc_id, const schema::alloc_deployment_status& health);
  result<> put_task(const std::string& alloc_id, const std::string& task, const stored_task& stored);
  result<> remove_alloc(const std::string& alloc_id);
  result<std::vector<stored_alloc>> load();

  // Small facts by name: the highest index seen, dynamic node metadata.
  result<> put_fact(const std::string& name, const std::string& text);
  result<std::optional<std::string>> fact(const std::string& name);

 private:
  state_db() = default;
  result<> execute(const char* sql);
  result<> prepare(const char* sql, sqlite3_stmt** into);
  result<> prepare_all();
  result<> finish(sqlite3_stmt* statement);
  std::unexpected<error> failure(const std::string& doing) const;

  sqlite3* db_ = nullptr;
  std::string path_;
  sqlite3_stmt* put_alloc_ = nullptr;
  sqlite3_stmt* put_health_ = nullptr;
  sqlite3_stmt* put_task_ = nullptr;
  sqlite3_stmt* remove_alloc_ = nullptr;
  sqlite3_stmt* remove_tasks_ = nullptr;
  sqlite3_stmt* put_fact_ = nullptr;
  sqlite3_stmt* get_fact_ = nullptr;
};

}  // namespace drover::client
