// Every limit of the room that is not a server's setting (validate.h). Reaching one is an error that names it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drover::jobspec {

// Texts that people see.
inline constexpr size_t ui_description_bytes_max = 1000;
inline constexpr size_t check_notes_bytes_max = 255;
inline constexpr size_t service_name_bytes_max = 63;
inline constexpr size_t identity_name_bytes_max = 128;
inline constexpr size_t action_name_bytes_max = 128;
// Resources.
inline constexpr int64_t memory_mb_min = 10;
inline constexpr int64_t cpu_min = 1;
inline constexpr int64_t ephemeral_disk_mb_min = 10;
inline constexpr int64_t port_max = 65535;
// How deep a difference goes into a driver's configuration; what is below is shown as JSON.
inline constexpr size_t diff_depth_max = 64;
// How far ahead a cron expression without a year is looked at.
inline constexpr int cron_years_max = 30;

// What a job, or one group of it, may depend on.
inline constexpr size_t dependencies_max = 64;

}  // namespace drover::jobspec
