// Who may use what an agent answers by itself (agent/*, jobs/parse ...): the route's `acl` text against the caller's token. What servers answer they
// check themselves (server/authority.h).
//
// An agent with a server looks into that server's state; any other asks its servers what the token means and keeps the answer for a while.
// Loop thread only. Life: as the http_api that owns it.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "acl/acl.h"
#include "api/call.h"
#include "net/loop.h"

namespace drover::api {

class agent_access {
 public:
  explicit agent_access(services& with) : with_(with) {}
  // "Permission denied", "ACL token not found", "ACL token expired". Requires: `c` outlives the call.
  net::awaitable<result<>> check(const call& c);

 private:
  struct known {
    std::shared_ptr<const acl::acl> may;
    net::time_point until;
    timestamp expires{};  // zero: never
  };
  net::awaitable<result<std::shared_ptr<const acl::acl>>> access_of(std::string token);
  net::awaitable<result<known>> ask(std::string token);

  services& with_;
  std::unordered_map<std::string, known> known_;
};

// Does `may` have what the text of a route's column names ("agent:read", "ns:parse-job", "management", "")?
bool has_access(const acl::acl& may, std::string_view needed, std::string_view namespace_);

}  // namespace drover::api
