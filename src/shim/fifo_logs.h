// `drover-shim --fifo-logs OUT ERR`: moves what comes through two FIFOs to standard output and standard error, from where the shim beside it
// writes it to rotated files. Writers may come and go any number of times. Ends at SIGTERM, after what is there by then.
#pragma once

namespace drover::shim {

int collect_fifo_logs(int argc, char** argv);

}  // namespace drover::shim
