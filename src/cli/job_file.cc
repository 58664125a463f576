#include "cli/job_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "cli/limits.h"
#include "hcl/function.h"
#include "jobspec/parse.h"

extern char** environ;

namespace drover::cli {
namespace {

result<std::string> read_descriptor(int descriptor, std::string_view name, size_t bytes_max) {
  std::string out;
  char buffer[64 * 1024];
  for (;;) {
    auto count = ::read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error(errno, fmt::format("read {}", name)));
    if (count == 0) return out;
    out.append(buffer, static_cast<size_t>(count));
    if (out.size() > bytes_max) return fail(errc::too_large, "{} is larger than {} bytes", name, bytes_max);
  }
}

result<std::string> read_path(std::string_view path, size_t bytes_max = job_file_bytes_max) {
  std::string name(path);
  int descriptor = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(system_error(errno, fmt::format("open {}", name)));
  auto out = read_descriptor(descriptor, name, bytes_max);
  ::close(descriptor);
  return out;
}

hcl::function_environment file_functions() {
  namespace fs = std::filesystem;
  hcl::function_environment out;
  out.read_file = [](std::string_view path) { return read_path(path); };
  out.file_exists = [](std::string_view path) -> result<bool> {
    std::error_code code;
    return fs::is_regular_file(fs::path(path), code);
  };
  out.list_files = [](std::string_view directory) -> result<std::vector<std::string>> {
    std::error_code code;
    std::vector<std::string> names;
    for (fs::recursive_directory_iterator at(fs::path(directory), code), end; !code && at != end; at.increment(code))
      if (at->is_regular_file(code)) names.push_back(fs::relative(at->path(), fs::path(directory), code).generic_string());
    if (code) return fail(errc::io, "{}: {}", directory, code.message());
    return names;
  };
  out.absolute_path = [](std::string_view path) -> result<std::string> {
    std::error_code code;
    auto whole = fs::absolute(fs::path(path), code);
    if (code) return fail(errc::io, "{}: {}", path, code.message());
    return whole.lexically_normal().string();
  };
  out.home_directory = []() -> result<std::string> {
    const char* home = std::getenv("HOME");
    if (home == nullptr || *home == '\0') return fail(errc::not_found, "HOME is not set");
    return std::string(home);
  };
  out.now = [] { return now(); };
  out.random = [](std::span<uint8_t> into) {
    while (!into.empty()) {
      auto count = ::getrandom(into.data(), into.size(), 0);
      if (count > 0) into = into.subspan(static_cast<size_t>(count));
    }
  };
  return out;
}

result<jobspec::parse_options> options_of(const context& c, schema::job_submission& submission) {
  jobspec::parse_options out;
  out.strict = c.flags.on("hcl2-strict", true);
  for (char** entry = environ; entry != nullptr && *entry != nullptr; entry++) {
    std::string_view text = *entry;
    if (!text.starts_with("NOMAD_VAR_")) continue;
    auto equals = text.find('=');
    if (equals != std::string_view::npos) out.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  for (const auto& path : c.flags.list("var-file")) {
    auto text = read_path(path);
    if (!text) return wrap(text.error(), fmt::format("Error getting job struct: variable file \"{}\"", path));
    submission.variables += *text;
    submission.variables += '\n';
    out.variable_files.push_back({path, *std::move(text)});
  }
  for (const auto& text : c.flags.list("var")) {
    auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) return fail(errc::invalid, "Error getting job struct: invalid -var \"{}\": it must be name=value", text);
    out.variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    submission.variable_flags[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return out;
}

}  // namespace

result<std::string> read_input(const std::string& path, size_t bytes_max) {
  return path == "-" ? read_descriptor(STDIN_FILENO, "stdin", bytes_max) : read_path(path, bytes_max);
}

result<job_file> read_job_file(context& c, const std::string& path) {
  struct stat status{};
  if (path != "-" && ::stat(path.c_str(), &status) != 0) {
    std::error_code ignored;
    auto whole = std::filesystem::absolute(path, ignored).lexically_normal().string();
    auto why = to_lower(system_error(errno, "").text());
    auto colon = why.rfind(": ");
    return fail(errc::not_found, "Error getting job struct: Error getting jobfile from \"{}\": source path error: stat {}: {}", path, whole,
                colon == std::string::npos ? why : why.substr(colon + 2));
  }
  auto text = read_input(path);
  if (!text) return wrap(text.error(), fmt::format("Error getting job struct: Error reading job file from {}", path));
  job_file out;
  out.submission.source = *text;
  bool from_json = c.self.name.starts_with("job ") && c.flags.on("json");
  auto name = path == "-" ? std::string("<stdin>") : path;
  if (from_json) {
    out.submission.format = "json";
    auto job = jobspec::parse_api_json(*text);
    if (!job) return wrap(job.error(), fmt::format("Error getting job struct: Error parsing job file from {}", name));
    out.job = *std::move(job);
    return out;
  }
  out.submission.format = "hcl2";
  TRY_ASSIGN(auto options, options_of(c, out.submission));
  auto functions = file_functions();
  options.functions = &functions;
  auto outcome = jobspec::parse({name, *std::move(text)}, options);
  if (!outcome.job) return fail(errc::invalid, "Error getting job struct: Error parsing job file from {}:\n{}", path, outcome.problems.lines());
  if (!outcome.problems.empty()) out.warnings = outcome.problems.lines();
  out.job = *std::move(outcome.job);
  const auto& api = c.api.options();
  if (!outcome.names_namespace && !api.namespace_.empty()) out.job.namespace_ = api.namespace_;
  if (!outcome.names_region && !api.region.empty()) out.job.region = api.region;
  return out;
}

}  // namespace drover::cli
