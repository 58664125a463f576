#include "cli/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace drover::cli {
namespace {

std::unexpected<error> failed(const std::string& path) {
  if (errno == EEXIST) return fail(errc::exists, "file '{}' already exists", path);
  return fail(system_error(errno, fmt::format("Failed to write '{}'", path)));
}

}  // namespace

result<> write_new_file(const std::string& path, std::string_view text, int mode) {
  TRY_ASSIGN(auto file, new_file::create(path, mode));
  TRY(file.write(text));
  return file.finish();
}

new_file::new_file(std::string path, std::string temporary, int descriptor)
    : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}

new_file::new_file(new_file&& other) noexcept
    : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, {})), descriptor_(std::exchange(other.descriptor_, -1)) {}

new_file::~new_file() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

result<new_file> new_file::create(const std::string& path, int mode) {
  if (::access(path.c_str(), F_OK) == 0) {
    errno = EEXIST;
    return failed(path);
  }
  auto temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (descriptor < 0) return failed(path);
  return new_file(path, std::move(temporary), descriptor);
}

result<> new_file::write(std::string_view text) {
  while (!text.empty()) {
    auto count = ::write(descriptor_, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return failed(path_);
    text.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

result<> new_file::finish() {
  if (::fsync(descriptor_) != 0) return failed(path_);
  if (::close(std::exchange(descriptor_, -1)) != 0) return failed(path_);
  // Unlike rename(), refuses to replace.
  if (::link(temporary_.c_str(), path_.c_str()) != 0) return failed(path_);
  return {};
}

}  // namespace drover::cli
