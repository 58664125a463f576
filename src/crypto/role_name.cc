#include "crypto/role_name.h"

#include <algorithm>

#include "base/text.h"

namespace drover::crypto {
namespace {

bool has(std::span<const std::string> names, const std::string& wanted) {
  return std::ranges::any_of(names, [&](const std::string& name) { return equals_ignoring_case(name, wanted); });
}

// A region's name may contain dots itself.
bool has_role(std::string_view name, std::string_view first) {
  constexpr std::string_view last = ".nomad";
  auto lower = to_lower(name);
  return lower.size() > first.size() + last.size() && lower.starts_with(first) && lower.ends_with(last);
}

}  // namespace

std::string role_name(std::string_view role, std::string_view region, std::string_view domain) {
  return std::string(role) + "." + std::string(region) + "." + std::string(domain);
}

bool is_server_of(std::span<const std::string> names, std::string_view region) { return has(names, role_name("server", region)); }

bool is_server_of_any_region(std::span<const std::string> names) {
  return std::ranges::any_of(names, [](const std::string& name) { return has_role(name, "server."); });
}

bool is_client_of(std::span<const std::string> names, std::string_view region) { return has(names, role_name("client", region)); }

std::string telling_name(std::span<const std::string> names) {
  for (std::string_view first : {"server.", "client.", "cli."})
    for (const auto& name : names)
      if (has_role(name, first)) return name;
  return names.empty() ? std::string() : names.front();
}

bool may_connect(std::span<const std::string> names, std::string_view region) { return is_server_of_any_region(names) || is_client_of(names, region); }

}  // namespace drover::crypto
