// The keys of an encrypted pool. The first is the primary: what is sent is encrypted with it; what comes may be encrypted with any.
// A value; any thread may have its own. Keys are secrets: errors and logs never contain one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::gossip {

// 16, 24 or 32 bytes from their base64 form (the `encrypt` setting).
result<std::string> parse_key(std::string_view base64);

class keyring {
 public:
  keyring() = default;
  // Raw keys, the primary first; doubles are dropped.
  static result<keyring> create(const std::vector<std::string>& keys);

  bool empty() const { return keys_.empty(); }
  const std::string& primary() const { return keys_.front(); }  // Requires: not empty
  const std::vector<std::string>& keys() const { return keys_; }
  result<> install(std::string key);      // again: nothing changes
  result<> use(std::string_view key);     // must be installed
  result<> remove(std::string_view key);  // not the primary; unknown: nothing changes
  std::vector<std::string> to_base64() const;

 private:
  std::vector<std::string> keys_;
};

// The keyring file: a JSON list of base64 keys, the primary first, mode 0600.
result<std::vector<std::string>> read_keyring_file(const std::string& path);  // raw keys; errc::not_found: no such file
result<> write_keyring_file(const std::string& path, const std::vector<std::string>& raw_keys);
// What a server starts with: the file if there is one, otherwise `encrypt` (base64; it is then written to the file), otherwise no keys.
result<std::vector<std::string>> open_keyring(const std::string& path, std::string_view encrypt);

}  // namespace drover::gossip
