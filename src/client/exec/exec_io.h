// The streams of an exec session: pipes or a terminal, the task's ends and ours. Internal to the room.
#pragma once

#include <cstdint>

#include "client/exec/files.h"

namespace drover::exec {

struct exec_streams {
  // stdin, stdout, stderr. With a terminal `theirs` are the terminal three times, `ours` its other side twice and
  // nothing.
  unique_fd theirs[3];
  unique_fd ours[3];
};
result<exec_streams> open_streams(bool tty, uint16_t rows, uint16_t columns);

}  // namespace drover::exec
