#include "schema/describe.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/ensure.h"
#include "base/text.h"

namespace drover::schema {
namespace {

// Words that are capitals on the wire.
constexpr std::pair<std::string_view, std::string_view> initialisms[] = {
    {"id", "ID"},     {"ids", "IDs"},   {"cpu", "CPU"},   {"mb", "MB"},     {"ip", "IP"}, {"dns", "DNS"}, {"http", "HTTP"}, {"url", "URL"}, {"acl", "ACL"},
    {"csi", "CSI"},   {"rpc", "RPC"},   {"tls", "TLS"},   {"ui", "UI"},     {"gc", "GC"}, {"ttl", "TTL"}, {"jwt", "JWT"},   {"tg", "TG"},   {"cni", "CNI"},
    {"cidr", "CIDR"}, {"grpc", "GRPC"}, {"numa", "NUMA"}, {"oidc", "OIDC"}, {"os", "OS"}, {"pid", "PID"}, {"rss", "RSS"},
};

uint32_t hash_ignoring_case(std::string_view text) {
  uint32_t h = 2166136261u;
  for (unsigned char c : text) {
    if (c >= 'A' && c <= 'Z') c |= 0x20;
    h = (h ^ c) * 16777619u;
  }
  return h;
}

}  // namespace

std::string wire_name(std::string_view member) {
  while (!member.empty() && member.back() == '_') member.remove_suffix(1);
  std::string out;
  for (auto word : split(member, '_')) {
    auto found = std::ranges::find(initialisms, word, [](const auto& pair) { return pair.first; });
    if (found != std::end(initialisms)) {
      out += found->second;
    } else if (!word.empty()) {
      out += static_cast<char>(std::toupper(static_cast<unsigned char>(word[0])));
      out += word.substr(1);
    }
  }
  return out;
}

record_info::record_info(std::span<const field_description> fields, std::span<const base_description> bases) {
  for (const auto& base : bases) {
    for (field_info field : base.type().record->fields()) {
      field.offset += base.offset;
      fields_.push_back(std::move(field));
    }
  }
  for (const auto& f : fields) {
    auto name = f.name;
    while (name.back() == '_') name.remove_suffix(1);
    fields_.push_back({std::string(name), f.wire.empty() ? wire_name(f.name) : std::string(f.wire), f.type, f.offset, f.flags});
  }
  std::ranges::sort(fields_, {}, &field_info::wire);
  size_t slots = 4;
  while (slots < fields_.size() * 2) slots *= 2;
  slots_.resize(slots);
  for (size_t i = 0; i < fields_.size(); ++i) {
    ENSURE(find(fields_[i].wire) == nullptr, "two fields of a record share a wire name");
    size_t at = hash_ignoring_case(fields_[i].wire) & (slots - 1);
    while (slots_[at] != 0) at = (at + 1) & (slots - 1);
    slots_[at] = static_cast<uint16_t>(i + 1);
  }
}

const field_info* record_info::find(std::string_view wire) const {
  size_t mask = slots_.size() - 1;
  for (size_t at = hash_ignoring_case(wire) & mask; slots_[at] != 0; at = (at + 1) & mask) {
    const auto& field = fields_[slots_[at] - 1u];
    if (field.wire == wire || equals_ignoring_case(field.wire, wire)) return &field;
  }
  return nullptr;
}

const field_info* record_info::find_member(std::string_view name) const {
  auto found = std::ranges::find(fields_, name, &field_info::name);
  return found == fields_.end() ? nullptr : &*found;
}

}  // namespace drover::schema
