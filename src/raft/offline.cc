#include "raft/offline.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/ensure.h"
#include "base/log.h"
#include "raft/directory.h"
#include "raft/framing.h"
#include "raft/libraft.h"
#include "raft/limits.h"
#include "raft/segment.h"

namespace drover::raft {

static const log::logger logger("raft");

namespace {

// libraft's encoding of a configuration: format 1, u64 n, then for each server u64 id, address, 0, u8 role.
result<std::vector<server>> decode_configuration(std::string_view encoded) {
  auto broken = [] { return fail(errc::corrupt, "a configuration in the log cannot be read"); };
  if (encoded.size() < 9 || encoded[0] != 1) return broken();
  uint64_t n = load_u64(encoded.data() + 1);
  encoded.remove_prefix(9);
  std::vector<server> out;
  for (uint64_t i = 0; i < n; i++) {
    size_t end = encoded.size() < 8 ? std::string_view::npos : encoded.find('\0', 8);
    if (end == std::string_view::npos || end + 1 >= encoded.size()) return broken();
    role r = encoded[end + 1] == RAFT_VOTER ? role::voter : encoded[end + 1] == RAFT_STANDBY ? role::standby : role::spare;
    out.push_back({load_u64(encoded.data()), std::string(encoded.substr(8, end - 8)), r});
    encoded.remove_prefix(end + 2);
  }
  return out;
}

// A server that runs holds the lock; looking must not make one.
result<> check_unused(const std::string& directory) {
  int fd = open((directory + "/lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  bool used = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(fd);
  if (used) return fail(errc::conflict, "a server runs on {}; stop it first", directory);
  return {};
}

// Just enough of libraft to write one entry.
class writer {
 public:
  explicit writer(const std::string& directory) : directory_(directory) {
    uv_loop_init(&loop_);
    transport_.impl = this;
    transport_.init = [](raft_uv_transport*, raft_id, const char*) { return 0; };
    transport_.close = [](raft_uv_transport* t, raft_uv_transport_close_cb done) {
      auto& self = *static_cast<writer*>(t->impl);
      self.transport_closed_ = done;
      uv_async_init(&self.loop_, &self.later_, [](uv_async_t* handle) {
        auto& w = *static_cast<writer*>(handle->data);
        uv_close(reinterpret_cast<uv_handle_t*>(handle), nullptr);
        w.transport_closed_(&w.transport_);
      });
      self.later_.data = &self;
      uv_async_send(&self.later_);
    };
  }
  ~writer() {
    uv_run(&loop_, UV_RUN_DEFAULT);
    if (io_made_) raft_uv_close(&io_);
    ENSURE(uv_loop_close(&loop_) == 0, "the raft loop ended with open handles");
  }

  result<> write(uint64_t id, const std::vector<server>& servers) {
    TRY(check(raft_uv_init(&io_, &loop_, directory_.c_str(), &transport_)));
    io_made_ = true;
    raft_uv_set_auto_recovery(&io_, false);
    fsm_.version = 1;
    fsm_.apply = [](raft_fsm*, const raft_buffer*, void**) { return 0; };
    TRY(check(raft_init(&raft_, &io_, &fsm_, id, "offline")));
    raft_configuration configuration;
    raft_configuration_init(&configuration);
    int status = 0;
    for (const server& s : servers) {
      if (status == 0) status = raft_configuration_add(&configuration, s.id, s.address.c_str(), s.role == role::voter ? RAFT_VOTER : RAFT_STANDBY);
    }
    if (status == 0) status = raft_recover(&raft_, &configuration);
    raft_configuration_close(&configuration);
    raft_close(&raft_, [](::raft*) {});
    return check(status);
  }

 private:
  result<> check(int status) {
    if (status == 0) return {};
    return fail(libraft_error(status, fmt::format("cannot write a configuration to {}", directory_), io_made_ ? io_.errmsg : nullptr));
  }
  std::string directory_;
  uv_loop_t loop_{};
  uv_async_t later_{};
  raft_uv_transport transport_{};
  raft_uv_transport_close_cb transport_closed_ = nullptr;
  raft_io io_{};
  bool io_made_ = false;
  raft_fsm fsm_{};
  ::raft raft_{};
};

result<> check_list(const recovery& r, const log_survey& found) {
  if (found.last_index == 0) return fail(errc::invalid, "{} holds no log: there is nothing to recover", r.directory);
  if (r.servers.empty() || r.servers.size() > servers_max) return fail(errc::invalid, "a cluster has 1 to {} servers, not {}", servers_max, r.servers.size());
  std::set<uint64_t> ids;
  bool votes = false;
  for (const server& s : r.servers) {
    if (s.id == 0 || s.address.empty() || !ids.insert(s.id).second)
      return fail(errc::invalid, "the server {} is named twice, or has no id or address", s.address);
    votes = votes || s.role == role::voter;
  }
  if (!votes) return fail(errc::invalid, "none of the servers votes");
  if (found.owner != 0 && !ids.contains(found.owner)) return fail(errc::invalid, "the list lacks the server whose log this is ({})", r.directory);
  return {};
}

}  // namespace

result<log_survey> survey(const std::string& directory) {
  if (access(directory.c_str(), F_OK) != 0) return fail(errc::not_found, "there is no directory {}", directory);
  TRY(check_unused(directory));
  TRY_ASSIGN(stored_log log, read_stored_log(directory));
  log_survey out;
  out.owner = log.owner;
  out.term = std::max(log.term, log.last_term);
  out.snapshot_index = log.report.snapshot_index;
  out.first_index = log.report.first_index;
  out.last_index = log.last_index;
  out.last_term = log.last_term;
  out.configuration_index = log.configuration_index;
  out.repairs = log.report.repairs;
  if (log.configuration.empty()) return out;
  TRY_ASSIGN(out.servers, decode_configuration(log.configuration));
  return out;
}

result<> visit_log(const std::string& directory, const std::function<result<>(const logged_entry&)>& each) {
  if (access(directory.c_str(), F_OK) != 0) return fail(errc::not_found, "there is no directory {}", directory);
  TRY(check_unused(directory));
  result<> outcome;
  auto visit = [&](uint64_t index, const segment_entry& entry) {
    if (!outcome) return;
    logged_entry shown{.index = index, .term = entry.term};
    if (entry.type == RAFT_COMMAND) {
      auto payload = read_entry_frame(entry.data);
      if (!payload) return void(outcome = fail(payload.error()));
      shown.kind = entry_kind::command;
      shown.payload = *payload;
    } else if (entry.type == RAFT_BARRIER) {
      shown.kind = entry_kind::barrier;
    } else if (entry.type == entry_type_configuration) {
      auto servers = decode_configuration(entry.data);
      if (!servers) return void(outcome = fail(servers.error()));
      shown.kind = entry_kind::configuration;
      shown.servers = *std::move(servers);
    }
    outcome = each(shown);
  };
  TRY(read_stored_log(directory, visit));
  return outcome;
}

result<stored_snapshot> newest_snapshot(const std::string& directory) {
  TRY(check_unused(directory));
  TRY_ASSIGN(stored_log log, read_stored_log(directory));
  if (log.snapshot_file.empty()) return stored_snapshot();
  TRY_ASSIGN(std::string frame, read_file(log.snapshot_file));
  TRY_ASSIGN(snapshot_view view, read_snapshot_frame(frame));
  return stored_snapshot{.index = view.index, .payload = std::string(view.payload)};
}

bool is_newer(const log_survey& a, const log_survey& b) { return std::tie(a.last_term, a.last_index) > std::tie(b.last_term, b.last_index); }

result<> recover(const recovery& r) {
  TRY_ASSIGN(auto lock, directory_lock::take(r.directory));
  TRY_ASSIGN(directory_report report, recover_directory(r.directory));
  TRY_ASSIGN(stored_log log, read_stored_log(r.directory));
  log_survey found;
  found.owner = log.owner;
  found.last_index = log.last_index;
  TRY(check_list(r, found));
  std::vector<server> servers = r.servers;
  std::sort(servers.begin(), servers.end(), [](const server& a, const server& b) { return a.id < b.id; });
  uint64_t self = found.owner != 0 ? found.owner : servers.front().id;
  TRY(writer(r.directory).write(self, servers));

  TRY_ASSIGN(stored_log written, read_stored_log(r.directory));
  uint64_t index = log.last_index + 1, term = log.last_term + recovery_terms;
  if (written.configuration_index != index || written.last_index != index)
    return fail(errc::io, "the configuration in {} is at index {} and not at {}", r.directory, written.configuration_index, index);
  TRY(store_term(r.directory, std::max(term, log.term)));
  TRY(replace_segment(r.directory, index, write_segment({term, entry_type_configuration, written.configuration})));
  logger.warn("the cluster's configuration was replaced by an operator",
              {{"directory", r.directory}, {"servers", servers.size()}, {"index", index}, {"term", term}});
  return {};
}

}  // namespace drover::raft
