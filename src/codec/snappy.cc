#include "codec/snappy.h"

#include <snappy.h>

namespace drover::codec {

std::string snappy_compress(std::string_view plain) {
  std::string out;
  snappy::Compress(plain.data(), plain.size(), &out);
  return out;
}

result<std::string> snappy_uncompress(std::string_view compressed, size_t bytes_max) {
  size_t size = 0;
  if (!snappy::GetUncompressedLength(compressed.data(), compressed.size(), &size)) return fail(errc::corrupt, "the data is no snappy block");
  if (size > bytes_max) return fail(errc::too_large, "the snappy block holds {} bytes; at most {} are allowed", size, bytes_max);
  std::string out;
  if (!snappy::Uncompress(compressed.data(), compressed.size(), &out)) return fail(errc::corrupt, "the snappy block is damaged");
  return out;
}

}  // namespace drover::codec
