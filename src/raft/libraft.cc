#include "raft/libraft.h"

namespace drover::raft {

static errc code_of(int status) {
  switch (status) {
    case RAFT_NOTLEADER:
    case RAFT_LEADERSHIPLOST:
    case RAFT_NOCONNECTION:
    case RAFT_BUSY: return errc::unavailable;
    case RAFT_CANTCHANGE:
    case RAFT_DUPLICATEID:
    case RAFT_DUPLICATEADDRESS:
    case RAFT_CANTBOOTSTRAP: return errc::conflict;
    case RAFT_BADID:
    case RAFT_BADROLE:
    case RAFT_INVALID:
    case RAFT_NAMETOOLONG: return errc::invalid;
    case RAFT_NOTFOUND: return errc::not_found;
    case RAFT_TOOBIG: return errc::too_large;
    case RAFT_SHUTDOWN:
    case RAFT_CANCELED: return errc::cancelled;
    case RAFT_CORRUPT:
    case RAFT_MALFORMED: return errc::corrupt;
    case RAFT_UNAUTHORIZED: return errc::permission_denied;
    case RAFT_IOERR:
    case RAFT_NOSPACE:
    case RAFT_TOOMANY: return errc::io;
    default: return errc::unknown;
  }
}

error libraft_error(int status, std::string_view doing, const char* detail) {
  std::string reason = detail != nullptr && *detail != '\0' ? detail : raft_strerror(status);
  return error(code_of(status), fmt::format("{}: {}", doing, reason));
}

}  // namespace drover::raft
