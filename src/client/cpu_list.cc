#include "client/cpu_list.h"

#include <set>

#include "base/text.h"

namespace drover::client {
namespace {

constexpr int64_t cpu_max = 8191;  // the kernel's own limit on x86 (NR_CPUS)

}  // namespace

result<std::vector<uint16_t>> parse_cpu_list(std::string_view text) {
  std::set<uint16_t> out;
  if (trim(text).empty()) return std::vector<uint16_t>();
  for (auto part : split(text, ',')) {
    auto dash = part.find('-');
    auto first = parse_int(trim(part.substr(0, dash)));
    auto last = dash == std::string_view::npos ? first : parse_int(trim(part.substr(dash + 1)));
    if (!first || !last || *first < 0 || *last < *first || *last > cpu_max)
      return fail(errc::invalid, "\"{}\" is no list of processors: write numbers and ranges such as 0-3,8", text);
    for (auto cpu = *first; cpu <= *last; ++cpu) out.insert(static_cast<uint16_t>(cpu));
  }
  return std::vector<uint16_t>(out.begin(), out.end());
}

}  // namespace drover::client
