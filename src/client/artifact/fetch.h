// Fetches one artifact: blocking, in a process of its own (artifact/child.h) because what it reads was written by strangers.
//
// What is fetched lies in a directory beside the destination until it is complete and its checksum is right.
#pragma once

#include <string>

#include "client/artifact/request.h"

namespace drover::client {

result<> fetch_artifact(const artifact_request& request);

// The steps, for artifact/fetch.cc and tests.

// One file by HTTP(S). too_large, timeout, unavailable.
struct download_request {
  std::string url;
  std::map<std::string, std::string> headers;
  bool insecure = false;
  duration timeout;
  int64_t bytes_max = 0;  // 0: any
};
result<> download(const download_request& request, const std::string& into);

// "sha256:HEX", "HEX". Of the file at `path`.
result<> check_digest(const std::string& path, std::string_view type, std::string_view hex);
// The line of a checksum file that is about `name`: GNU's "HEX  name", BSD's "SHA256 (name) = HEX", or a digest alone.
result<std::string> digest_in_file(std::string_view text, std::string_view name);

// The headers of a signed GET (AWS signature version 4). `now`: unix seconds.
struct s3_access {
  std::string key_id, secret, token, region;
};
std::map<std::string, std::string> sign_s3_get(const std::string& url, const s3_access& access, int64_t now);

// A git repository's files into the directory `into`, which must not exist.
result<> clone_git(const parsed_artifact& what, duration timeout, const std::string& into);

enum class archive_kind : uint8_t { none, tar, zip, single };
archive_kind archive_kind_of(std::string_view file_name);
// The entries of an archive below the directory `into`, which must exist and be empty. Nothing is written outside, whatever the archive
// says: absolute names, "..", links out of it and devices are refused.
struct unpack_limits {
  int64_t files_max = 0, bytes_max = 0;  // 0: any
  // Users, groups and modes as the archive has them, for files of this cluster's own. Needs root.
  bool keep_owner = false;
};
result<> unpack(const std::string& archive, archive_kind kind, const std::string& single_name, const std::string& into, unpack_limits limits);

}  // namespace drover::client
