#include "cli/command/named.h"

#include "cli/format/table.h"
#include "cli/resolve.h"

namespace drover::cli::commands {
namespace {

template <class Record>
std::string table_of(const std::vector<Record>& list) {
  format::table t({"Name", "Description"});
  for (const auto& each : list) t.add({each.name, each.description});
  return t.text();
}

struct kind {
  std::string path, doing, several;
  std::string none;  // what is said of a name that nothing has
};

template <class Record>
result<Record> find(context& c, const kind& k, const std::string& wanted) {
  auto list = c.api.get<std::vector<Record>>(api_request{.path = k.path, .query = {{"prefix", wanted}}});
  if (!list) return context::failed(k.doing, list.error());
  std::vector<std::string> names;
  for (const auto& each : *list) names.push_back(each.name);
  size_t at = 0;
  switch (choose(names, wanted, at)) {
    case match::one: return std::move((*list)[at]);
    case match::none: return fail(errc::not_found, "Error {}: {}", k.doing, k.none);
    case match::many: break;
  }
  return fail(errc::invalid, "Prefix matched multiple {}\n\n{}", k.several, table_of(*list));
}

}  // namespace

result<schema::namespace_definition> find_namespace(context& c, const std::string& wanted) {
  return find<schema::namespace_definition>(c,
                                            {.path = "/v1/namespaces",
                                             .doing = "retrieving namespaces",
                                             .several = "namespaces",
                                             .none = fmt::format("Namespace \"{}\" matched no namespaces", wanted)},
                                            wanted);
}

result<schema::node_pool> find_node_pool(context& c, const std::string& wanted) {
  return find<schema::node_pool>(c,
                                 {.path = "/v1/node/pools",
                                  .doing = "retrieving node pool",
                                  .several = "node pools",
                                  .none = fmt::format("No node pool with prefix \"{}\" found", wanted)},
                                 wanted);
}

}  // namespace drover::cli::commands
