#include "client/artifact.h"

#include <curl/curl.h>
#include <openssl/evp.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/bytes.h"
#include "base/text.h"
#include "client/limits.h"
#include "client/system.h"

namespace drover::client {

namespace fs = std::filesystem;

namespace {
struct parsed_source {
  std::string url;
  std::string file_name;
  std::map<std::string, std::string> options;
};

// Options that getters take from the query: they are not sent.
bool is_getter_option(std::string_view key) { return key == "checksum" || key == "archive" || key == "filename"; }

parsed_source parse_source(const artifact_request& request) {
  parsed_source out;
  auto question = request.source.find('?');
  out.url = request.source.substr(0, question);
  std::string kept;
  if (question != std::string::npos)
    for (auto part : split(std::string_view(request.source).substr(question + 1), '&')) {
      auto equals = part.find('=');
      auto key = part.substr(0, equals);
      if (is_getter_option(key)) out.options[std::string(key)] = equals == std::string_view::npos ? "" : part.substr(equals + 1);
      else kept += (kept.empty() ? "" : "&") + std::string(part);
    }
  out.file_name = fs::path(out.url).filename().string();
  if (!kept.empty()) out.url += "?" + kept;
  for (auto& [key, v] : request.options) out.options[key] = v;
  return out;
}

bool is_archive(std::string_view name) {
  for (std::string_view end : {".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".zip", ".gz", ".bz2", ".xz", ".zst"})
    if (name.ends_with(end)) return true;
  return false;
}

result<> check_sum(const std::string& path, const std::string& wanted) {
  auto colon = wanted.find(':');
  if (colon == std::string::npos)
    return fail(errc::invalid, "checksum \"{}\" must be TYPE:HEX, such as sha256:b8a3...", wanted);
  auto type = wanted.substr(0, colon);
  auto* digest = type == "md5" || type == "sha1" || type == "sha256" || type == "sha512" ? EVP_get_digestbyname(type.c_str()) : nullptr;
  if (!digest) return fail(errc::invalid, "checksum type \"{}\" is unknown; md5, sha1, sha256 and sha512 are", type);
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), digest, nullptr);
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file) return fail(system_error(errno, "open " + path));
  char buffer[65536];
  while (auto n = std::fread(buffer, 1, sizeof buffer, file.get())) EVP_DigestUpdate(context.get(), buffer, n);
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), sum, &size);
  auto have = hex_encode({reinterpret_cast<char*>(sum), size});
  if (equals_ignoring_case(have, wanted.substr(colon + 1))) return {};
  return fail(errc::corrupt, "the {} checksum is {}, expected {}", type, have, wanted.substr(colon + 1));
}

result<> download(const artifact_request& request, const std::string& url, const std::string& into) {
  static const auto ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  std::unique_ptr<CURL, void (*)(CURL*)> curl(ready == CURLE_OK ? curl_easy_init() : nullptr, &curl_easy_cleanup);
  if (!curl) return fail(errc::unavailable, "the HTTP library cannot be set up");
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(into.c_str(), "wb"), &std::fclose);
  if (!file) return fail(system_error(errno, "create " + into));
  curl_slist* headers = nullptr;
  for (auto& [key, v] : request.headers) headers = curl_slist_append(headers, (key + ": " + v).c_str());
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> owned(headers, &curl_slist_free_all);
  auto* c = curl.get();
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(c, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, file.get());
  curl_easy_setopt(c, CURLOPT_USERAGENT, "drover/" DROVER_VERSION);
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 30L);
  curl_easy_setopt(c, CURLOPT_TIMEOUT, static_cast<long>(limits::artifact_timeout.seconds()));
  curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(limits::artifact_bytes_max));
  if (request.insecure) {
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  auto code = curl_easy_perform(c);
  if (code == CURLE_OK) return {};
  long status = 0;
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 400) return fail(errc::unavailable, "{}: the server answered {}", url, status);
  return fail(errc::unavailable, "{}: {}", url, curl_easy_strerror(code));
}

result<> copy_local(const std::string& from, const std::string& into) {
  std::error_code failed;
  if (!fs::exists(from, failed)) return fail(errc::unavailable, "{} does not exist on this node", from);
  fs::copy(from, into, fs::copy_options::recursive | fs::copy_options::overwrite_existing, failed);
  if (failed) return fail(system_error(failed.value(), "copy " + from + " to " + into));
  return {};
}
}  // namespace

result<> fetch_artifact(const artifact_request& request) {
  auto source = parse_source(request);
  bool local = source.url.starts_with("/") || source.url.starts_with("file://");
  bool http = source.url.starts_with("http://") || source.url.starts_with("https://");
  if (!local && !http)
    return fail(errc::unsupported, "artifact \"{}\": this release fetches http://, https://, file:// and local paths only", request.source);
  auto path = local && source.url.starts_with("file://") ? source.url.substr(7) : source.url;
  std::error_code failed;
  bool directory = local && fs::is_directory(path, failed);
  auto archive = source.options.find("archive");
  bool unpack = request.mode != "file" && is_archive(source.file_name) && (archive == source.options.end() || archive->second != "false");
  if (unpack && !directory)
    return fail(errc::unsupported, "artifact \"{}\" is an archive, which this release does not unpack yet; set options {{ archive = false }}",
                request.source);
  auto name = source.options.contains("filename") ? source.options["filename"] : source.file_name;
  if (name.empty()) name = "download";
  auto target = request.mode == "file" || directory ? fs::path(request.destination) : fs::path(request.destination) / fs::path(name).filename();
  TRY(make_directories((directory ? target : target.parent_path()).string(), 0777));
  if (local) TRY(copy_local(path, target.string()));
  else TRY(download(request, source.url, target.string()));
  if (auto sum = source.options.find("checksum"); sum != source.options.end() && !directory) {
    auto checked = check_sum(target.string(), sum->second);
    if (!checked) fs::remove(target, failed);
    return checked;
  }
  return {};
}

}  // namespace drover::client
