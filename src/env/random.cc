#include "env/random.h"

#include "base/text.h"

namespace drover::env {

uint64_t random::number() {
  uint64_t n;
  fill(&n, sizeof n);
  return n;
}

uint64_t random::below(uint64_t below) {
  // Lemire's multiplication; the bias of 64 bits over small ranges does not matter to any caller.
  return static_cast<uint64_t>(static_cast<unsigned __int128>(number()) * below >> 64);
}

std::string random::uuid() {
  uint8_t raw[16];
  fill(raw, sizeof raw);
  return format_uuid(raw);
}

}  // namespace drover::env
