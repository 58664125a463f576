// Job files as HCL and JSON, and expressions in them: jobspec_fuzz [corpus] [-max_total_time=300].
#include <cstdint>

#include "jobspec/cron.h"
#include "jobspec/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  using namespace drover::jobspec;
  switch (data[0] % 4) {
    case 0: (void)parse({.name = "fuzz.hcl", .text = std::move(text)}); break;
    case 1: (void)parse({.name = "fuzz.hcl.json", .text = std::move(text)}); break;
    case 2: (void)parse_api_json(text); break;
    default: (void)cron::parse(text);
  }
  return 0;
}
