#include <algorithm>

#include "base/text.h"
#include "client/fingerprint/fingerprint.h"

namespace drover::client::fingerprint {

namespace {
struct row {
  const char* name;
  void (*run)(const context&, schema::node&);
};
constexpr row table[] = {
    {"arch", &arch},       {"host", &host},     {"cpu", &cpu},       {"memory", &memory},   {"storage", &storage},
    {"network", &network}, {"cloud", &cloud},   {"gpu", &gpu},       {"bridge", &bridge},   {"cni", &cni},
    {"cgroup", &cgroup},   {"signal", &signal}, {"nomad", &release}, {"drivers", &drivers}, {"reserved", &reserved},
};

bool listed(const context& c, const std::string& key, const char* name, bool otherwise) {
  auto it = c.options.options.find(key);
  if (it == c.options.options.end() || trim(it->second).empty()) return otherwise;
  auto names = split(it->second, ',');
  return std::any_of(names.begin(), names.end(), [&](auto n) { return trim(n) == name; });
}
}  // namespace

void run_all(const context& c, schema::node& node) {
  for (auto& fingerprinter : table)
    if (listed(c, "fingerprint.allowlist", fingerprinter.name, true) && !listed(c, "fingerprint.denylist", fingerprinter.name, false))
      fingerprinter.run(c, node);
}

}  // namespace drover::client::fingerprint
