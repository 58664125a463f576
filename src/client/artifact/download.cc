#include <curl/curl.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>

#include "base/bytes.h"
#include "base/text.h"
#include "client/artifact/fetch.h"
#include "client/artifact/limits.h"
#include "crypto/digest.h"

namespace drover::client {

namespace {
using file_handle = std::unique_ptr<FILE, int (*)(FILE*)>;

// Ends a transfer that is longer than it may be, also where the server does not say how long it is.
int watch_size(void* limit, curl_off_t, curl_off_t have, curl_off_t, curl_off_t) {
  auto most = *static_cast<int64_t*>(limit);
  return most > 0 && have > most ? 1 : 0;
}

result<> set_up(CURL* c, const download_request& request, curl_slist* headers, FILE* file, int64_t& bytes_max) {
  curl_easy_setopt(c, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(c, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, file);
  curl_easy_setopt(c, CURLOPT_USERAGENT, "drover/" DROVER_VERSION);
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits::artifact_connect.ms()));
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.ms()));
  // A server that stalls is left long before the whole time is over.
  curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, static_cast<long>(limits::artifact_stall.seconds()));
  curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, watch_size);
  curl_easy_setopt(c, CURLOPT_XFERINFODATA, &bytes_max);
  if (request.bytes_max > 0) curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request.bytes_max));
  if (request.insecure) {
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  return {};
}
}  // namespace

result<> download(const download_request& request, const std::string& into) {
  static const auto ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  std::unique_ptr<CURL, void (*)(CURL*)> curl(ready == CURLE_OK ? curl_easy_init() : nullptr, &curl_easy_cleanup);
  if (!curl) return fail(errc::unavailable, "the HTTP library cannot be set up");
  file_handle file(std::fopen(into.c_str(), "wbe"), &std::fclose);
  if (!file) return fail(system_error(errno, "create " + into));
  curl_slist* list = nullptr;
  for (auto& [key, v] : request.headers) list = curl_slist_append(list, (key + ": " + v).c_str());
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(list, &curl_slist_free_all);
  auto bytes_max = request.bytes_max;
  TRY(set_up(curl.get(), request, headers.get(), file.get(), bytes_max));
  auto code = curl_easy_perform(curl.get());
  auto shown = request.url.substr(0, request.url.find('?'));
  if (code == CURLE_OK) {
    if (std::fflush(file.get()) != 0) return fail(system_error(errno, "write " + into));
    return {};
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (code == CURLE_FILESIZE_EXCEEDED || code == CURLE_ABORTED_BY_CALLBACK)
    return fail(errc::too_large, "{}: it is larger than {} bytes (client.artifact.http_max_size)", shown, request.bytes_max);
  if (status >= 400) return fail(errc::unavailable, "{}: bad response code: {}", shown, status);
  if (code == CURLE_OPERATION_TIMEDOUT)
    return fail(errc::timeout, "{}: the server took too long or sent nothing for {}", shown, to_string(limits::artifact_stall));
  return fail(errc::unavailable, "{}: {}", shown, curl_easy_strerror(code));
}

// ---- checksums ----

result<> check_digest(const std::string& path, std::string_view given_type, std::string_view hex) {
  auto type = to_lower(given_type);
  if (type.empty()) type = hex.size() == 32 ? "md5" : hex.size() == 40 ? "sha1" : hex.size() == 64 ? "sha256" : hex.size() == 128 ? "sha512" : "";
  auto* digest = type == "md5" || type == "sha1" || type == "sha256" || type == "sha512" ? EVP_get_digestbyname(type.c_str()) : nullptr;
  if (!digest) return fail(errc::invalid, "the checksum's type \"{}\" is unknown; md5, sha1, sha256 and sha512 are", type);
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), digest, nullptr);
  file_handle file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (!file) return fail(system_error(errno, "open " + path));
  char buffer[65536];
  while (auto n = std::fread(buffer, 1, sizeof buffer, file.get())) EVP_DigestUpdate(context.get(), buffer, n);
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), sum, &size);
  auto have = hex_encode({reinterpret_cast<char*>(sum), size});
  if (equals_ignoring_case(have, hex)) return {};
  return fail(errc::invalid, "Checksums did not match.\nExpected: {}\nGot: {}", hex, have);
}

result<std::string> digest_in_file(std::string_view text, std::string_view name) {
  std::string alone;
  for (auto line : split(text, '\n')) {
    line = trim(line);
    if (line.empty() || line[0] == '#') continue;
    if (auto open = line.find(" ("), close = line.rfind(") = "); open != std::string_view::npos && close != std::string_view::npos && close > open) {
      if (line.substr(open + 2, close - open - 2) == name) return to_lower(line.substr(0, open)) + ":" + std::string(line.substr(close + 4));
      continue;
    }
    auto blank = line.find_first_of(" \t");
    if (blank == std::string_view::npos) {
      alone = line;
      continue;
    }
    auto file = trim(line.substr(blank));
    if (file.starts_with('*')) file.remove_prefix(1);
    if (file.starts_with("./")) file.remove_prefix(2);
    if (file == name) return std::string(line.substr(0, blank));
  }
  if (!alone.empty()) return alone;
  return fail(errc::invalid, "the checksum file has no line for \"{}\"", name);
}

// ---- S3 ----

std::map<std::string, std::string> sign_s3_get(const std::string& url, const s3_access& access, int64_t now) {
  std::map<std::string, std::string> out;
  if (access.key_id.empty()) return out;
  auto start = url.find("://") + 3;
  auto slash = std::min(url.find('/', start), url.size());
  auto question = std::min(url.find('?', slash), url.size());
  auto host = url.substr(start, slash - start);
  auto path = slash < question ? url.substr(slash, question - slash) : "/";
  std::vector<std::string> query;
  if (question < url.size())
    for (auto part : split(std::string_view(url).substr(question + 1), '&'))
      query.push_back(std::string(part) + (part.find('=') == std::string_view::npos ? "=" : ""));
  std::sort(query.begin(), query.end());
  auto time = static_cast<std::time_t>(now);
  std::tm utc{};
  gmtime_r(&time, &utc);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
  auto day = std::string(stamp, 8);
  auto empty = hex_encode(crypto::sha256(""));
  std::string headers = "host:" + host + "\nx-amz-content-sha256:" + empty + "\nx-amz-date:" + stamp + "\n";
  std::string names = "host;x-amz-content-sha256;x-amz-date";
  if (!access.token.empty()) {
    headers += "x-amz-security-token:" + access.token + "\n";
    names += ";x-amz-security-token";
    out["x-amz-security-token"] = access.token;
  }
  auto canonical = "GET\n" + url_encoded(url_decoded(path), "-_.~/") + "\n" + join(query, "&") + "\n" + headers + "\n" + names + "\n" + empty;
  auto scope = day + "/" + access.region + "/s3/aws4_request";
  auto to_sign = std::string("AWS4-HMAC-SHA256\n") + stamp + "\n" + scope + "\n" + hex_encode(crypto::sha256(canonical));
  auto key =
      crypto::hmac_sha256(crypto::hmac_sha256(crypto::hmac_sha256(crypto::hmac_sha256("AWS4" + access.secret, day), access.region), "s3"), "aws4_request");
  out["x-amz-date"] = stamp;
  out["x-amz-content-sha256"] = empty;
  out["Authorization"] = "AWS4-HMAC-SHA256 Credential=" + access.key_id + "/" + scope + ", SignedHeaders=" + names +
                         ", Signature=" + hex_encode(crypto::hmac_sha256(key, to_sign));
  return out;
}

}  // namespace drover::client
