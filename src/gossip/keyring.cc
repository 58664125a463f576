#include "gossip/keyring.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "base/bytes.h"
#include "base/value.h"
#include "codec/json.h"

namespace drover::gossip {
namespace {

constexpr size_t keyring_file_bytes_max = 64 * 1024;

result<> check_key(std::string_view key) {
  if (key.size() == 16 || key.size() == 24 || key.size() == 32) return {};
  return fail(errc::invalid, "a gossip key has 16, 24 or 32 bytes, not {}", key.size());
}

}  // namespace

result<std::string> parse_key(std::string_view base64) {
  auto key = base64_decode(base64);
  if (!key) return fail(errc::invalid, "a gossip key is written as base64 of 16, 24 or 32 bytes; make one with `operator gossip keyring generate`");
  TRY(check_key(*key));
  return key;
}

result<keyring> keyring::create(const std::vector<std::string>& keys) {
  keyring ring;
  for (const auto& key : keys) TRY(ring.install(key));
  return ring;
}

result<> keyring::install(std::string key) {
  TRY(check_key(key));
  if (std::find(keys_.begin(), keys_.end(), key) == keys_.end()) keys_.push_back(std::move(key));
  return {};
}

result<> keyring::use(std::string_view key) {
  auto found = std::find(keys_.begin(), keys_.end(), key);
  if (found == keys_.end()) return fail(errc::not_found, "requested key is not in the keyring");
  std::rotate(keys_.begin(), found, found + 1);
  return {};
}

result<> keyring::remove(std::string_view key) {
  if (!keys_.empty() && keys_.front() == key) return fail(errc::conflict, "removing the primary key is not allowed");
  std::erase(keys_, key);
  return {};
}

std::vector<std::string> keyring::to_base64() const {
  std::vector<std::string> out;
  for (const auto& key : keys_) out.push_back(base64_encode(key));
  return out;
}

result<std::vector<std::string>> read_keyring_file(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) return fail(errc::not_found, "there is no keyring file {}", path);
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file) return fail(errc::io, "the keyring file {} cannot be read", path);
  if (text.size() > keyring_file_bytes_max) return fail(errc::too_large, "the keyring file {} is larger than {} bytes", path, keyring_file_bytes_max);
  auto parsed = codec::value_from_json(text);
  const auto* list = parsed ? parsed->as_list() : nullptr;
  if (list == nullptr) return fail(errc::corrupt, "the keyring file {} is no JSON list of base64 keys", path);
  std::vector<std::string> keys;
  for (const auto& each : *list) {
    const auto* encoded = each.as_string();
    auto key = encoded ? parse_key(*encoded) : fail(errc::invalid, "a key is a text");
    if (!key) return wrap(std::move(key).error(), "keyring file " + path);
    keys.push_back(*std::move(key));
  }
  if (keys.empty()) return fail(errc::corrupt, "the keyring file {} holds no key; remove it or put a base64 key into its list", path);
  return keys;
}

result<> write_keyring_file(const std::string& path, const std::vector<std::string>& raw_keys) {
  value::list list;
  for (const auto& key : raw_keys) list.emplace_back(base64_encode(key));
  auto text = codec::value_to_json(value(std::move(list)), {.pretty = true});
  auto temporary = path + ".new";
  int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return fail(system_error(errno, "open " + temporary));
  // Whole or not at all, also when the power fails: the old keys may be gone from the pool by then.
  bool ok = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  int number = errno;
  ::close(file);
  if (!ok) return fail(system_error(number, "write " + temporary));
  if (::rename(temporary.c_str(), path.c_str()) != 0) return fail(system_error(errno, "rename " + temporary));
  return {};
}

result<std::vector<std::string>> open_keyring(const std::string& path, std::string_view encrypt) {
  if (!path.empty()) {
    auto kept = read_keyring_file(path);
    if (kept || kept.error().code() != errc::not_found) return kept;
  }
  if (encrypt.empty()) return std::vector<std::string>();
  auto key = parse_key(encrypt);
  if (!key) return wrap(std::move(key).error(), "encrypt");
  std::vector<std::string> keys{*std::move(key)};
  if (!path.empty()) TRY(write_keyring_file(path, keys));
  return keys;
}

}  // namespace drover::gossip
