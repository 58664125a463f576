// Variables.* methods. Items are sealed before they enter the log and opened for who may read them; they are in no log line and no error.
#include "codec/json.h"
#include "schema/acl.h"
#include "server/endpoint/endpoints.h"
#include "server/keyring.h"
#include "server/reads.h"
#include "server/replicator.h"
#include "server/variable_locks.h"
#include "server/variable_rules.h"

namespace drover::server {
namespace {

using state::table;

std::string text_of(const std::map<std::string, std::string>& items) {
  value::object out;
  for (const auto& [key, text] : items) out.append(key, text);
  return codec::value_to_json(std::move(out));
}

result<std::map<std::string, std::string>> items_of(keyring& keys, const state::snapshot& state, const state::sealed_variable& v) {
  std::map<std::string, std::string> out;
  if (v.key_id.empty()) return out;
  auto text = keys.open(state, v.data, v.key_id);
  if (!text) return wrap(std::move(text).error(), fmt::format("variable \"{}\" in namespace \"{}\"", v.path, v.namespace_));
  TRY_ASSIGN(auto parsed, codec::value_from_json(*text));
  if (const auto* object = parsed.as_object())
    for (const auto& [key, item] : *object)
      if (const auto* s = item.as_string()) out[key] = *s;
  return out;
}

// Everything but the items.
template <class Shown>
Shown shown_without_items(const state::sealed_variable& v) {
  Shown out;
  out.namespace_ = v.namespace_;
  out.path = v.path;
  out.create_index = v.create_index;
  out.modify_index = v.modify_index;
  out.create_time = v.create_time;
  out.modify_time = v.modify_time;
  out.lock = v.lock;
  return out;
}

result<> read_variable(const read& r, const schema::variables_read_request& request, schema::variables_read_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_record(table::variables, ns, request.path));
  auto stored = state::find<table::variables>(r.state, {ns, request.path, {}});
  out.index = stored ? stored->modify_index : r.state.index(table::variables);
  if (!stored) return {};
  out.data = shown_without_items<schema::variable>(*stored);
  TRY_ASSIGN(out.data->items, items_of(*r.keyring, r.state, *stored));
  return {};
}

result<> list_variables(const read& r, const schema::variables_list_request& request, schema::variables_list_response& out) {
  auto ns = namespace_of(request);
  bool all = ns == "*";
  r.watch(all ? state::watch_table(table::variables) : state::watch_prefix(table::variables, state::within(ns, request.prefix)));
  page on(request);
  state::visit<table::variables>(r.state, all ? state::starting({}) : state::within(ns, request.prefix), [&](const auto& v) {
    if (r.by != nullptr && !r.by->may->allows_variable(v->namespace_, v->path, acl::variable_capability::list)) return true;
    // "!" sorts before whatever a namespace may have, so that the keys are in the table's order.
    if (v->path.starts_with(request.prefix) && on.takes(v->namespace_ + "!" + v->path, *v))
      out.data.push_back(shown_without_items<schema::variable_metadata>(*v));
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::variables);
  return {};
}

result<> complete_and_check(server_context& context, const std::string& op, schema::variable& v) {
  if (op == "lock-acquire") {
    if (!v.lock) v.lock.emplace();
    if (v.lock->id.empty()) v.lock->id = context.random.uuid();
    complete_lock(*v.lock);
    TRY(check_variable(v, true));
    return check_lock(*v.lock);
  }
  if (op == "set" || op == "cas") {
    if (v.lock && (v.lock->ttl.ns != 0 || v.lock->lock_delay.ns != 0))
      return fail(errc::invalid, "lock information can't be provided on variable creation or update; use lock-acquire");
    return check_variable(v, false);
  }
  if (op == "delete" || op == "delete-cas") {
    if (v.path.empty()) return fail(errc::invalid, "missing path");
    return {};
  }
  if (op == "lock-release") {
    if (!v.lock || v.lock->id.empty()) return fail(errc::invalid, "missing lock information: the lock's ID is needed to release it");
    if (!v.items.empty()) return fail(errc::invalid, "lock release operation doesn't take variable items");
    return check_variable_path(v.path);
  }
  return fail(errc::invalid, "unknown variable operation \"{}\"; it is set, cas, delete, delete-cas, lock-acquire or lock-release", op);
}

bool seals(const std::string& op) { return op == "set" || op == "cas" || op == "lock-acquire"; }

result<schema::variable> conflict_of(server_context& context, const state::sealed_variable& stored) {
  auto out = shown_without_items<schema::variable>(stored);
  TRY_ASSIGN(out.items, items_of(*context.keyring, context.state(), stored));
  return out;
}

// Who may write what somebody else wrote need not see it.
bool may_read(server_context& context, const std::string& token, const schema::variable& v) {
  if (!context.authority->enabled()) return true;
  auto by = context.authority->authenticate(token, context.state());
  return by && (*by)->may->allows_variable(v.namespace_, v.path, acl::variable_capability::read);
}

awaitable<result<schema::variables_apply_response>> apply_variable(server_context& context, schema::variables_apply_request request) {
  if (!request.var) co_return fail(errc::invalid, "variable must not be nil");
  auto& v = *request.var;
  if (v.namespace_.empty()) v.namespace_ = namespace_of(request);
  CO_TRY(complete_and_check(context, request.op, v));
  if (seals(request.op) && !context.state().namespace_named(v.namespace_))
    co_return fail(errc::invalid, "namespace \"{}\" does not exist; make it with \"nomad namespace apply {}\"", v.namespace_, v.namespace_);
  fsm::variable_apply_request command;
  command.op = request.op;
  command.var.namespace_ = v.namespace_;
  command.var.path = v.path;
  command.var.modify_index = v.modify_index;
  command.var.lock = v.lock;
  command.var.create_time = command.var.modify_time = context.now_ns();
  if (seals(request.op)) {
    CO_TRY_ASSIGN(auto sealed, context.keyring->seal(context.state(), text_of(v.items)));
    command.var.data = std::move(sealed.data);
    command.var.key_id = std::move(sealed.key_id);
  }
  schema::variables_apply_response out;
  out.op = request.op;
  CO_TRY_ASSIGN(auto done, (co_await context.replicate->apply_for<fsm::variable_outcome, fsm::command_type::variable_apply>(command)));
  const auto& [index, outcome] = done;
  out.index = index;
  out.result = outcome.applied ? "ok" : "conflict";
  if (outcome.conflict) {
    CO_TRY_ASSIGN(out.conflict, conflict_of(context, *outcome.conflict));
    if (!may_read(context, request.auth_token, *out.conflict)) out.conflict->items.clear();
  } else if (outcome.written) {
    out.output = shown_without_items<schema::variable>(*outcome.written);
    out.output->items = std::move(v.items);
    if (request.op == "lock-acquire") context.variable_locks->renew(v.namespace_, v.path, v.lock->id);
  }
  co_return out;
}

awaitable<result<schema::variables_renew_lock_response>> renew_lock(server_context& context, schema::variables_renew_lock_request request) {
  if (request.path.empty()) co_return fail(errc::invalid, "missing path");
  if (request.lock_id.empty()) co_return fail(errc::invalid, "missing lock ID");
  auto ns = namespace_of(request);
  auto stored = state::find<table::variables>(context.state(), {ns, request.path, {}});
  if (!stored) co_return fail(errc::not_found, "variable doesn't exist");
  if (!stored->lock) co_return fail(errc::invalid, "variable doesn't hold a lock");
  if (!context.variable_locks->renew(ns, request.path, request.lock_id)) co_return fail(errc::conflict, "attempting to modify locked variable");
  schema::variables_renew_lock_response out;
  out.var_meta = shown_without_items<schema::variable_metadata>(*stored);
  out.index = stored->modify_index;
  co_return out;
}

}  // namespace

void add_variable_methods(rpc::method_table& table, server_context& context) {
  add_read(table, context, "Variables.Read", &read_variable);
  add_read(table, context, "Variables.List", &list_variables);
  add_write(table, context, "Variables.Apply", &apply_variable);
  add_write(table, context, "Variables.RenewLock", &renew_lock);
}

}  // namespace drover::server
