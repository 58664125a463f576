// The limits of profile/.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drover::profile {

inline constexpr size_t frames_max = 64;                 // of one stack; what is below is not seen
inline constexpr int samples_per_second = 100;           // of each second that some thread computes
inline constexpr size_t samples_max = 60'000;            // of one CPU profile; those after it are counted, not kept
inline constexpr int seconds_max = 300;                  // of one CPU profile
inline constexpr int64_t heap_sample_bytes = 512 << 10;  // one allocation is looked at for so many bytes allocated, by a thread, on average
inline constexpr size_t heap_stacks_max = 4096;          // different stacks that allocate
inline constexpr size_t heap_blocks_max = 32'768;        // sampled blocks alive at one time
inline constexpr size_t names_file_bytes_max = 1 << 30;  // a program or library whose names are read

}  // namespace drover::profile
