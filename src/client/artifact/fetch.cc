#include "client/artifact/fetch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "client/artifact/limits.h"
#include "client/system.h"

namespace drover::client {

namespace {
namespace fs = std::filesystem;

// A directory of this fetch beside the destination, gone with it.
class work_directory {
 public:
  static result<work_directory> make(const std::string& root) {
    auto path = root + "/.artifact-" + new_uuid().substr(0, 8);
    if (::mkdir(path.c_str(), 0700) != 0) return fail(system_error(errno, "create " + path));
    return work_directory(path);
  }
  explicit work_directory(std::string path) : path_(std::move(path)) {}
  work_directory(work_directory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  work_directory& operator=(work_directory&&) = delete;
  ~work_directory() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  std::string at(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

std::string option(const parsed_artifact& a, const std::string& name) {
  auto found = a.options.find(name);
  return found == a.options.end() ? "" : found->second;
}

s3_access access_of(const parsed_artifact& a) {
  auto from = [&](const char* name, const char* variable) {
    auto v = option(a, name);
    const char* env = std::getenv(variable);
    return v.empty() && env ? std::string(env) : v;
  };
  auto region = from("region", "AWS_REGION");
  return {from("aws_access_key_id", "AWS_ACCESS_KEY_ID"), from("aws_access_key_secret", "AWS_SECRET_ACCESS_KEY"), from("aws_access_token", "AWS_SESSION_TOKEN"),
          region.empty() ? "us-east-1" : region};
}

class fetcher {
 public:
  fetcher(const artifact_request& request, parsed_artifact what, const work_directory& work) : request_(request), what_(std::move(what)), work_(work) {}

  result<> run() {
    kind_ = wanted_archive();
    TRY(bring());
    TRY(check());
    auto content = fetched_;
    if (!is_directory_ && kind_ != archive_kind::none) {
      content = work_.at("unpacked");
      if (::mkdir(content.c_str(), 0700) != 0) return fail(system_error(errno, "create " + content));
      auto single = fs::path(what_.file_name).stem().string();
      TRY(unpack(fetched_, kind_, single.empty() ? "file" : single, content, {request_.limits.unpacked_files_max, request_.limits.unpacked_size_max}));
      is_directory_ = true;
    }
    if (!what_.subdirectory.empty()) TRY(narrow(content));
    if (!request_.limits.disable_inspection) TRY(inspect(content));
    if (request_.uid >= 0 || request_.gid >= 0) TRY(give_away(content));
    return place(content);
  }

 private:
  archive_kind wanted_archive() const {
    auto said = option(what_, "archive");
    if (parse_bool(said) == false || what_.by == getter::git) return archive_kind::none;
    if (!said.empty() && !parse_bool(said)) return archive_kind_of(said);
    return archive_kind_of(what_.file_name);
  }

  // Into fetched_.
  result<> bring() {
    fetched_ = work_.at("fetched");
    switch (what_.by) {
      case getter::git:
        is_directory_ = true;
        if (request_.mode == "file") return fail(errc::invalid, "a git repository is a directory: mode = \"file\" does not fit");
        return clone_git(what_, request_.limits.git_timeout, fetched_);
      case getter::file: return copy_local();
      case getter::s3: {
        auto headers = sign_s3_get(what_.url, access_of(what_), wall_now().unix_seconds());
        return download({what_.url, std::move(headers), request_.insecure, request_.limits.s3_timeout, request_.limits.http_size_max}, fetched_);
      }
      case getter::http: break;
    }
    return download({what_.url, request_.headers, request_.insecure, request_.limits.http_read_timeout, request_.limits.http_size_max}, fetched_);
  }

  result<> copy_local() {
    std::error_code failed;
    if (!fs::exists(what_.url, failed)) return fail(errc::unavailable, "{} does not exist on this node", what_.url);
    is_directory_ = fs::is_directory(what_.url, failed);
    if (is_directory_ && request_.mode == "file") return fail(errc::invalid, "{} is a directory: mode = \"file\" does not fit", what_.url);
    fs::copy(what_.url, fetched_, fs::copy_options::recursive | fs::copy_options::copy_symlinks, failed);
    if (failed) return fail(system_error(failed.value(), "copy " + what_.url));
    return {};
  }

  result<> check() {
    auto wanted = option(what_, "checksum");
    if (wanted.empty()) return {};
    if (is_directory_) return fail(errc::invalid, "a checksum cannot be given for a directory");
    if (wanted.starts_with("file:")) {
      TRY_ASSIGN(wanted, from_file(wanted.substr(5)));
    }
    auto colon = wanted.find(':');
    if (colon == std::string::npos) return check_digest(fetched_, "", wanted);
    return check_digest(fetched_, wanted.substr(0, colon), wanted.substr(colon + 1));
  }

  result<std::string> from_file(const std::string& where) {
    auto path = work_.at("sums");
    if (where.starts_with("http://") || where.starts_with("https://"))
      TRY(download({where, request_.headers, request_.insecure, request_.limits.http_read_timeout, static_cast<int64_t>(limits::checksum_file_bytes_max)},
                   path));
    else path = where.starts_with("file://") ? where.substr(7) : where;
    TRY_ASSIGN(auto text, read_file(path, limits::checksum_file_bytes_max));
    return digest_in_file(text, what_.file_name);
  }

  // Only the part behind "//".
  result<> narrow(std::string& content) {
    auto wanted = fs::path(what_.subdirectory).lexically_normal();
    if (!is_directory_ || wanted.is_absolute() || *wanted.begin() == "..")
      return fail(errc::invalid, "\"//{}\" is no part of the artifact", what_.subdirectory);
    auto inner = fs::path(content) / wanted;
    std::error_code failed;
    auto real = fs::weakly_canonical(inner, failed);
    auto outside = real.lexically_relative(fs::weakly_canonical(content, failed));
    if (failed || !fs::exists(inner, failed) || *outside.begin() == "..") return fail(errc::invalid, "the artifact has no \"{}\"", what_.subdirectory);
    content = real.string();
    is_directory_ = fs::is_directory(real, failed);
    return {};
  }

  // Links out of what was fetched would let a task's configuration read the node's files.
  result<> inspect(const std::string& content) {
    std::error_code failed;
    if (!is_directory_) return {};
    for (auto it = fs::recursive_directory_iterator(content, failed); !failed && it != fs::recursive_directory_iterator(); it.increment(failed)) {
      if (!it->is_symlink(failed)) continue;
      auto target = fs::read_symlink(it->path(), failed);
      auto end = (target.is_absolute() ? target : it->path().parent_path() / target).lexically_normal().lexically_relative(content);
      if (end.empty() || *end.begin() == "..")
        return fail(errc::invalid, "the artifact's link \"{}\" leads outside of it", it->path().lexically_relative(content).string());
    }
    if (failed) return fail(system_error(failed.value(), "look through the artifact"));
    return {};
  }

  result<> give_away(const std::string& content) {
    auto give = [&](const std::string& path) { return ::lchown(path.c_str(), static_cast<uid_t>(request_.uid), static_cast<gid_t>(request_.gid)) == 0; };
    bool done = give(content);
    std::error_code failed;
    if (is_directory_)
      for (auto it = fs::recursive_directory_iterator(content, failed); !failed && it != fs::recursive_directory_iterator(); it.increment(failed))
        done = give(it->path().string()) && done;
    return done ? result<>{} : fail(system_error(errno, "change the owner of the artifact"));
  }

  result<> place(const std::string& content) {
    fs::path destination = request_.destination;
    if (request_.mode == "file" && is_directory_) {
      // A compressed file that was unpacked is one file again.
      auto first = fs::directory_iterator(content);
      if (first == fs::directory_iterator() || std::next(fs::directory_iterator(content)) != fs::directory_iterator() || !first->is_regular_file())
        return fail(errc::invalid, "the artifact is a directory: mode = \"file\" does not fit");
      return move_to(first->path(), destination);
    }
    if (is_directory_) return merge(content, destination);
    if (request_.mode == "dir") return fail(errc::invalid, "the artifact is a file: mode = \"dir\" does not fit");
    auto name = what_.file_name.empty() ? std::string("download") : what_.file_name;
    ::chmod(content.c_str(), 0644);
    return move_to(content, request_.mode == "file" ? destination : destination / name);
  }

  result<> move_to(const fs::path& from, const fs::path& to) {
    TRY(make_directories(to.parent_path().string(), 0777));
    if (::rename(from.c_str(), to.c_str()) == 0) return {};
    if (errno != EXDEV) return fail(system_error(errno, "move the artifact to " + to.string()));
    // A directory in memory is another file system.
    std::error_code failed;
    fs::copy(from, to, fs::copy_options::overwrite_existing | fs::copy_options::recursive | fs::copy_options::copy_symlinks, failed);
    if (failed) return fail(system_error(failed.value(), "copy the artifact to " + to.string()));
    return {};
  }

  result<> merge(const fs::path& from, const fs::path& to) {
    TRY(make_directories(to.string(), 0777));
    std::error_code failed;
    for (auto it = fs::directory_iterator(from, failed); !failed && it != fs::directory_iterator(); it.increment(failed)) {
      auto target = to / it->path().filename();
      bool both = fs::is_directory(fs::symlink_status(it->path(), failed)) && fs::is_directory(fs::symlink_status(target, failed));
      failed.clear();
      if (both) TRY(merge(it->path(), target));
      else TRY(move_to(it->path(), target));
    }
    if (failed) return fail(system_error(failed.value(), "read " + from.string()));
    return {};
  }

  const artifact_request& request_;
  parsed_artifact what_;
  const work_directory& work_;
  archive_kind kind_ = archive_kind::none;
  std::string fetched_;
  bool is_directory_ = false;
};
}  // namespace

result<> fetch_artifact(const artifact_request& request) {
  TRY_ASSIGN(auto what, parse_artifact(request));
  if (!request.mode.empty() && request.mode != "any" && request.mode != "file" && request.mode != "dir")
    return fail(errc::invalid, "mode \"{}\" of the artifact is unknown: use any, file or dir", request.mode);
  TRY_ASSIGN(auto work, work_directory::make(request.root));
  return fetcher(request, std::move(what), work).run();
}

}  // namespace drover::client
