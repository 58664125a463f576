#include "cli/command/acl_show.h"

#include "base/text.h"
#include "cli/format/table.h"

namespace drover::cli::commands {

std::string go_time(timestamp at) {
  if (at.ns == 0) return "<none>";
  auto text = to_rfc3339(at);
  if (auto t = text.find('T'); t != text.npos) text[t] = ' ';
  if (text.ends_with('Z')) text.pop_back();
  return text + " +0000 UTC";
}

std::string names_of(const std::vector<schema::acl_role_policy_link>& links) {
  std::vector<std::string> names;
  for (const auto& link : links) names.push_back(link.name);
  return join(names, ",");
}

std::string token_text(const schema::acl_token& token) {
  bool is_management = token.type == "management";
  format::pairs p;
  p.add("Accessor ID", token.accessor_id);
  p.add("Secret ID", token.secret_id);
  p.add("Name", token.name);
  p.add("Type", token.type);
  p.add("Global", token.global ? "true" : "false");
  p.add("Create Time", go_time(token.create_time));
  p.add("Expiry Time", token.expiration_time ? go_time(*token.expiration_time) : "<none>");
  p.add("Create Index", std::to_string(token.create_index));
  p.add("Modify Index", std::to_string(token.modify_index));
  p.add("Policies", is_management ? "n/a" : "[" + join(token.policies, " ") + "]");
  if (is_management) p.add("Roles", "n/a");
  auto text = p.text();
  if (is_management) return text;
  text += "\n\nRoles\n";
  if (token.roles.empty()) return text + "<none>";
  format::table t({"ID", "Name"});
  for (const auto& role : token.roles) t.add({role.id, role.name});
  return text + t.text();
}

std::string role_text(const schema::acl_role& role) {
  format::pairs p;
  p.add("ID", role.id);
  p.add("Name", role.name);
  p.add("Description", role.description);
  p.add("Policies", names_of(role.policies));
  p.add("Create Index", std::to_string(role.create_index));
  p.add("Modify Index", std::to_string(role.modify_index));
  return p.text();
}

}  // namespace drover::cli::commands
