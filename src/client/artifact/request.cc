#include "client/artifact/request.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/text.h"

namespace drover::client {

std::string url_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    auto byte = text[i] == '%' && i + 2 < text.size() ? hex_decode(text.substr(i + 1, 2)) : result<std::string>(fail(errc::invalid, ""));
    if (byte) i += 2;
    out += byte ? *byte : std::string(1, text[i]);
  }
  return out;
}

std::string url_encoded(std::string_view text, std::string_view keep) {
  std::string out;
  for (char c : text) {
    bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || keep.find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return out;
}

namespace {
// "git::https://..." says who fetches.
std::string take_forced(std::string& source) {
  auto at = source.find("::");
  if (at == std::string::npos || source.substr(0, at).find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != std::string::npos)
    return "";
  auto name = source.substr(0, at);
  source.erase(0, at + 2);
  return name;
}

// "//" behind the host begins a part of what is fetched.
std::string take_subdirectory(std::string& source) {
  auto scheme = source.find("://");
  auto end = std::min(source.find('?'), source.size());
  auto at = source.find("//", scheme == std::string::npos ? 0 : scheme + 3);
  if (at == std::string::npos || at >= end || at == 0) return "";
  auto sub = source.substr(at + 2, end - at - 2);
  source.erase(at, end - at);
  return sub;
}

// Options that a getter takes for itself: they are not sent.
bool is_own_option(getter by, std::string_view key) {
  if (key == "checksum" || key == "archive" || key == "filename") return true;
  if (by == getter::git) return key == "ref" || key == "sshkey" || key == "depth";
  return by == getter::s3 && (key.starts_with("aws_") || key == "region");
}

// Addresses that everybody writes without a scheme.
void detect(std::string& source, std::string& forced) {
  for (std::string_view host : {"github.com/", "gitlab.com/", "bitbucket.org/"}) {
    if (!source.starts_with(host)) continue;
    // HOST/OWNER/NAME, and what follows is a part of it.
    auto question = std::min(source.find('?'), source.size());
    auto parts = split(std::string_view(source).substr(0, question), '/');
    if (parts.size() < 3) return;
    auto repository = fmt::format("https://{}/{}/{}", parts[0], parts[1], parts[2]);
    if (!repository.ends_with(".git")) repository += ".git";
    std::string sub;
    for (size_t i = 3; i < parts.size(); i++)
      if (!parts[i].empty()) sub += (sub.empty() ? "//" : "/") + std::string(parts[i]);
    source = repository + sub + source.substr(question);
    forced = "git";
    return;
  }
  if (source.starts_with("git@")) {
    auto colon = source.find(':');
    if (colon != std::string::npos) source = "ssh://" + source.substr(0, colon) + "/" + source.substr(colon + 1);
    forced = "git";
  }
  auto host = source.substr(0, source.find('/'));
  if (source.find("://") == std::string::npos && host.ends_with(".amazonaws.com") && host.find("s3") != std::string::npos) {
    source = "https://" + source;
    forced = "s3";
  }
}
}  // namespace

result<parsed_artifact> parse_artifact(const artifact_request& request) {
  parsed_artifact out;
  auto source = request.source;
  auto forced = take_forced(source);
  if (forced.empty()) detect(source, forced);
  if (forced == "hg" || forced == "gcs")
    return fail(errc::unsupported, "artifact \"{}\": {} is not fetched by this release: use http, https, git, s3 or a local file", request.source, forced);
  out.subdirectory = take_subdirectory(source);
  bool local = source.starts_with('/') || source.starts_with("file://");
  bool http = source.starts_with("http://") || source.starts_with("https://");
  if (forced == "git" || source.starts_with("ssh://") || source.starts_with("git://")) out.by = getter::git;
  else if (forced == "s3") out.by = getter::s3;
  else if (local && (forced.empty() || forced == "file")) out.by = getter::file;
  else if (http && (forced.empty() || forced == "http" || forced == "https")) out.by = getter::http;
  else return fail(errc::unsupported, "artifact \"{}\": it must begin with http://, https://, git::, s3::, file:// or /", request.source);
  auto question = source.find('?');
  out.url = source.substr(0, question);
  if (out.url.starts_with("file://")) out.url.erase(0, 7);
  std::string kept;
  auto put = [&](std::string_view key, std::string_view v) {
    if (is_own_option(out.by, key)) out.options[std::string(key)] = v;
    else if (out.by != getter::file) kept += fmt::format("{}{}={}", kept.empty() ? "" : "&", key, url_encoded(v, "-_.~%/+"));
  };
  if (question != std::string::npos)
    for (auto part : split(std::string_view(source).substr(question + 1), '&')) {
      auto equals = part.find('=');
      auto key = part.substr(0, equals);
      auto v = equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
      if (is_own_option(out.by, key)) out.options[std::string(key)] = url_decoded(v);
      else if (!part.empty()) kept += (kept.empty() ? "" : "&") + std::string(part);
    }
  for (auto& [key, v] : request.options) put(key, v);
  auto path = out.url;
  while (path.ends_with('/')) path.pop_back();
  out.file_name = url_decoded(path.substr(path.rfind('/') + 1));
  if (auto named = out.options.find("filename"); named != out.options.end()) out.file_name = named->second;
  if (out.file_name.find('/') != std::string::npos || out.file_name == ".." || out.file_name == ".")
    return fail(errc::invalid, "artifact \"{}\": \"{}\" is no name of a file", request.source, out.file_name);
  if (!kept.empty()) out.url += "?" + kept;
  return out;
}

namespace {
value texts(const std::map<std::string, std::string>& from) {
  value::object out;
  for (auto& [key, v] : from) out.append(key, value(v));
  return value(std::move(out));
}
std::string text_at(const value& v, std::string_view key) {
  auto* found = v.find(key);
  return found && found->as_string() ? *found->as_string() : "";
}
int64_t int_at(const value& v, std::string_view key) {
  auto* found = v.find(key);
  return found && found->as_int() ? *found->as_int() : 0;
}
std::map<std::string, std::string> map_at(const value& v, std::string_view key) {
  std::map<std::string, std::string> out;
  if (auto* found = v.find(key); found && found->as_object())
    for (auto& [name, member] : *found->as_object())
      if (member.as_string()) out[name] = *member.as_string();
  return out;
}
value list_of(const std::vector<std::string>& from) { return value(value::list(from.begin(), from.end())); }
std::vector<std::string> list_at(const value& v, std::string_view key) {
  std::vector<std::string> out;
  if (auto* found = v.find(key); found && found->as_list())
    for (auto& item : *found->as_list())
      if (item.as_string()) out.push_back(*item.as_string());
  return out;
}
}  // namespace

value to_value(const artifact_request& r) {
  value::object o;
  o.append("source", r.source);
  o.append("options", texts(r.options));
  o.append("headers", texts(r.headers));
  o.append("mode", r.mode);
  o.append("insecure", int64_t{r.insecure});
  o.append("root", r.root);
  o.append("destination", r.destination);
  o.append("uid", r.uid);
  o.append("gid", r.gid);
  o.append("http_read_timeout", r.limits.http_read_timeout.ns);
  o.append("git_timeout", r.limits.git_timeout.ns);
  o.append("s3_timeout", r.limits.s3_timeout.ns);
  o.append("http_size_max", r.limits.http_size_max);
  o.append("unpacked_files_max", r.limits.unpacked_files_max);
  o.append("unpacked_size_max", r.limits.unpacked_size_max);
  o.append("disable_inspection", int64_t{r.limits.disable_inspection});
  o.append("disable_isolation", int64_t{r.limits.disable_isolation});
  o.append("extra_paths", list_of(r.limits.extra_paths));
  o.append("environment", list_of(r.limits.environment));
  return value(std::move(o));
}

result<artifact_request> artifact_from_value(const value& v) {
  if (!v.as_object() || text_at(v, "root").empty()) return fail(errc::invalid, "this is no artifact request");
  artifact_request r;
  r.source = text_at(v, "source");
  r.options = map_at(v, "options");
  r.headers = map_at(v, "headers");
  r.mode = text_at(v, "mode");
  r.insecure = int_at(v, "insecure") != 0;
  r.root = text_at(v, "root");
  r.destination = text_at(v, "destination");
  r.uid = int_at(v, "uid");
  r.gid = int_at(v, "gid");
  r.limits.http_read_timeout = duration(int_at(v, "http_read_timeout"));
  r.limits.git_timeout = duration(int_at(v, "git_timeout"));
  r.limits.s3_timeout = duration(int_at(v, "s3_timeout"));
  r.limits.http_size_max = int_at(v, "http_size_max");
  r.limits.unpacked_files_max = int_at(v, "unpacked_files_max");
  r.limits.unpacked_size_max = int_at(v, "unpacked_size_max");
  r.limits.disable_inspection = int_at(v, "disable_inspection") != 0;
  r.limits.disable_isolation = int_at(v, "disable_isolation") != 0;
  r.limits.extra_paths = list_at(v, "extra_paths");
  r.limits.environment = list_at(v, "environment");
  return r;
}

}  // namespace drover::client
