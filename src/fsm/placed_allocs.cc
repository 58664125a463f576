#include "fsm/placed_allocs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <unordered_map>

#include "base/text.h"
#include "fsm/share_texts.h"
#include "schema/describe_macros.h"

namespace drover::fsm {

using namespace schema;

#define SELF placed_node
DESCRIBE(placed_node, "PlacedNode", BASES(), FIELD(id), FIELD(name))
#undef SELF

#define SELF placed_allocs
DESCRIBE(placed_allocs, "PlacedAllocs", BASES(), FIELD(like), FIELD(nodes), FIELD(resources), FIELD(metrics), FIELD(previous), FIELD(members))
#undef SELF

namespace {

using raw_id = std::array<uint8_t, 16>;

struct member {
  raw_id id;
  uint32_t node = 0, name = 0, resources = 0, metrics = 0, previous = 0;
};
constexpr size_t number_bytes = 4;
constexpr size_t member_bytes = 16 + 5 * number_bytes;

constexpr bool is_dash(size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

// Only what write_id() gives back as it is.
std::optional<raw_id> read_id(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  raw_id out;
  size_t digits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_dash(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int digit = hex_digit(text[i]);
    if (digit < 0) return std::nullopt;
    auto& byte = out[digits++ / 2];
    byte = static_cast<uint8_t>(digits % 2 == 1 ? digit << 4 : byte | digit);
  }
  return out;
}

std::string write_id(const char* raw) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out(36, '-');
  for (size_t at = 0, digits = 0; at < out.size(); ++at) {
    if (is_dash(at)) continue;
    const auto byte = static_cast<uint8_t>(raw[digits / 2]);
    out[at] = hex[digits++ % 2 == 0 ? byte >> 4 : byte & 15];
  }
  return out;
}

std::string prefix_of(const allocation& like) { return fmt::format("{}.{}[", like.job_id, like.task_group); }

// The number in "job.group[number]", if the name is exactly that.
std::optional<uint32_t> name_number(const std::string& name, std::string_view prefix) {
  if (!name.starts_with(prefix) || !name.ends_with(']')) return std::nullopt;
  const auto digits = std::string_view(name).substr(prefix.size(), name.size() - prefix.size() - 1);
  const auto number = parse_uint(digits);
  if (!number || *number > UINT32_MAX || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
  return static_cast<uint32_t>(*number);
}

// Nothing but what a scheduler gives a new allocation: everything else is as in a new record.
bool is_plain(const allocation& a) {
  const auto& t = a.desired_transition;
  return a.create_index == 0 && a.modify_index == 0 && a.alloc_modify_index == 0 && !a.resources && !a.shared_resources && a.task_resources.empty() &&
         a.desired_description.empty() && a.client_description.empty() && a.task_states.empty() && a.alloc_states.empty() && a.next_allocation.empty() &&
         !a.network_status && a.followup_eval_id.empty() && a.preempted_allocations.empty() && a.preempted_by_allocation.empty() &&
         a.signed_identities.empty() && a.signing_key_id.empty() && !t.migrate && !t.reschedule && !t.force_reschedule && !t.no_shutdown_delay &&
         !t.migrate_disable_placement;
}

bool same_status(const schema::boxed<alloc_deployment_status>& a, const schema::boxed<alloc_deployment_status>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->healthy == b->healthy && a->timestamp == b->timestamp && a->canary == b->canary && a->modify_index == b->modify_index;
}

// Of two that are plain.
bool alike(const allocation& a, const allocation& b) {
  return a.task_group == b.task_group && a.job_id == b.job_id && a.job == b.job && a.eval_id == b.eval_id && a.namespace_ == b.namespace_ &&
         a.deployment_id == b.deployment_id && same_status(a.deployment_status, b.deployment_status) && a.reschedule_tracker == b.reschedule_tracker &&
         a.desired_status == b.desired_status && a.client_status == b.client_status && a.create_time == b.create_time && a.modify_time == b.modify_time;
}

// Collects one placed_allocs.
class packer {
 public:
  explicit packer(const ref<allocation>& first) : first_(first), prefix_(prefix_of(*first)) {}

  bool takes(const allocation& a) const { return alike(*first_, a); }
  // False: its id or name is not of our making.
  bool add(const ref<allocation>& alloc) {
    const auto& a = *alloc;
    const auto id = read_id(a.id);
    const auto name = name_number(a.name, prefix_);
    if (!id || !name) return false;
    member m{.id = *id,
             .node = node_number(a),
             .name = *name,
             .resources = number_of(out_.resources, resources_, a.allocated_resources),
             .metrics = number_of(out_.metrics, metrics_, a.metrics)};
    if (!a.previous_allocation.empty()) {
      out_.previous.push_back(a.previous_allocation);
      m.previous = static_cast<uint32_t>(out_.previous.size());
    }
    members_.push_back(m);
    packed_.push_back(alloc);
    return true;
  }
  const std::vector<ref<allocation>>& packed() const { return packed_; }

  placed_allocs finish() {
    auto like = *first_;
    like.id.clear(), like.name.clear(), like.node_id.clear(), like.node_name.clear(), like.previous_allocation.clear();
    like.allocated_resources = nullptr;
    like.metrics = nullptr;
    out_.like = share(std::move(like));
    // In order they go into neighbouring leaves of every tree that orders by id.
    std::ranges::sort(members_, {}, &member::id);
    auto& to = out_.members.data;
    to.resize(members_.size() * member_bytes);
    auto* at = to.data();
    for (const auto& m : members_) {
      std::memcpy(at, m.id.data(), m.id.size());
      at += m.id.size();
      for (auto number : {m.node, m.name, m.resources, m.metrics, m.previous})
        for (size_t i = 0; i < number_bytes; ++i) *at++ = static_cast<char>(number >> (8 * i) & 0xff);
    }
    return std::move(out_);
  }

 private:
  // A plan lists its allocations node by node.
  uint32_t node_number(const allocation& a) {
    if (!packed_.empty() && a.node_id.same_copy(packed_.back()->node_id)) return members_.back().node;
    auto [it, fresh] = nodes_.try_emplace(a.node_id, static_cast<uint32_t>(out_.nodes.size()));
    if (fresh) out_.nodes.push_back({a.node_id, a.node_name});
    return it->second;
  }
  template <class T>
  static uint32_t number_of(std::vector<ref<T>>& all, std::unordered_map<const T*, uint32_t>& known, const ref<T>& one) {
    if (!one) return 0;
    if (!all.empty() && all.back() == one) return static_cast<uint32_t>(all.size());
    auto [it, fresh] = known.try_emplace(one.get(), static_cast<uint32_t>(all.size() + 1));
    if (fresh) all.push_back(one);
    return it->second;
  }

  ref<allocation> first_;
  std::string prefix_;
  placed_allocs out_;
  std::vector<member> members_;
  std::vector<ref<allocation>> packed_;
  std::unordered_map<std::string_view, uint32_t> nodes_;  // views into allocations that packed_ keeps
  std::unordered_map<const allocated_resources*, uint32_t> resources_;
  std::unordered_map<const alloc_metric*, uint32_t> metrics_;
};

// A plan's allocations differ by group and by little else: more kinds than these are stored one by one.
constexpr size_t kinds_max = 64;

uint32_t number_at(const char* at) {
  uint32_t n = 0;
  for (size_t i = number_bytes; i-- > 0;) n = n << 8 | static_cast<uint8_t>(at[i]);
  return n;
}

}  // namespace

std::vector<placed_allocs> pack_placed(std::span<const ref<allocation>> allocs, std::vector<ref<allocation>>& rest) {
  std::vector<packer> kinds;
  for (const auto& alloc : allocs) {
    if (!is_plain(*alloc)) {
      rest.push_back(alloc);
      continue;
    }
    auto kind = std::ranges::find_if(kinds, [&](const packer& p) { return p.takes(*alloc); });
    if (kind == kinds.end() && kinds.size() < kinds_max) kind = kinds.emplace(kinds.end(), alloc);
    if (kind == kinds.end() || !kind->add(alloc)) rest.push_back(alloc);
  }
  std::vector<placed_allocs> out;
  for (auto& kind : kinds) {
    if (kind.packed().size() > 1) out.push_back(kind.finish());
    else rest.insert(rest.end(), kind.packed().begin(), kind.packed().end());
  }
  return out;
}

size_t size_of(const placed_allocs& placed) { return placed.members.size() / member_bytes; }

result<> visit_placed(const placed_allocs& placed, const std::function<result<>(allocation&&)>& each) {
  if (!placed.like || placed.members.size() % member_bytes != 0) return fail(errc::corrupt, "the placed allocations of a plan are cut");
  const auto prefix = prefix_of(*placed.like);
  std::vector<std::pair<shared_text, shared_text>> nodes;
  nodes.reserve(placed.nodes.size());
  for (const auto& node : placed.nodes) nodes.emplace_back(shared_text::interned(node.id), shared_text::interned(node.name));
  auto like = *placed.like;
  share_texts(like);
  for (const char *at = placed.members.data.data(), *end = at + placed.members.size(); at < end; at += member_bytes) {
    const char* numbers = at + 16;
    const auto node = number_at(numbers), name = number_at(numbers + 4), resources = number_at(numbers + 8), metrics = number_at(numbers + 12),
               previous = number_at(numbers + 16);
    if (node >= placed.nodes.size() || resources > placed.resources.size() || metrics > placed.metrics.size() || previous > placed.previous.size()) {
      return fail(errc::corrupt, "a placed allocation of a plan refers to what the plan does not have");
    }
    auto alloc = like;
    alloc.id = write_id(at);
    alloc.name = fmt::format("{}{}]", prefix, name);
    alloc.node_id = nodes[node].first;
    alloc.node_name = nodes[node].second;
    if (resources > 0) alloc.allocated_resources = placed.resources[resources - 1];
    if (metrics > 0) alloc.metrics = placed.metrics[metrics - 1];
    if (previous > 0) alloc.previous_allocation = placed.previous[previous - 1];
    TRY(each(std::move(alloc)));
  }
  return {};
}

}  // namespace drover::fsm
