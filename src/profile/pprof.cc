#include "profile/pprof.h"

#include "grpc/protobuf.h"
#include "net/gzip.h"
#include "profile/symbols.h"

namespace drover::profile {
namespace {

using grpc::message_writer;

// Field numbers of the messages Profile, Sample, Mapping, Location and Function.
enum : uint32_t {
  sample_type = 1,
  sample = 2,
  mapping = 3,
  location = 4,
  function = 5,
  string_table = 6,
  time_nanos = 9,
  duration_nanos = 10,
  period_type = 11,
  period = 12,
  default_sample_type = 14
};

// Packed repeated numbers; zeros count too.
std::string packed(std::span<const int64_t> numbers) {
  std::string out;
  for (auto each : numbers) {
    auto rest = static_cast<uint64_t>(each);
    for (; rest >= 0x80; rest >>= 7) out += static_cast<char>(rest | 0x80);
    out += static_cast<char>(rest);
  }
  return out;
}

class encoder {
 public:
  void add(const counted_stack& each) {
    std::vector<int64_t> places;
    bool innermost = true;
    // A return address is behind its call.
    for (auto address : each.stack) places.push_back(place_of(address, innermost ? address : address - 1)), innermost = false;
    for (const auto& word : each.words) places.push_back(place_named(word));
    message_writer out;
    out.message(1, packed(places)).message(2, packed(each.values));
    if (!each.thread.empty()) out.message(3, message_writer().integer(1, text("thread")).integer(2, text(each.thread)));
    samples_.message(sample, out);
  }

  std::string take(const profile_head& head) {
    message_writer out;
    for (const auto& each : head.types) out.message(sample_type, type_of(each));
    std::string whole = out.take() + samples_.take();
    message_writer rest;
    int64_t id = 0;
    for (const auto& each : symbols_.code()) {
      rest.message(mapping, message_writer()
                                .integer(1, ++id)
                                .integer(2, static_cast<int64_t>(each.begin))
                                .integer(3, static_cast<int64_t>(each.end))
                                .integer(4, static_cast<int64_t>(each.offset))
                                .integer(5, text(each.file))
                                .flag(7, true));
    }
    rest.integer(time_nanos, head.when.ns).integer(duration_nanos, head.took.ns).message(period_type, type_of(head.period_type)).integer(period, head.period);
    if (!head.default_type.empty()) rest.integer(default_sample_type, text(head.default_type));
    whole += rest.take() + locations_.take() + functions_.take();
    message_writer texts;
    for (const auto& each : texts_) texts.message(string_table, each);
    return net::gzip(whole + texts.take());
  }

 private:
  message_writer type_of(const value_type& v) { return message_writer().integer(1, text(v.type)).integer(2, text(v.unit)); }

  int64_t text(std::string_view s) {
    auto [at, is_new] = text_ids_.try_emplace(std::string(s), static_cast<int64_t>(texts_.size()));
    if (is_new) texts_.emplace_back(s);
    return at->second;
  }

  int64_t function_of(const std::string& name) {
    auto [at, is_new] = function_ids_.try_emplace(name, static_cast<int64_t>(function_ids_.size()) + 1);
    if (is_new) functions_.message(function, message_writer().integer(1, at->second).integer(2, text(name)).integer(3, text(name)));
    return at->second;
  }

  int64_t place_of(uintptr_t address, uintptr_t inside) {
    auto [at, is_new] = place_ids_.try_emplace(address, ++places_);
    if (!is_new) return at->second;
    message_writer out;
    out.integer(1, at->second).integer(2, symbols_.code_at(inside) + 1).integer(3, static_cast<int64_t>(inside));
    if (auto name = symbols_.name_of(inside); !name.empty()) out.message(4, message_writer().integer(1, function_of(name)));
    locations_.message(location, out);
    return at->second;
  }

  int64_t place_named(const std::string& word) {
    const auto id = ++places_;
    locations_.message(location, message_writer().integer(1, id).message(4, message_writer().integer(1, function_of(word))));
    return id;
  }

  symbols symbols_;
  message_writer samples_, locations_, functions_;
  int64_t places_ = 0;
  std::map<uintptr_t, int64_t> place_ids_;
  std::map<std::string, int64_t> function_ids_;
  // The first text is empty by the format's rule.
  std::map<std::string, int64_t> text_ids_ = {{"", 0}};
  std::vector<std::string> texts_ = {""};
};

}  // namespace

std::string to_pprof(const profile_head& head, std::span<const counted_stack> stacks) {
  encoder out;
  for (const auto& each : stacks) out.add(each);
  return out.take(head);
}

}  // namespace drover::profile
