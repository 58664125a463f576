// Files that commands write: certificates, keys, snapshots, examples. An existing file is never replaced.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::cli {

// 0600: for its owner's eyes alone. errc::exists if the file is there already.
result<> write_new_file(const std::string& path, std::string_view text, int mode = 0644);

// A file that is written bit by bit and has its name only when finish() succeeded: what is cut off leaves nothing behind.
class new_file {
 public:
  static result<new_file> create(const std::string& path, int mode = 0600);
  new_file(new_file&& other) noexcept;
  new_file& operator=(new_file&&) = delete;
  ~new_file();

  result<> write(std::string_view text);
  // On the disk, under its name. errc::exists if somebody else made that file meanwhile.
  result<> finish();

 private:
  new_file(std::string path, std::string temporary, int descriptor);
  std::string path_, temporary_;
  int descriptor_;
};

}  // namespace drover::cli
