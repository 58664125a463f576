// drover-shim --docker-logs: moves the output of one docker container to its own standard output and error, which the shim that started it
// writes to rotated files.
//
//   drover-shim --docker-logs SOCKET TARGET POSITION [--terminal]
//
// SOCKET is dockerd's unix socket, TARGET the request for the log with timestamps (this program adds since=). POSITION is a file with the
// timestamp of the last message of each stream that was written, so that nothing is lost and nothing is written twice when dockerd or this
// program starts again. Ends with 0 when the container has ended and all was moved, or is gone.
#pragma once

namespace drover::shim {

int collect_docker_logs(int argc, char** argv);

}  // namespace drover::shim
