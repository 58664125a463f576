// ServiceRegistration.*: the instances of services that the cluster itself keeps. Nodes register what they run and remove it when they end
// it; what a node could not remove goes with its allocation (fsm).
#include <algorithm>
#include <set>

#include "base/text.h"
#include "crypto/digest.h"
#include "schema/alloc_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/reads.h"
#include "server/replicator.h"

namespace drover::server {
namespace {

using state::table;

// Of one registered service.
constexpr size_t service_tags_max = 1024;

result<> list_services(const read& r, const schema::service_registration_list_request& request, schema::service_registration_list_response& out) {
  r.watch(state::watch_table(table::services));
  std::map<std::string, std::map<std::string, std::set<std::string>>> tags;
  page on(request);
  r.state.visit_services(namespace_of(request), request.prefix, [&](const ref<schema::service_registration>& service) {
    if (!r.shows(service->namespace_)) return true;
    if (!on.takes(fmt::format("{}.{}", service->namespace_, service->id), *service)) return !on.full();
    auto& of_service = tags[service->namespace_][service->service_name];
    of_service.insert(service->tags.begin(), service->tags.end());
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  for (const auto& [ns, services] : tags) {
    auto& stub = out.services.emplace_back();
    stub.namespace_ = ns;
    for (const auto& [name, all] : services) stub.services.push_back({.service_name = name, .tags = {all.begin(), all.end()}});
  }
  out.index = r.state.index(table::services);
  return {};
}

using registrations = std::vector<ref<schema::service_registration>>;

// Rendezvous hashing (public wire, "choose"): the same key picks the same instances as long as they are there.
std::string rank_of(const schema::service_registration& s, std::string_view key) {
  std::string text;
  for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(static_cast<uint64_t>(s.port) >> shift);
  text += s.alloc_id + s.id + s.namespace_ + s.address + s.service_name;
  for (const auto& tag : s.tags) text += tag;
  return crypto::sha256(text.append(key));
}

// "3|key": the three instances that the key prefers.
result<> choose(registrations& services, std::string_view wanted) {
  auto bar = wanted.find('|');
  auto count = bar == std::string_view::npos ? std::nullopt : parse_uint(wanted.substr(0, bar));
  if (!count || wanted.substr(bar + 1).empty())
    return fail(errc::invalid, "failed to choose services: choose must be in the form '<number>|<key>', not \"{}\"", wanted);
  std::vector<std::pair<std::string, ref<schema::service_registration>>> ranked;
  for (auto& service : services) ranked.emplace_back(rank_of(*service, wanted.substr(bar + 1)), std::move(service));
  std::ranges::sort(ranked, {}, [](const auto& each) -> const std::string& { return each.first; });
  services.clear();
  for (size_t i = 0; i < std::min<size_t>(*count, ranked.size()); ++i) services.push_back(std::move(ranked[i].second));
  return {};
}

result<> get_service(const read& r, const schema::service_registration_by_name_request& request, schema::service_registration_by_name_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_services_named(ns, request.service_name));
  page on(request);
  r.state.visit_services(ns, request.service_name, [&](const ref<schema::service_registration>& service) {
    if (service->service_name != request.service_name) return true;
    if (on.takes(fmt::format("{}.{}", service->namespace_, service->id), *service)) out.services.push_back(service);
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  if (!request.choose.empty()) TRY(choose(out.services, request.choose));
  out.index = r.state.index(table::services);
  return {};
}

result<> check_registration(const schema::service_registration* s) {
  if (s == nullptr || s->id.empty() || s->service_name.empty()) return fail(errc::invalid, "a service registration needs an ID and a service name");
  if (s->address == "0.0.0.0" || s->address == "::" || s->address == "[::]")
    return fail(errc::invalid, "invalid service registration address \"{}\" of \"{}\": others cannot reach it", s->address, s->service_name);
  if (s->port < 0 || s->port > 65535) return fail(errc::invalid, "invalid port {} of service \"{}\"", s->port, s->service_name);
  if (s->tags.size() > service_tags_max)
    return fail(errc::too_large, "service \"{}\" has {} tags; at most {} are kept", s->service_name, s->tags.size(), service_tags_max);
  return {};
}

awaitable<result<schema::service_registration_upsert_response>> upsert_services(server_context& context, schema::service_registration_upsert_request request) {
  for (const auto& service : request.services) CO_TRY(check_registration(service.get()));
  request.auth_token.clear();
  schema::service_registration_upsert_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::service_upsert>(request));
  co_return out;
}

awaitable<result<schema::service_registration_delete_by_id_response>> delete_service(server_context& context,
                                                                                     schema::service_registration_delete_by_id_request request) {
  if (request.id.empty()) co_return fail(errc::invalid, "missing service registration ID");
  request.namespace_ = namespace_of(request);
  request.auth_token.clear();
  schema::service_registration_delete_by_id_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::service_delete_by_id>(request));
  co_return out;
}

}  // namespace

void add_service_methods(rpc::method_table& table, server_context& context) {
  add_read(table, context, "ServiceRegistration.List", &list_services);
  add_read(table, context, "ServiceRegistration.GetService", &get_service);
  add_write(table, context, "ServiceRegistration.Upsert", &upsert_services);
  add_write(table, context, "ServiceRegistration.DeleteByID", &delete_service);
}

}  // namespace drover::server
