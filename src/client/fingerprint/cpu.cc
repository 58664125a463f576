#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "client/cpu_list.h"
#include "client/fingerprint/fingerprint.h"
#include "client/system.h"

namespace drover::client::fingerprint {

namespace {
struct cpu_info {
  std::string model;
  double mhz = 0;
  int cores = 0;
};

cpu_info read_cpu_info() {
  cpu_info out;
  auto text = read_file("/proc/cpuinfo", 16 << 20).value_or("");
  for (auto line : split(text, '\n')) {
    auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    auto key = trim(line.substr(0, colon));
    auto found = trim(line.substr(colon + 1));
    if (key == "processor") ++out.cores;
    else if (key == "model name" && out.model.empty()) out.model = found;
    else if (key == "cpu MHz") out.mhz = std::max(out.mhz, parse_double(found).value_or(0));
  }
  // What the cores can do beats what one of them does just now.
  if (auto khz = parse_double(read_line("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"))) out.mhz = *khz / 1000;
  return out;
}

// Which processors are near which memory. A machine that does not say has one node with all of them.
void add_numa_nodes(schema::shared_text_map& attributes, int cores) {
  const std::string folder = "/sys/devices/system/node/";
  auto nodes = parse_cpu_list(read_line(folder + "online")).value_or(std::vector<uint16_t>());
  if (nodes.empty()) nodes.push_back(0);
  attributes["numa.node.count"] = std::to_string(nodes.size());
  for (auto id : nodes) {
    auto list = read_line(fmt::format("{}node{}/cpulist", folder, id));
    if (list.empty() && nodes.size() == 1) list = cores > 1 ? fmt::format("0-{}", cores - 1) : "0";
    if (!list.empty()) attributes[fmt::format("numa.node{}.cores", id)] = list;
  }
}
}  // namespace

// The processors that a task may have for itself. Lists that are none were refused at start.
std::vector<uint16_t> reservable_cores(const reserved_options& options, int cores) {
  auto kept = parse_cpu_list(options.cores).value_or(std::vector<uint16_t>());
  auto wanted = parse_cpu_list(options.reservable_cores).value_or(std::vector<uint16_t>());
  std::vector<uint16_t> out;
  for (int i = 0; i < cores; ++i) {
    auto core = static_cast<uint16_t>(i);
    if (std::ranges::binary_search(kept, core)) continue;
    if (wanted.empty() || std::ranges::binary_search(wanted, core)) out.push_back(core);
  }
  return out;
}

void cpu(const context& c, schema::node& node) {
  auto info = read_cpu_info();
  if (info.cores == 0) info.cores = std::max(1, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
  // Some virtual machines do not say: a modest guess is better than none.
  auto mhz = static_cast<int64_t>(std::floor(info.mhz > 0 ? info.mhz : 1000));
  auto total = c.options.cpu_total_compute > 0 ? c.options.cpu_total_compute : mhz * info.cores;
  auto& a = node.attributes;
  if (!info.model.empty()) a["cpu.modelname"] = info.model;
  a["cpu.frequency"] = std::to_string(mhz);
  a["cpu.numcores"] = std::to_string(info.cores);
  auto reservable = reservable_cores(c.options.reserved, info.cores);
  a["cpu.reservablecores"] = std::to_string(reservable.size());
  a["cpu.totalcompute"] = std::to_string(total);
  a["cpu.usablecompute"] = std::to_string(std::max<int64_t>(0, total - c.options.reserved.cpu));
  add_numa_nodes(a, info.cores);
  auto& r = node.node_resources->cpu;
  r.cpu_shares = total;
  r.total_cpu_cores = static_cast<uint16_t>(info.cores);
  r.reservable_cpu_cores = std::move(reservable);
}

}  // namespace drover::client::fingerprint
