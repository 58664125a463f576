// Rules of policies, as operators (and those who guess) write them: policy_fuzz [corpus] [-max_total_time=300].
#include <cstdint>

#include "acl/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)drover::acl::parse_policy("fuzz", std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
