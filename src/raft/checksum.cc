// Stands in for libraft's own checksum, which takes a byte at a time: every entry that is written goes through it. The linker leads libraft's
// calls here (--wrap in CMakeLists.txt).
#include "raft/crc32.h"

extern "C" unsigned __wrap_byteCrc32(const void* data, size_t size, unsigned start);

unsigned __wrap_byteCrc32(const void* data, size_t size, unsigned start) { return drover::raft::crc32(data, size, start); }
