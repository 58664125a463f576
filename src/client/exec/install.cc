// Puts the supervisor program, which is part of this binary, where it can be executed.
#include <sys/stat.h>

#include <cerrno>

#include "client/exec/executor.h"
#include "client/exec/files.h"
#include "shim/image.h"

namespace drover::exec {
namespace {

// FNV-1a: tells versions apart; nobody is kept from anything by it.
uint64_t fingerprint(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

result<> make_dirs(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0755) < 0 && errno != EEXIST) return fail(system_error(errno, "create directory " + part));
    if (end == path.npos) return {};
  }
}

}  // namespace

result<std::string> install_shim(const std::string& dir) {
  std::string_view image = shim::shim_image();
  std::string path = fmt::format("{}/drover-shim-{:016x}", dir, fingerprint(image));
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 0777) == 0755 && info.st_size == static_cast<off_t>(image.size()))
    return path;
  TRY(make_dirs(dir));
  if (auto written = write_file_atomically(path, image, 0755); !written) return wrap(written.error(), "installing the task supervisor");
  return path;
}

}  // namespace drover::exec
