// The limits of the docker driver. Each is enforced where it is named.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace drover::client::docker::limits {

inline constexpr size_t answer_bytes_max = 64 * 1024 * 1024;  // of one JSON answer
inline constexpr size_t head_bytes_max = 64 * 1024;           // of an answer that we read ourselves
inline constexpr size_t error_bytes_max = 64 * 1024;          // of a refusal
inline constexpr size_t progress_line_bytes_max = 64 * 1024;  // of a pull
inline constexpr size_t frame_bytes_max = 16 * 1024 * 1024;   // of an exec session
inline constexpr size_t auth_file_bytes_max = 1024 * 1024;
inline constexpr duration ping_interval = seconds(30);  // a dockerd that says nothing is asked whether it is there
inline constexpr duration ping_timeout = seconds(20);
inline constexpr duration retry_first = milliseconds(10);  // one that answers, but not as it should, is tried again, doubling ...
inline constexpr duration retry = seconds(1);              // a dockerd that is not there is tried again, doubling ...
inline constexpr duration retry_max = seconds(15);         // ... up to this
inline constexpr duration start_timeout = minutes(4);      // of creating or starting a container
inline constexpr duration kill_timeout = minutes(5);
inline constexpr duration logs_patience = seconds(10);     // for the rest of the output after the end of a container
inline constexpr duration progress_interval = minutes(2);  // a long pull says how far it is
inline constexpr duration helper_timeout = seconds(30);    // of a credential helper
inline constexpr duration upload_timeout = minutes(30);
inline constexpr int start_attempts = 5;

}  // namespace drover::client::docker::limits
