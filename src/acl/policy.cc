#include "acl/policy.h"

#include <algorithm>
#include <memory>

#include "acl/limits.h"
#include "base/text.h"
#include "hcl/decode.h"
#include "hcl/eval.h"
#include "hcl/parser.h"

namespace drover::acl {
namespace {

// One word of a rule and what it stands for.
struct word {
  std::string_view name;
  uint8_t bits;
};
constexpr uint8_t bits(auto... each) { return static_cast<uint8_t>((static_cast<unsigned>(each) | ...)); }

using vc = variable_capability;
constexpr word variable_words[] = {{"list", bits(vc::list)}, {"read", bits(vc::read, vc::list)}, {"write", bits(vc::write)}, {"destroy", bits(vc::destroy)}};
using pc = pool_capability;
constexpr word pool_words[] = {{"read", bits(pc::read)}, {"write", bits(pc::write)}, {"delete", bits(pc::delete_)}};
constexpr word pool_policies[] = {{"read", bits(pc::read)}, {"write", bits(pc::read, pc::write, pc::delete_)}};
using hc = volume_capability;
constexpr word volume_words[] = {{"mount-readonly", bits(hc::mount_readonly)}, {"mount-readwrite", bits(hc::mount_readonly, hc::mount_readwrite)}};
constexpr word volume_policies[] = {{"read", bits(hc::mount_readonly)}, {"write", bits(hc::mount_readonly, hc::mount_readwrite)}};
using oc = operator_capability;
constexpr word operator_words[] = {{"snapshot-save", bits(oc::snapshot_save)},
                                   {"license-read", bits(oc::license_read)},
                                   {"keyring-read", bits(oc::keyring_read)},
                                   {"keyring-rotate", bits(oc::keyring_rotate)},
                                   {"keyring-delete", bits(oc::keyring_delete)}};
constexpr word operator_policies[] = {{"read", bits(oc::license_read, oc::keyring_read)},
                                      {"write", bits(oc::license_read, oc::keyring_read, oc::snapshot_save, oc::keyring_rotate, oc::keyring_delete)}};

struct words {
  std::span<const word> all;
  const word* find(std::string_view name) const {
    auto it = std::ranges::find(all, name, &word::name);
    return it == all.end() ? nullptr : &*it;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out{"deny"};
    for (const auto& each : all) out.emplace_back(each.name);
    return out;
  }
};

class reader {
 public:
  explicit reader(hcl::diagnostics& problems) : problems_(problems) {}

  policy read(hcl::decoder& d) {
    policy out;
    for (const auto& block : d.blocks("namespace", 1)) out.namespaces.push_back(read_namespace(block));
    for (const auto& block : d.blocks("node_pool", 1)) out.node_pools.push_back(read_pattern(block, {pool_words}, {pool_policies}));
    for (const auto& block : d.blocks("host_volume", 1)) out.host_volumes.push_back(read_pattern(block, {volume_words}, {volume_policies}));
    out.agent = read_level(d, "agent");
    out.node = read_level(d, "node");
    out.quota = read_level(d, "quota");
    out.plugin = read_level(d, "plugin");
    read_operator(d, out);
    // A rule of the Enterprise edition: understood, without effect here.
    if (auto block = d.block("sentinel")) {
      hcl::decoder inner(*block, problems_);
      inner.ignore("policy");
      inner.ignore("capabilities");
      inner.finish();
      ++rules_;
    }
    d.finish();
    if (rules_ == 0 && !problems_.has_errors())
      d.error(d.where(), "Invalid policy", "The policy has no rule: give it a namespace, node, agent or other block.");
    if (rules_ > rules_max) d.error(d.where(), "Invalid policy", fmt::format("The policy has {} rules; at most {} are allowed.", rules_, rules_max));
    return out;
  }

 private:
  std::string pattern_of(const hcl::block_instance& block, hcl::decoder& d) {
    const auto& text = block.labels.front().text;
    if (text.empty() || text.size() > pattern_bytes_max)
      d.error(d.where(), "Invalid policy", fmt::format("A pattern must have 1 to {} bytes, this one has {}.", pattern_bytes_max, text.size()));
    ++rules_;
    return text;
  }

  // What no name can match is a slip of the pen, not a rule.
  std::string name_pattern_of(const hcl::block_instance& block, hcl::decoder& d) {
    auto text = pattern_of(block, d);
    bool fits =
        text.size() <= name_pattern_bytes_max && std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '*'; });
    if (!fits && text.size() <= pattern_bytes_max)
      d.error(d.where(), "Invalid policy",
              fmt::format("{} matches no name: write up to {} letters, digits, \"-\" and \"_\", with \"*\" for any text.", hcl::quoted(text),
                          name_pattern_bytes_max));
    return text;
  }

  void unknown(hcl::decoder& d, std::string_view name, std::string_view word, const std::vector<std::string>& known) {
    d.error(d.where(name), "Invalid policy", fmt::format("{} is not one of {}.", hcl::quoted(word), join(known, ", ")), hcl::suggest(word, known));
  }

  // policy = "..." and capabilities = [...], both optional.
  void read_words(hcl::decoder& d, words capabilities, words policies, uint8_t& allowed, bool& denied) {
    if (auto text = d.text("policy")) {
      const auto* found = policies.find(*text);
      if (*text == "deny") denied = true;
      else if (found != nullptr) allowed |= found->bits;
      else unknown(d, "policy", *text, policies.names());
    }
    for (const auto& text : d.texts("capabilities").value_or(std::vector<std::string>())) {
      const auto* found = capabilities.find(text);
      if (text == "deny") denied = true;
      else if (found != nullptr) allowed |= found->bits;
      else unknown(d, "capabilities", text, capabilities.names());
    }
  }

  namespace_rule read_namespace(const hcl::block_instance& block) {
    hcl::decoder d(block, problems_);
    namespace_rule rule{.pattern = name_pattern_of(block, d)};
    if (auto text = d.text("policy")) {
      auto set = namespace_policy(*text);
      if (*text == "deny") rule.denied = true;
      else if (set) rule.allowed |= *set;
      else unknown(d, "policy", *text, {"deny", "read", "write", "scale"});
    }
    for (const auto& text : d.texts("capabilities").value_or(std::vector<std::string>())) {
      auto found = capability_named(text);
      if (text == "deny") rule.denied = true;
      else if (found) rule.allowed.set(static_cast<size_t>(*found));
      else unknown(d, "capabilities", text, all_capabilities());
    }
    rule.allowed = with_implied(rule.allowed);
    for (const auto& variables : d.blocks("variables")) read_variables(variables, rule);
    d.finish();
    return rule;
  }

  void read_variables(const hcl::block_instance& block, namespace_rule& rule) {
    hcl::decoder d(block, problems_);
    for (const auto& path : d.blocks("path", 1)) {
      hcl::decoder p(path, problems_);
      variable_rule made{.path = pattern_of(path, p)};
      if (made.path.starts_with('/'))
        p.error(p.where(), "Invalid policy", fmt::format("{} begins with a slash; paths of variables do not.", hcl::quoted(made.path)));
      read_words(p, {variable_words}, {}, made.allowed, made.denied);
      p.finish();
      rule.variables.push_back(std::move(made));
    }
    if (rule.variables.empty()) d.error(d.where(), "Invalid policy", "The variables block has no path: write path \"app/*\" { capabilities = [\"read\"] }.");
    d.finish();
  }

  pattern_rule read_pattern(const hcl::block_instance& block, words capabilities, words policies) {
    hcl::decoder d(block, problems_);
    pattern_rule rule{.pattern = name_pattern_of(block, d)};
    read_words(d, capabilities, policies, rule.allowed, rule.denied);
    d.finish();
    return rule;
  }

  level read_level(hcl::decoder& d, std::string_view name) {
    auto block = d.block(name);
    if (!block) return level::none;
    ++rules_;
    hcl::decoder inner(*block, problems_);
    auto text = inner.text("policy").value_or("");
    inner.finish();
    if (text == "deny") return level::deny;
    if (text == "read") return level::read;
    if (name == "plugin" && text == "list") return level::list;
    if (name != "plugin" && text == "write") return level::write;
    unknown(inner, "policy", text, name == "plugin" ? std::vector<std::string>{"deny", "list", "read"} : std::vector<std::string>{"deny", "read", "write"});
    return level::none;
  }

  void read_operator(hcl::decoder& d, policy& out) {
    auto block = d.block("operator");
    if (!block) return;
    ++rules_;
    hcl::decoder inner(*block, problems_);
    if (auto text = inner.text("policy")) out.operator_ = *text == "deny" ? level::deny : *text == "write" ? level::write : level::read;
    read_words(inner, {operator_words}, {operator_policies}, out.operator_allowed, out.operator_denied);
    inner.finish();
  }

  static std::vector<std::string> all_capabilities() {
    std::vector<std::string> out{"deny"};
    for (size_t i = 0; i < static_cast<size_t>(capability::count_); ++i) out.emplace_back(name(static_cast<capability>(i)));
    return out;
  }

  hcl::diagnostics& problems_;
  size_t rules_ = 0;
};

}  // namespace

result<policy> parse_policy(std::string name, std::string rules) {
  if (rules.size() > policy_bytes_max)
    return fail(errc::too_large, "the rules of policy \"{}\" have {} bytes; at most {} are allowed", name, rules.size(), policy_bytes_max);
  auto parsed = hcl::parse_any(name, std::move(rules), hcl::argument_lines::many_a_line);
  auto problems = std::move(parsed.problems);
  if (problems.has_errors()) return std::unexpected(problems.to_error());
  hcl::decoder d(parsed.root, std::make_shared<const hcl::eval_context>(), problems);
  auto out = reader(problems).read(d);
  if (problems.has_errors()) return std::unexpected(problems.to_error());
  return out;
}

bool is_policy_name(std::string_view name) {
  if (name.empty() || name.size() > 128) return false;
  return std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '-'; });
}

policy workload_policy(const std::string& namespace_, const std::string& job_id, const std::string& group, const std::string& task) {
  policy out;
  auto& rule = out.namespaces.emplace_back(namespace_rule{.pattern = namespace_});
  std::string path = "nomad/jobs";
  auto own = [&] { rule.variables.push_back({.path = path, .allowed = bits(vc::read, vc::list)}); };
  own();
  for (const auto* part : {&job_id, &group, &task}) {
    if (part->empty()) break;
    path += "/" + *part;
    own();
  }
  return out;
}

}  // namespace drover::acl
