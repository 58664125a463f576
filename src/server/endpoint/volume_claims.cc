// TaskGroupHostVolumeClaim.*: which sticky groups have their data in which dynamic host volume. Claims are made as allocations are placed
// (fsm/volume_claims.h); a person may delete one, and the group's next allocation may go to any volume of that name.
#include "schema/volume.h"
#include "server/endpoint/endpoints.h"
#include "server/reads.h"
#include "server/replicator.h"
#include "state/tables.h"

namespace drover::server {
namespace {

using state::table;

result<> list_claims(const read& r, const schema::task_group_volume_claim_list_request& request, schema::task_group_volume_claim_list_response& out) {
  r.watch(state::watch_table(table::host_volume_claims));
  page on(request);
  auto ns = namespace_of(request);
  auto prefix = ns == "*" ? state::starting({}) : state::within(ns, request.prefix);
  auto asked = [](const std::string& wanted, const std::string& is) { return wanted.empty() || wanted == is; };
  state::visit<table::host_volume_claims>(r.state, prefix, [&](const auto& each) {
    if (!each->id.starts_with(request.prefix) || !r.shows(each->namespace_) || !asked(request.job_id, each->job_id) ||
        !asked(request.task_group, each->task_group_name) || !asked(request.volume_name, each->volume_name))
      return true;
    if (on.takes(each->namespace_ + "." + each->id, *each)) out.claims.push_back(*each);
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::host_volume_claims);
  return {};
}

awaitable<result<schema::task_group_volume_claim_delete_response>> delete_claim(server_context& context,
                                                                                schema::task_group_volume_claim_delete_request request) {
  if (request.claim_id.empty()) co_return fail(errc::invalid, "missing claim ID to delete");
  request.namespace_ = namespace_of(request);
  if (!state::find<table::host_volume_claims>(context.state(), {request.namespace_, request.claim_id, {}}))
    co_return fail(errc::not_found, "task group volume claim does not exist: namespace \"{}\" has none with ID \"{}\"", request.namespace_, request.claim_id);
  request.auth_token.clear();
  schema::task_group_volume_claim_delete_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::host_volume_claim_delete>(request));
  co_return out;
}

}  // namespace

void add_volume_claim_methods(rpc::method_table& table, server_context& context) {
  add_read(table, context, "TaskGroupHostVolumeClaim.List", &list_claims);
  add_write(table, context, "TaskGroupHostVolumeClaim.Delete", &delete_claim);
}

}  // namespace drover::server
