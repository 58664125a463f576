// How Go marshals a time (time.Time.MarshalBinary): version 1, seconds since year 1, nanoseconds, offset in minutes (-1: UTC). Not for other rooms.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drover::codec::detail {

constexpr int64_t year_one_to_epoch = 62135596800;
constexpr size_t go_time_size = 15;

}  // namespace drover::codec::detail
