#include "cli/namespace_file.h"

#include "hcl/decode.h"
#include "hcl/parser.h"

namespace drover::cli {
namespace {

using texts = std::vector<std::string>;

// What jobs of a namespace may name, of node pools, of Vault's and of Consul's clusters: described alike.
template <class Rules>
std::optional<Rules> read_choice(hcl::decoder& file, std::string_view name) {
  auto block = file.block(name);
  if (!block) return std::nullopt;
  hcl::decoder d(*block, file.problems());
  Rules out{.default_ = d.text("default").value_or(""), .allowed = d.texts("allowed").value_or(texts()), .denied = d.texts("denied").value_or(texts())};
  d.finish();
  return out;
}

std::optional<schema::namespace_capabilities> read_capabilities(hcl::decoder& file) {
  auto block = file.block("capabilities");
  if (!block) return std::nullopt;
  hcl::decoder d(*block, file.problems());
  schema::namespace_capabilities out{.enabled_task_drivers = d.texts("enabled_task_drivers").value_or(texts()),
                                     .disabled_task_drivers = d.texts("disabled_task_drivers").value_or(texts()),
                                     .enabled_network_modes = d.texts("enabled_network_modes").value_or(texts()),
                                     .disabled_network_modes = d.texts("disabled_network_modes").value_or(texts())};
  d.finish();
  return out;
}

std::map<std::string, std::string> read_map(hcl::decoder& file, std::string_view name) {
  auto pairs = file.text_map(name);
  return pairs ? std::map<std::string, std::string>(pairs->begin(), pairs->end()) : std::map<std::string, std::string>();
}

}  // namespace

result<schema::namespace_definition> parse_namespace(std::string name, std::string text) {
  auto parsed = hcl::parse_any(std::move(name), std::move(text), hcl::argument_lines::many_a_line);
  auto problems = std::move(parsed.problems);
  schema::namespace_definition out;
  if (!problems.has_errors()) {
    hcl::decoder d(parsed.root, std::make_shared<const hcl::eval_context>(), problems);
    out.name = d.text("name").value_or("");
    if (out.name.empty() && !problems.has_errors()) d.error(d.where("name"), "Missing name", "The file names no namespace.", "Write name = \"dev\".");
    out.description = d.text("description").value_or("");
    out.quota = d.text("quota").value_or("");
    out.capabilities = read_capabilities(d);
    out.node_pool_configuration = read_choice<schema::namespace_node_pool_configuration>(d, "node_pool_config");
    out.vault_configuration = read_choice<schema::namespace_vault_configuration>(d, "vault");
    out.consul_configuration = read_choice<schema::namespace_consul_configuration>(d, "consul");
    out.meta = read_map(d, "meta");
    out.required_extra_claims = read_map(d, "required_extra_claims");
    out.optional_extra_claims = read_map(d, "optional_extra_claims");
    d.finish();
  }
  if (problems.has_errors()) return std::unexpected(problems.to_error());
  return out;
}

}  // namespace drover::cli
