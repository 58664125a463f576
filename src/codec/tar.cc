#include "codec/tar.h"

#include <fmt/format.h>

#include "base/ensure.h"

namespace drover::codec {

unsigned tar_checksum(std::string_view header) {
  unsigned sum = 0;
  for (size_t i = 0; i < tar_block_bytes; ++i)
    sum += i >= tar_checksum_at && i < tar_checksum_at + tar_checksum_bytes ? ' ' : static_cast<unsigned char>(header[i]);
  return sum;
}

void append_tar_entry(std::string& out, std::string_view name, std::string_view content) {
  ENSURE(name.size() <= tar_name_bytes, "names in a tar archive are short");
  std::string header(tar_block_bytes, '\0');
  auto put = [&](size_t at, std::string_view text) { header.replace(at, text.size(), text); };
  put(tar_name_at, name);
  put(100, "0000600");
  put(108, "0000000");
  put(116, "0000000");
  put(tar_size_at, fmt::format("{:011o}", content.size()));
  put(136, "00000000000");
  header[tar_type_at] = '0';
  put(257, std::string_view("ustar\00000", 8));
  put(tar_checksum_at, fmt::format("{:06o}", tar_checksum(header)) + std::string("\0 ", 2));
  out += header;
  out += content;
  out.append((tar_block_bytes - content.size() % tar_block_bytes) % tar_block_bytes, '\0');
}

void end_tar(std::string& out) { out.append(2 * tar_block_bytes, '\0'); }

}  // namespace drover::codec
