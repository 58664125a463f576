#include "server/offline_state.h"

#include "base/text.h"
#include "codec/json.h"
#include "fsm/machine.h"
#include "fsm/saved_state.h"
#include "raft/offline.h"
#include "server/snapshot_archive.h"
#include "state/tables.h"

namespace drover::server {
namespace {

value text_of_servers(const std::vector<raft::server>& servers) {
  value::list out;
  for (const auto& s : servers) {
    value::object row;
    row.append("ID", s.address);  // servers are known to each other by their UUID
    row.append("Voter", s.role == raft::role::voter);
    out.emplace_back(std::move(row));
  }
  return value(std::move(out));
}

result<value> show(const raft::logged_entry& entry) {
  value::object out;
  out.append("Index", entry.index);
  out.append("Term", entry.term);
  if (entry.kind == raft::entry_kind::command) {
    TRY_ASSIGN(auto command, fsm::show_entry(entry.payload));
    for (auto& [name, each] : *command.as_object()) out.append(name, std::move(each));
  } else if (entry.kind == raft::entry_kind::configuration) {
    out.append("Type", "configuration");
    out.append("Body", text_of_servers(entry.servers));
  } else {
    out.append("Type", entry.kind == raft::entry_kind::barrier ? "barrier" : "unknown");
  }
  return value(std::move(out));
}

// "acl_tokens" -> "ACLTokens".
std::string title_of(std::string_view table) {
  std::string out;
  for (auto word : split(table, '_')) {
    if (word == "acl" || word == "csi") out += to_upper(word);
    else if (!word.empty()) (out += static_cast<char>(std::toupper(static_cast<unsigned char>(word[0])))) += word.substr(1);
  }
  return out;
}

value dump(const state::snapshot& snapshot, const state_filter& filter) {
  value::object out;
  value::object indexes;
  for (size_t i = 0; i < state::table_count; ++i) {
    const auto t = static_cast<state::table>(i);
    indexes.append(title_of(state::name(t)), snapshot.index(t));
  }
  out.append("Index", snapshot.index());
  out.append("Indexes", value(std::move(indexes)));
  for (size_t i = 0; i < state::table_count; ++i) {
    const auto t = static_cast<state::table>(i);
    const auto& type = state::definition(t).type();
    value::list records;
    state::visit_tree(snapshot.content(), state::tree_of(t), state::starting({}), [&](const state::entry& e) {
      schema::record_view view{&type, e.get()};
      if (filter.matching && !filter.matching->matches(view).value_or(false)) return true;
      if (auto shown = codec::value_from_json(codec::to_json(view, {.hide_redacted = true}))) records.push_back(*std::move(shown));
      return true;
    });
    out.append(title_of(state::name(t)), value(std::move(records)));
  }
  return value(std::move(out));
}

result<> load(std::string_view saved, state::store& store) {
  TRY_ASSIGN(auto place, fsm::place_of(saved));
  auto transaction = store.begin_restore(place.index);
  TRY(fsm::load_state(saved, transaction));
  transaction.commit();
  return {};
}

}  // namespace

result<> show_log(const std::string& raft_directory, const std::function<result<>(const value&)>& each) {
  return raft::visit_log(raft_directory, [&](const raft::logged_entry& entry) -> result<> {
    TRY_ASSIGN(auto shown, show(entry));
    return each(shown);
  });
}

result<value> show_state(const std::string& raft_directory, uint64_t last_index, const state_filter& filter) {
  TRY_ASSIGN(auto snapshot, raft::newest_snapshot(raft_directory));
  if (last_index != 0 && last_index < snapshot.index)
    return fail(errc::invalid, "the log begins behind its snapshot at index {}: the state at {} is not there any more", snapshot.index, last_index);
  state::store store;
  fsm::machine machine(store);
  if (snapshot.index > 0) TRY(machine.restore(snapshot.index, snapshot.payload));
  TRY(raft::visit_log(raft_directory, [&](const raft::logged_entry& entry) -> result<> {
    if (entry.kind != raft::entry_kind::command || entry.index <= snapshot.index) return {};
    if (last_index != 0 && entry.index > last_index) return {};
    auto applied = machine.apply(entry.index, entry.payload);
    // What the state machine refused then it refuses now; only what cannot be read is an error.
    if (!applied && applied.error().code() == errc::corrupt) return std::unexpected(applied.error());
    return {};
  }));
  return dump(store.current(), filter);
}

result<value> show_archive(std::string_view file, const state_filter& filter) {
  TRY_ASSIGN(auto archive, read_archive(file));
  state::store store;
  TRY(load(archive.state, store));
  return dump(store.current(), filter);
}

result<std::string> redact_archive(std::string_view file) {
  TRY_ASSIGN(auto archive, read_archive(file));
  state::store store;
  TRY(load(archive.state, store));
  const auto before = store.current();
  auto transaction = store.begin_restore(before.index());
  TRY(fsm::load_state(archive.state, transaction));
  state::visit<state::table::root_keys>(before, state::starting({}), [&](const auto& key) {
    auto bare = *key;
    bare.wrapped_keys.clear();
    transaction.put<state::table::root_keys>(std::move(bare));
    return true;
  });
  // What was saved last in each table stays what it was.
  for (size_t i = 0; i < state::table_count; ++i) {
    const auto t = static_cast<state::table>(i);
    transaction.set_table_index(t, before.index(t));
  }
  transaction.commit();
  TRY_ASSIGN(archive.state, fsm::save_state(store.current()));
  archive.meta.size = static_cast<int64_t>(archive.state.size());
  return write_archive(archive);
}

}  // namespace drover::server
