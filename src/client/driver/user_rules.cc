#include "client/driver/user_rules.h"

#include <unistd.h>

#include "base/text.h"
#include "client/exec/isolation.h"

namespace drover::client {

namespace {
std::string text_of(const value& plugin, std::string_view key) {
  auto* v = plugin.find(key);
  auto* text = v ? v->as_string() : nullptr;
  return text ? *text : std::string();
}
}  // namespace

result<bool> in_number_list(const std::string& list, uint32_t number) {
  bool found = false;
  if (trim(list).empty()) return false;
  for (auto part : split(list, ',')) {
    auto dash = part.find('-');
    auto first = parse_uint(trim(part.substr(0, dash)));
    auto last = dash == std::string_view::npos ? first : parse_uint(trim(part.substr(dash + 1)));
    if (!first || !last || *first > *last || *last > UINT32_MAX)
      return fail(errc::invalid, "\"{}\" in \"{}\" is no number and no range such as \"100-200\"", trim(part), list);
    found = found || (number >= *first && number <= *last);
  }
  return found;
}

result<> check_user_allowed(const std::string& driver, const std::string& user, const value& plugin) {
  auto uids = text_of(plugin, "denied_host_uids"), gids = text_of(plugin, "denied_host_gids");
  if (uids.empty() && gids.empty()) return {};
  exec::user_ids ids{.uid = ::geteuid(), .gid = ::getegid(), .groups = {}, .home = {}};
  if (!user.empty()) {
    TRY_ASSIGN(ids, exec::find_user(user));
  }
  auto denied = in_number_list(uids, ids.uid);
  if (!denied) return wrap(denied.error(), fmt::format("denied_host_uids of the {} driver's plugin block", driver));
  if (*denied) return fail(errc::permission_denied, "running as uid {} is disallowed on this client (denied_host_uids of the {} driver)", ids.uid, driver);
  ids.groups.push_back(ids.gid);
  for (auto gid : ids.groups) {
    auto group_denied = in_number_list(gids, gid);
    if (!group_denied) return wrap(group_denied.error(), fmt::format("denied_host_gids of the {} driver's plugin block", driver));
    if (*group_denied) return fail(errc::permission_denied, "running as gid {} is disallowed on this client (denied_host_gids of the {} driver)", gid, driver);
  }
  return {};
}

}  // namespace drover::client
