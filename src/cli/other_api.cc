#include "cli/other_api.h"

#include <cstdlib>

#include "cli/flags.h"
#include "cli/limits.h"
#include "net/blocking.h"
#include "net/http_client.h"

namespace drover::cli {
namespace {
constexpr duration answer_time_max = seconds(10);
constexpr size_t answer_bytes_max = input_bytes_max;
}  // namespace

struct other_api::connection {
  net::loop loop{1};
  std::unique_ptr<net::http_client> http{};
};

other_api::other_api(std::unique_ptr<connection> made) : connection_(std::move(made)) {}
other_api::~other_api() = default;

result<std::unique_ptr<other_api>> other_api::create(other_api_options options) {
  net::http_client_options with;
  with.address = options.address.find("://") == std::string::npos ? "http://" + options.address : options.address;
  with.connect_timeout = answer_time_max;
  bool special = !options.ca_file.empty() || !options.ca_directory.empty() || !options.certificate_file.empty() || !options.key_file.empty();
  if (special && with.address.starts_with("https:")) {
    TRY_ASSIGN(
        with.tls,
        net::tls_context::client(
            {.certificate_file = options.certificate_file, .key_file = options.key_file, .ca_file = options.ca_file, .ca_directory = options.ca_directory}));
  }
  for (auto& [name, text] : options.headers) with.headers.add(std::move(name), std::move(text));
  auto made = std::make_unique<connection>();
  auto http = net::http_client::create(std::move(with));
  if (!http) return wrap(std::move(http).error(), fmt::format("invalid address \"{}\"", options.address));
  made->http = *std::move(http);
  return std::unique_ptr<other_api>(new other_api(std::move(made)));
}

result<other_api_answer> other_api::send(other_api_request request) {
  net::http_client_request wire{.method = std::move(request.method), .target = std::move(request.path), .body = std::move(request.body)};
  wire.timeout = answer_time_max;
  wire.response_bytes_max = answer_bytes_max;
  for (auto& [name, text] : request.headers) wire.headers.set(std::move(name), std::move(text));
  TRY_ASSIGN(auto response, net::run_to_completion(connection_->loop, connection_->http->request(std::move(wire))));
  return other_api_answer{.status = response.status, .body = std::move(response.body)};
}

std::string flag_or_environment(const parsed_flags& flags, std::string_view flag, const char* variable) {
  if (!flag.empty() && flags.has(flag)) return flags.text(flag);
  const char* text = std::getenv(variable);
  return text == nullptr ? std::string() : std::string(text);
}

}  // namespace drover::cli
