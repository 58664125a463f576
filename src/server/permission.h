// What each RPC method requires of its caller, as data: one row a method. authority.h asks it wherever a request is answered; the matrix test
// walks it. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "acl/acl.h"
#include "base/result.h"
#include "schema/describe.h"
#include "state/snapshot.h"

namespace drover::server {

struct caller;

enum class need : uint8_t {
  nothing,     // whoever reaches the port
  any_token,   // a token that is known, or a node
  own,         // a token that is known; the method shows others than management only what is theirs
  namespace_,  // one of `any` (or all of `or_all`) in the namespace of the request or of the object it names
  sees,        // anything in the namespace that the request names
  node,        // node rules, `level`
  agent,
  operator_,
  operator_capability,
  quota,
  plugin,
  pool,       // the node pools that the request names
  variables,  // the paths that the request names
  management,
  node_only,    // a client node, by its secret; for itself where the request names a node
  server_only,  // another server, by its certificate where TLS proves names
};

// Whose namespace counts.
enum class of : uint8_t { request, alloc, eval, deployment, job };

struct permission {
  static constexpr size_t capabilities_max = 4;
  std::string_view method;
  need what = need::management;
  acl::capability any[capabilities_max] = {acl::capability::count_, acl::capability::count_, acl::capability::count_, acl::capability::count_};
  acl::capability or_all[2] = {acl::capability::count_, acl::capability::count_};
  of whose = of::request;
  acl::level level = acl::level::none;
  uint8_t bit = 0;  // operator_capability or pool_capability
  // A list: "*" is every namespace that may be seen, and elements of others are left out.
  bool filters = false;
  // A client node may ask this too.
  bool nodes_too = false;
  // A task may ask this of its own namespace, by its identity alone.
  bool workloads_too = false;
  // What more the request's content requires. Null: nothing.
  bool (*also)(const acl::acl& may, const state::snapshot& state, schema::record_view request, std::string_view namespace_) = nullptr;

  // Does `may` have what this row names, in a namespace?
  bool in_namespace(const acl::acl& may, std::string_view namespace_) const;
};

std::span<const permission> permissions();
// Of a method that has no row: management only, so that nothing is open by mistake.
const permission& permission_of(std::string_view method);

}  // namespace drover::server
