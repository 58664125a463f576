#include "server/snapshot_archive.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/bytes.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/tar.h"
#include "crypto/digest.h"
#include "fsm/limits.h"
#include "fsm/saved_state.h"
#include "net/gzip.h"
#include "server/limits.h"

namespace drover::server {
namespace {

constexpr size_t block_bytes = codec::tar_block_bytes;
constexpr size_t name_at = codec::tar_name_at, name_bytes = codec::tar_name_bytes, size_at = codec::tar_size_at, size_bytes = codec::tar_size_bytes,
                 checksum_at = codec::tar_checksum_at, checksum_bytes = codec::tar_checksum_bytes, type_at = codec::tar_type_at;

constexpr const char* meta_name = "meta.json";
constexpr const char* state_name = "state.bin";
constexpr const char* sums_name = "SHA256SUMS";

std::optional<uint64_t> parse_octal(std::string_view field) {
  uint64_t value = 0;
  bool any = false;
  for (char c : field) {
    if (c == ' ' || c == '\0') {
      if (any) break;
      continue;
    }
    if (c < '0' || c > '7') return std::nullopt;
    value = value * 8 + static_cast<uint64_t>(c - '0');
    any = true;
  }
  return any ? std::optional(value) : std::nullopt;
}

result<std::map<std::string, std::string>> read_tar(std::string_view tar) {
  std::map<std::string, std::string> out;
  while (tar.size() >= block_bytes && tar.find_first_not_of('\0') != std::string_view::npos) {
    auto header = tar.substr(0, block_bytes);
    auto sum = parse_octal(header.substr(checksum_at, checksum_bytes));
    auto size = parse_octal(header.substr(size_at, size_bytes));
    if (!sum || *sum != codec::tar_checksum(header) || !size) return fail(errc::corrupt, "an entry of the archive has a damaged header");
    tar.remove_prefix(block_bytes);
    if (*size > tar.size()) return fail(errc::corrupt, "the archive is cut short");
    std::string name(header.substr(name_at, name_bytes));
    name.resize(std::min(name.size(), name.find('\0')));
    // Directories and extended headers hold nothing of ours.
    bool file = header[type_at] == '0' || header[type_at] == '\0';
    if (file && !out.emplace(name, tar.substr(0, *size)).second) return fail(errc::corrupt, "the archive holds {} twice", name);
    tar.remove_prefix(std::min<size_t>(tar.size(), (*size + block_bytes - 1) / block_bytes * block_bytes));
  }
  return out;
}

result<> check_sums(const std::map<std::string, std::string>& files) {
  std::map<std::string, std::string> sums;
  for (auto line : split(files.at(sums_name), '\n')) {
    if (trim(line).empty()) continue;
    auto parts = split(line, ' ');
    sums[std::string(trim(parts.back()))] = std::string(parts.front());
  }
  for (const auto* name : {meta_name, state_name}) {
    auto found = sums.find(name);
    if (found == sums.end()) return fail(errc::corrupt, "the archive has no checksum for {}", name);
    if (found->second != hex_encode(crypto::sha256(files.at(name))))
      return fail(errc::corrupt, "the checksum of {} is wrong: the snapshot was damaged or changed", name);
  }
  return {};
}

}  // namespace

std::string write_archive(const snapshot_archive& archive) {
  auto meta = codec::to_json(archive.meta) + "\n";
  auto sums = fmt::format("{}  {}\n{}  {}\n", hex_encode(crypto::sha256(meta)), meta_name, hex_encode(crypto::sha256(archive.state)), state_name);
  std::string tar;
  tar.reserve(archive.state.size() + 8 * block_bytes);
  codec::append_tar_entry(tar, meta_name, meta);
  codec::append_tar_entry(tar, state_name, archive.state);
  codec::append_tar_entry(tar, sums_name, sums);
  codec::end_tar(tar);
  return net::gzip(tar);
}

result<snapshot_archive> read_archive(std::string_view file) {
  if (file.size() > snapshot_file_bytes_max)
    return fail(errc::too_large, "the snapshot has {} bytes, at most {} are read", file.size(), snapshot_file_bytes_max);
  auto tar = net::gunzip(file, fsm::restored_bytes_max + snapshot_tar_extra_bytes_max);
  if (!tar) return wrap(std::move(tar).error(), "the snapshot is no complete gzip file");
  TRY_ASSIGN(auto files, read_tar(*tar));
  *tar = std::string();
  for (const auto* name : {meta_name, state_name, sums_name})
    if (!files.contains(name)) return fail(errc::corrupt, "the archive has no {}: it is no snapshot of a cluster, or it was cut short", name);
  if (files.size() != 3) return fail(errc::corrupt, "the archive holds {} files; a snapshot has {}, {} and {}", files.size(), meta_name, state_name, sums_name);
  TRY(check_sums(files));
  snapshot_archive out;
  TRY_ASSIGN(out.meta, codec::from_json<schema::snapshot_meta>(files.at(meta_name)));
  out.state = std::move(files.at(state_name));
  auto place = fsm::place_of(out.state);
  if (!place) return wrap(std::move(place).error(), "state.bin");
  if (place->index != out.meta.index) return fail(errc::corrupt, "the snapshot says that it is of index {}, its state is of {}", out.meta.index, place->index);
  return out;
}

std::string archive_checksum(std::string_view file) { return "sha-256=" + base64_encode(crypto::sha256(file)); }

result<snapshot_summary> inspect_archive(std::string_view file) {
  TRY_ASSIGN(auto archive, read_archive(file));
  snapshot_summary out;
  out.meta = std::move(archive.meta);
  TRY_ASSIGN(auto content, fsm::content_of(archive.state));
  for (auto& each : content)
    if (each.records > 0) out.types.push_back({std::move(each.table), each.records, each.bytes});
  std::ranges::sort(out.types, [](const auto& a, const auto& b) { return std::tie(b.bytes, a.name) < std::tie(a.bytes, b.name); });
  return out;
}

}  // namespace drover::server
