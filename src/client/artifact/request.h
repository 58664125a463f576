// What is fetched and how, out of a job's artifact block. Pure values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/value.h"
#include "client/options.h"

namespace drover::client {

struct artifact_request {
  // As the job has it: "https://host/a.zip//sub?checksum=sha256:...", "git::https://...", "s3::https://...", "/path".
  std::string source;
  std::map<std::string, std::string> options;
  std::map<std::string, std::string> headers;
  // any, file: the destination is the file's name; dir.
  std::string mode = "any";
  bool insecure = false;
  // The allocation's directory and, below it, where the artifact goes.
  std::string root, destination;
  // -1: as they are.
  int64_t uid = -1, gid = -1;
  artifact_options limits;
};

enum class getter : uint8_t { http, git, s3, file };

struct parsed_artifact {
  getter by = getter::http;
  // Without the options that are the getter's own.
  std::string url;
  // Behind "//": only this part of what is fetched.
  std::string subdirectory;
  // The last part of the path.
  std::string file_name;
  std::map<std::string, std::string> options;
};

// unsupported: a getter that this release does not have.
result<parsed_artifact> parse_artifact(const artifact_request& request);

// As one text to another process, and back.
value to_value(const artifact_request& request);
result<artifact_request> artifact_from_value(const value& v);

// "%2F" and so on.
std::string url_decoded(std::string_view text);
std::string url_encoded(std::string_view text, std::string_view keep);

}  // namespace drover::client
