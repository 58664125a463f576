// Where a test finds files of the source tree. Tests only: the value is linked into test programs (cmake/room.cmake), so that no compiled unit
// contains the path of this clone.
#pragma once

namespace drover {

extern const char* const source_dir;

}  // namespace drover
