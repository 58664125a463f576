// The seam to randomness.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace drover::env {

class random {
 public:
  virtual ~random() = default;
  // Requires: size is at most 256.
  virtual void fill(void* out, size_t size) = 0;

  uint64_t number();
  // Uniform in [0, below). Requires: below > 0.
  uint64_t below(uint64_t below);
  // A new id in Nomad's form.
  std::string uuid();
};

// The kernel's generator. Any thread.
random& real_random();

}  // namespace drover::env
