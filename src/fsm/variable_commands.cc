// Variables and the root keys that seal them. Nothing here sees what is sealed.
#include "fsm/apply.h"
#include "fsm/upsert.h"

namespace drover::fsm {

namespace {

using stored_variable = ref<state::sealed_variable>;

// What may be told of a variable that is locked by somebody else, or that is not there.
variable_outcome conflict_without_data(const state::sealed_variable& wanted) {
  state::sealed_variable empty;
  empty.namespace_ = wanted.namespace_;
  empty.path = wanted.path;
  return {.conflict = std::make_shared<const state::sealed_variable>(std::move(empty))};
}

bool is_locked_by_another(const stored_variable& stored, const state::sealed_variable& wanted) {
  return stored && stored->lock && (!wanted.lock || wanted.lock->id != stored->lock->id);
}

state::table_key key_of(const state::sealed_variable& v) { return {v.namespace_, v.path, {}}; }

// `locks`: the request's lock is taken; otherwise it only shows that the caller holds the one that is there.
result<std::any> set_variable(context& c, state::sealed_variable wanted, const stored_variable& stored, bool locks) {
  if (is_locked_by_another(stored, wanted)) return conflict_without_data(wanted);
  if (!locks) {
    // A holder whose lock has ended must hear of it.
    if (wanted.lock && (!stored || !stored->lock)) return conflict_without_data(wanted);
    if (stored) wanted.lock = stored->lock;
  }
  // The key may have been removed while the request was on its way.
  if (!wanted.key_id.empty() && !state::find<table::root_keys>(c.state(), {wanted.key_id, {}, {}}))
    return fail(errc::unavailable, "the variable was sealed with root key {}, which has been removed meanwhile; try again", wanted.key_id);
  if (stored) wanted.create_time = stored->create_time;
  upsert<table::variables>(c, wanted, key_of(wanted));
  return variable_outcome{.applied = true, .written = state::find<table::variables>(c.state(), key_of(wanted))};
}

result<std::any> delete_variable(context& c, const state::sealed_variable& wanted, const stored_variable& stored) {
  if (is_locked_by_another(stored, wanted)) return conflict_without_data(wanted);
  c.erase<table::variables>(key_of(wanted));
  return variable_outcome{.applied = true};
}

result<std::any> release_lock(context& c, const state::sealed_variable& wanted, const stored_variable& stored) {
  if (!stored) return fail(errc::invalid, "variable doesn't exist");
  if (!stored->lock || stored->lock->id.empty()) return fail(errc::invalid, "variable doesn't hold a lock");
  if (is_locked_by_another(stored, wanted)) return conflict_without_data(wanted);
  auto released = *stored;
  released.lock.reset();
  upsert<table::variables>(c, released, key_of(released));
  return variable_outcome{.applied = true, .written = state::find<table::variables>(c.state(), key_of(released))};
}

}  // namespace

result<std::any> apply_variable_apply(context& c, const variable_apply_request& request) {
  auto wanted = request.var;
  wanted.namespace_ = namespace_of(wanted.namespace_);
  const auto stored = state::find<table::variables>(c.state(), key_of(wanted));
  const bool checks = request.op == "cas" || request.op == "delete-cas";
  if (checks && (stored ? stored->modify_index : 0) != wanted.modify_index) {
    if (!stored) return conflict_without_data(wanted);
    return variable_outcome{.conflict = stored};
  }
  const bool locks = request.op == "lock-acquire";
  if (request.op == "set" || request.op == "cas" || locks) return set_variable(c, std::move(wanted), stored, locks);
  if (request.op == "delete" || request.op == "delete-cas") return delete_variable(c, wanted, stored);
  if (request.op == "lock-release") return release_lock(c, wanted, stored);
  return fail(errc::invalid, "unknown variable operation \"{}\"; it is set, cas, delete, delete-cas, lock-acquire or lock-release", request.op);
}

result<std::any> apply_root_key_upsert(context& c, const root_key_upsert_request& request) {
  // One key is active at a time: the one it replaces still opens what it sealed.
  std::vector<ref<state::root_key>> replaced;
  if (request.key.state == "active") {
    state::visit<table::root_keys>(c.state(), state::starting({}), [&](const auto& key) {
      const bool changes = key->state == "active" || (request.rekey && key->state == "inactive");
      if (changes && key->key_id != request.key.key_id) replaced.push_back(key);
      return true;
    });
  }
  for (const auto& key : replaced) {
    auto old = *key;
    old.state = request.rekey ? "rekeying" : "inactive";
    upsert<table::root_keys>(c, old, {old.key_id, {}, {}});
  }
  upsert<table::root_keys>(c, request.key, {request.key.key_id, {}, {}});
  return std::any();
}

result<std::any> apply_root_key_delete(context& c, const root_key_delete_request& request) {
  const auto stored = state::find<table::root_keys>(c.state(), {request.key_id, {}, {}});
  if (!stored) return fail(errc::not_found, "root key not found");
  if (stored->state == "active") return fail(errc::invalid, "active root key cannot be deleted - call rotate first");
  c.erase<table::root_keys>({request.key_id, {}, {}});
  return std::any();
}

}  // namespace drover::fsm
