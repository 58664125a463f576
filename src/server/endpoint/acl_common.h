// What the ACL.* methods have in common.
#pragma once

#include <string>

#include "schema/acl.h"
#include "server/reads.h"
#include "server/replicator.h"
#include "state/tables.h"

namespace drover::server {

// errc::invalid with ACLs off, as Nomad answers.
result<> need_acl(const server_context& context);
result<> need_acl(const server_options& options);

// Reads of what there is only with ACLs: add_acl_read<&get_policy>(table, context, "ACL.GetPolicy").
template <auto function, class Request, class Response>
void add_acl_read_of(rpc::method_table& table, server_context& context, std::string name, read_function<Request, Response>) {
  add_read<Request, Response>(table, context, std::move(name), [](const read& r, const Request& request, Response& out) -> result<> {
    TRY(need_acl(*r.options));
    return function(r, request, out);
  });
}
template <auto function>
void add_acl_read(rpc::method_table& table, server_context& context, std::string name) {
  add_acl_read_of<function>(table, context, std::move(name), function);
}

// A change of what every region shares goes to the authoritative region, whichever region was asked.
template <class Request>
void to_authoritative_region(const server_context& context, Request& request) {
  const auto& acl = context.options.acl;
  if (acl.enabled && !acl.authoritative_region.empty()) request.region = acl.authoritative_region;
}

template <class Request, class Response>
void add_authoritative_write(rpc::method_table& table, server_context& context, std::string name, write_function<Request, Response> function) {
  auto method = method_of<Request>(context, name);
  table.add<Request, Response>(name, [&context, method, function](rpc::call_context call, Request request) {
    to_authoritative_region(context, request);
    return finish_write<Request, Response>(context, as_called(method, call), function, std::move(request));
  });
}

// Of what was given, in the form of Nomad's hashes: any change of these parts changes it.
bytes hash_of(std::initializer_list<std::string_view> parts);

constexpr size_t acl_description_bytes_max = 256;
constexpr size_t acl_name_bytes_max = 256;

}  // namespace drover::server
