#include "client/state_db.h"

#include <sqlite3.h>

#include "codec/json.h"
#include "codec/msgpack.h"

namespace drover::client {

namespace {
constexpr int schema_version = 1;
constexpr const char* create_tables =
    "CREATE TABLE IF NOT EXISTS allocs(id TEXT PRIMARY KEY, record BLOB NOT NULL, health BLOB) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS tasks(alloc TEXT, task TEXT, state BLOB NOT NULL, handle TEXT NOT NULL, hooks TEXT NOT NULL,"
    " PRIMARY KEY(alloc, task)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;";

void bind_text(sqlite3_stmt* s, int at, const std::string& text) { sqlite3_bind_text(s, at, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT); }
void bind_blob(sqlite3_stmt* s, int at, const std::string& data) { sqlite3_bind_blob(s, at, data.data(), static_cast<int>(data.size()), SQLITE_TRANSIENT); }
std::string column(sqlite3_stmt* s, int at) {
  auto* data = static_cast<const char*>(sqlite3_column_blob(s, at));
  return data ? std::string(data, static_cast<size_t>(sqlite3_column_bytes(s, at))) : std::string();
}
}  // namespace

std::unexpected<error> state_db::failure(const std::string& doing) const {
  int code = db_ ? sqlite3_errcode(db_) : SQLITE_CANTOPEN;
  std::string text = db_ ? sqlite3_errmsg(db_) : "out of memory";
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
    return fail(errc::corrupt, "the node agent's state {} is damaged ({}); move the file away to start with no memory of earlier allocations", path_, text);
  if (code == SQLITE_FULL) return fail(errc::io, "{}: the disk of the node agent's state {} is full", doing, path_);
  return fail(errc::io, "{}: the node agent's state {}: {}", doing, path_, text);
}

result<> state_db::execute(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure("open");
  return {};
}

result<> state_db::prepare(const char* sql, sqlite3_stmt** into) {
  if (sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, into, nullptr) != SQLITE_OK) return failure("open");
  return {};
}

result<> state_db::prepare_all() {
  TRY(prepare("INSERT INTO allocs(id, record) VALUES(?1, ?2) ON CONFLICT(id) DO UPDATE SET record = ?2", &put_alloc_));
  TRY(prepare("UPDATE allocs SET health = ?2 WHERE id = ?1", &put_health_));
  TRY(prepare("INSERT OR REPLACE INTO tasks(alloc, task, state, handle, hooks) VALUES(?1, ?2, ?3, ?4, ?5)", &put_task_));
  TRY(prepare("DELETE FROM allocs WHERE id = ?1", &remove_alloc_));
  TRY(prepare("DELETE FROM tasks WHERE alloc = ?1", &remove_tasks_));
  TRY(prepare("INSERT OR REPLACE INTO facts(name, text) VALUES(?1, ?2)", &put_fact_));
  return prepare("SELECT text FROM facts WHERE name = ?1", &get_fact_);
}

result<std::unique_ptr<state_db>> state_db::open(const std::string& path) {
  std::unique_ptr<state_db> out(new state_db());
  out->path_ = path;
  if (sqlite3_open_v2(path.c_str(), &out->db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK)
    return out->failure("open");
  sqlite3_extended_result_codes(out->db_, 0);
  sqlite3_busy_timeout(out->db_, 2000);
  TRY(out->execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -512;"));
  sqlite3_stmt* version = nullptr;
  TRY(out->prepare("PRAGMA user_version", &version));
  int have = sqlite3_step(version) == SQLITE_ROW ? sqlite3_column_int(version, 0) : 0;
  sqlite3_finalize(version);
  if (have > schema_version)
    return fail(errc::unsupported, "the node agent's state {} was written by a newer release (format {}, this one knows {})", path, have, schema_version);
  TRY(out->execute(create_tables));
  TRY(out->execute("PRAGMA user_version = 1"));
  TRY(out->prepare_all());
  return out;
}

state_db::~state_db() {
  for (auto* statement : {put_alloc_, put_health_, put_task_, remove_alloc_, remove_tasks_, put_fact_, get_fact_}) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

result<> state_db::finish(sqlite3_stmt* statement) {
  int code = sqlite3_step(statement);
  auto done = code == SQLITE_DONE ? result<>{} : failure("write");
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  return done;
}

result<> state_db::put_alloc(const schema::allocation& alloc) {
  bind_text(put_alloc_, 1, alloc.id);
  bind_blob(put_alloc_, 2, codec::to_msgpack(alloc));
  return finish(put_alloc_);
}

result<> state_db::put_health(const std::string& alloc_id, const schema::alloc_deployment_status& health) {
  bind_text(put_health_, 1, alloc_id);
  bind_blob(put_health_, 2, codec::to_msgpack(health));
  return finish(put_health_);
}

result<> state_db::put_task(const std::string& alloc_id, const std::string& task, const stored_task& stored) {
  bind_text(put_task_, 1, alloc_id);
  bind_text(put_task_, 2, task);
  bind_blob(put_task_, 3, codec::to_msgpack(stored.state));
  bind_text(put_task_, 4, stored.handle);
  bind_text(put_task_, 5, codec::to_json(schema::view(stored.hooks)));
  return finish(put_task_);
}

result<> state_db::remove_alloc(const std::string& alloc_id) {
  bind_text(remove_tasks_, 1, alloc_id);
  TRY(finish(remove_tasks_));
  bind_text(remove_alloc_, 1, alloc_id);
  return finish(remove_alloc_);
}

result<std::vector<stored_alloc>> state_db::load() {
  std::map<std::string, stored_alloc> out;
  sqlite3_stmt* query = nullptr;
  TRY(prepare("SELECT id, record, health FROM allocs", &query));
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owned(query, &sqlite3_finalize);
  int code;
  while ((code = sqlite3_step(query)) == SQLITE_ROW) {
    auto& stored = out[column(query, 0)];
    auto record = codec::from_msgpack<schema::allocation>(column(query, 1));
    if (!record) return wrap(record.error(), "reading allocation " + column(query, 0) + " from " + path_);
    stored.record = std::make_shared<const schema::allocation>(std::move(*record));
    if (auto bytes = column(query, 2); !bytes.empty()) {
      auto health = codec::from_msgpack<schema::alloc_deployment_status>(bytes);
      if (!health) return wrap(health.error(), "reading the health of allocation " + column(query, 0) + " from " + path_);
      stored.health = std::move(*health);
    }
  }
  if (code != SQLITE_DONE) return failure("read");

  TRY(prepare("SELECT alloc, task, state, handle, hooks FROM tasks", &query));
  owned.reset(query);
  while ((code = sqlite3_step(query)) == SQLITE_ROW) {
    auto alloc = out.find(column(query, 0));
    if (alloc == out.end()) continue;
    auto& stored = alloc->second.tasks[column(query, 1)];
    auto state = codec::from_msgpack<schema::task_state>(column(query, 2));
    if (!state) return wrap(state.error(), "reading task " + column(query, 1) + " of allocation " + column(query, 0) + " from " + path_);
    stored.state = std::move(*state);
    stored.handle = column(query, 3);
    // "null": none had done its work yet.
    auto hooks = column(query, 4);
    if (hooks == "null") continue;
    if (auto read = codec::from_json(hooks, schema::slot(stored.hooks)); !read)
      return wrap(read.error(), "reading the hooks of task " + column(query, 1) + " of allocation " + column(query, 0) + " from " + path_);
  }
  if (code != SQLITE_DONE) return failure("read");
  std::vector<stored_alloc> list;
  for (auto& [id, stored] : out) list.push_back(std::move(stored));
  return list;
}

result<> state_db::put_fact(const std::string& name, const std::string& text) {
  bind_text(put_fact_, 1, name);
  bind_text(put_fact_, 2, text);
  return finish(put_fact_);
}

result<std::optional<std::string>> state_db::fact(const std::string& name) {
  bind_text(get_fact_, 1, name);
  int code = sqlite3_step(get_fact_);
  std::optional<std::string> out;
  if (code == SQLITE_ROW) out = column(get_fact_, 0);
  auto bad = code != SQLITE_ROW && code != SQLITE_DONE;
  auto why = bad ? std::optional(failure("read")) : std::nullopt;
  sqlite3_reset(get_fact_);
  if (why) return *why;
  return out;
}

}  // namespace drover::client
