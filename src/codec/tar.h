// POSIX ustar archives of small files. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace drover::codec {

// A header of one block, the content padded to whole blocks, two empty blocks at the end.
inline constexpr size_t tar_block_bytes = 512;
inline constexpr size_t tar_name_at = 0, tar_name_bytes = 100, tar_size_at = 124, tar_size_bytes = 12, tar_checksum_at = 148, tar_checksum_bytes = 8,
                        tar_type_at = 156;

// What the header's checksum must be. Requires: a whole block.
unsigned tar_checksum(std::string_view header);
// A file with mode 0600. Requires: the name has at most tar_name_bytes.
void append_tar_entry(std::string& out, std::string_view name, std::string_view content);
void end_tar(std::string& out);

}  // namespace drover::codec
