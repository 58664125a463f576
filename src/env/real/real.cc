#include <sys/random.h>

#include <chrono>

#include "base/ensure.h"
#include "env/clock.h"
#include "env/random.h"

namespace drover::env {
namespace {

class machine_clock : public clock {
 public:
  timestamp now() const override {
    return timestamp(std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
  }
};

class machine_random : public random {
 public:
  void fill(void* out, size_t size) override {
    // Up to 256 bytes getrandom() never fails or falls short once the pool is ready (getrandom(2)).
    ENSURE(getrandom(out, size, 0) == static_cast<ssize_t>(size), "the kernel's random generator fails");
  }
};

}  // namespace

const clock& real_clock() {
  static const machine_clock c;
  return c;
}

random& real_random() {
  static machine_random r;
  return r;
}

}  // namespace drover::env
