// operator api: any request to the HTTP API, with the address, token and certificates of the command line; operator metrics.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/job_file.h"
#include "net/http.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec api_flags[] = {
    {"dryrun", flag_kind::boolean, "Print the request as a curl command instead of sending it."},
    {"filter", flag_kind::text, "A filter expression, sent as the query parameter of that name."},
    {"verbose", flag_kind::boolean, "Print the heads of request and answer to stderr."},
    {"X", flag_kind::text, "Method; GET, or POST if there is a body."},
    {"H", flag_kind::list, "A header, \"Name: text\". May be given many times."},
};

// "a-b" -> "A-B", as headers are usually written.
std::string header_name(std::string_view text) {
  std::string out;
  bool first = true;
  for (char c : text) {
    out += static_cast<char>(first ? std::toupper(static_cast<unsigned char>(c)) : std::tolower(static_cast<unsigned char>(c)));
    first = c == '-';
  }
  return out;
}

// What is piped in or redirected; a terminal or /dev/null has nothing to say.
result<std::string> read_body() {
  struct stat status{};
  if (::fstat(STDIN_FILENO, &status) != 0 || S_ISCHR(status.st_mode)) return std::string();
  return read_input("-");
}

std::string quoted_for_shell(std::string_view text) { return "'" + replace_all(text, "'", "'\\''") + "'"; }

// The path and its parameters; the address may stand before it.
result<api_request> request_of(context& c) {
  auto path = c.arguments[0];
  if (path.starts_with(c.api.options().address)) path = path.substr(c.api.options().address.size());
  if (!path.starts_with('/')) return fail(errc::invalid, "\"{}\" is no path of the API: it begins with \"/\", as in /v1/jobs", path);
  api_request out{.method = c.flags.text("X"), .any_status = true};
  auto mark = path.find('?');
  out.path = path.substr(0, mark);
  if (mark != std::string::npos) {
    TRY_ASSIGN(auto query, net::http_query::parse(std::string_view(path).substr(mark + 1)));
    for (const auto& each : query.params()) out.query.emplace_back(each.name, each.value.value_or(""));
  }
  if (c.flags.has("filter")) out.query.emplace_back("filter", c.flags.text("filter"));
  for (const auto& each : c.flags.list("H")) {
    auto colon = each.find(':');
    if (colon == std::string::npos || colon == 0) return fail(errc::invalid, "-H \"{}\" is no header: write \"Name: text\"", each);
    out.headers.emplace_back(header_name(trim(std::string_view(each).substr(0, colon))), trim(std::string_view(each).substr(colon + 1)));
  }
  return out;
}

// Secrets are named by the variables that hold them.
std::string curl_of(const context& c, const api_request& request) {
  const auto& options = c.api.options();
  std::string out = "curl \\\n";
  if (request.method != "GET") out += fmt::format("  -X {} \\\n", request.method);
  if (!options.token.empty()) out += "  -H \"X-Nomad-Token: ${NOMAD_TOKEN}\" \\\n";
  for (const auto& [name, text] : request.headers) out += fmt::format("  -H {} \\\n", quoted_for_shell(name + ": " + text));
  const std::pair<std::string_view, const std::string*> files[] = {
      {"cacert", &options.ca_file}, {"capath", &options.ca_directory}, {"cert", &options.certificate_file}, {"key", &options.key_file}};
  for (const auto& [flag, path] : files)
    if (!path->empty()) out += fmt::format("  --{} {} \\\n", flag, quoted_for_shell(*path));
  if (!options.tls_verify) out += "  --insecure \\\n";
  if (!request.body.empty()) out += "  --data-binary @- \\\n";
  auto query = request.query;
  if (!options.namespace_.empty()) query.emplace_back("namespace", options.namespace_);
  if (!options.region.empty()) query.emplace_back("region", options.region);
  auto url = options.address + request.path;
  for (size_t i = 0; i < query.size(); i++) url += (i == 0 ? "?" : "&") + query[i].first + "=" + path_word(query[i].second);
  auto is_plain = [](char ch) { return std::isalnum(static_cast<unsigned char>(ch)) != 0 || std::string_view(":/._-%").find(ch) != std::string_view::npos; };
  return out + "  " + (std::ranges::all_of(url, is_plain) ? url : quoted_for_shell(url));
}

result<int> run_verbose(context& c, api_request request) {
  c.out.complain(fmt::format("> {} {} HTTP/1.1", request.method, request.path));
  for (const auto& [name, text] : request.headers) c.out.complain(fmt::format("> {}: {}", name, text));
  c.out.complain(">\n* Sending request and receiving response...");
  auto answer = c.api.send(std::move(request));
  if (!answer) return context::failed("performing request", answer.error());
  c.out.complain(fmt::format("< HTTP/1.1 {}", answer->status));
  for (const auto& [name, text] : answer->headers) c.out.complain(fmt::format("< {}: {}", name, text));
  c.out.write(answer->body);
  return 0;
}

result<int> run_api(context& c) {
  if (c.arguments.size() != 1) return c.misused("A path or URL is required");
  TRY_ASSIGN(auto request, request_of(c));
  TRY_ASSIGN(request.body, read_body());
  if (request.method.empty()) request.method = request.body.empty() ? "GET" : "POST";
  if (c.flags.on("dryrun")) {
    c.say(curl_of(c, request));
    return 0;
  }
  if (c.verbose()) return run_verbose(c, std::move(request));
  auto done = c.api.stream(std::move(request), [&](std::string_view piece) {
    c.out.write(piece);
    c.out.flush();
    return true;
  });
  if (!done) return context::failed("performing request", done.error());
  return 0;
}

constexpr flag_spec metrics_flags[] = {
    {"pretty", flag_kind::boolean, "JSON on several lines."}, {"format", flag_kind::text, "\"prometheus\", or JSON."}, json_flag, template_flag};

result<int> run_metrics(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  api_request ask{.path = "/v1/metrics"};
  if (c.flags.on("pretty")) ask.query.emplace_back("pretty", "1");
  if (c.flags.has("format")) ask.query.emplace_back("format", c.flags.text("format"));
  auto answer = c.api.send(std::move(ask));
  if (!answer) return context::failed("getting metrics", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  c.say(trim(answer->body));
  return 0;
}

}  // namespace

const command operator_api = {.name = "operator api",
                              .synopsis = "Send any request to the HTTP API",
                              .usage = "[options] <path>",
                              .help = "Prints the body of the answer, whatever its status. A body is read from stdin if something is piped in.",
                              .flags = api_flags,
                              .run = &run_api};
const command operator_metrics = {.name = "operator metrics",
                                  .synopsis = "Print the metrics of an agent",
                                  .usage = "[options]",
                                  .help = "As /v1/metrics has them.",
                                  .flags = metrics_flags,
                                  .run = &run_metrics};

}  // namespace drover::cli::commands
