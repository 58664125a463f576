// Fetches one artifact of a task: a local file or directory, or a file by HTTP(S), checked against its checksum. Blocking; any thread.
#pragma once

#include <map>
#include <string>

#include "base/result.h"

namespace drover::client {

struct artifact_request {
  // "https://host/file", "file:///path", "/path". A "?checksum=sha256:..." is an option, too.
  std::string source;
  std::map<std::string, std::string> options;
  std::map<std::string, std::string> headers;
  // any, file: the destination is the file's name; dir.
  std::string mode = "any";
  bool insecure = false;
  std::string destination;
};
result<> fetch_artifact(const artifact_request& request);

}  // namespace drover::client
